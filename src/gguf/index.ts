// The public names of src/gguf: GGUF files, read and written.

export { HEADER_LIMITS } from "./cursor.ts";
export type { GgufErrorParts } from "./errors.ts";
export { GgufError } from "./errors.ts";
export type { GgufContents } from "./file.ts";
export { GgufFile, openGguf } from "./file.ts";
export type { GgufTensor } from "./layout.ts";
export type { MatmulShape, MatmulSurvey, Model, NotMatmul } from "./matmuls.ts";
export { distinctMatmuls, surveyMatmuls } from "./matmuls.ts";
export type { GgmlType, GgmlTypeName } from "./types.ts";
export { GGML_TYPES, ggmlTypeName, isGgmlType, isQuantized } from "./types.ts";
export type { GgufArray, GgufBigType, GgufNumberType, GgufValue, GgufValueType } from "./value.ts";
export type { GgufToWrite, TensorData, TensorToWrite } from "./write.ts";
export { writeGguf } from "./write.ts";
