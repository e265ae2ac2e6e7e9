/** Node's modules, asked for at run time: this folder also loads in browsers, where nothing calls it. */

export const nodeFs = (): typeof import("node:fs/promises") => process.getBuiltinModule("node:fs/promises");
export const nodePath = (): typeof import("node:path") => process.getBuiltinModule("node:path");
export const nodeOs = (): typeof import("node:os") => process.getBuiltinModule("node:os");
export const nodeModule = (): typeof import("node:module") => process.getBuiltinModule("node:module");
export const nodeZlib = (): typeof import("node:zlib") => process.getBuiltinModule("node:zlib");
export const nodeUtil = (): typeof import("node:util") => process.getBuiltinModule("node:util");
export const nodeChild = (): typeof import("node:child_process") => process.getBuiltinModule("node:child_process");
