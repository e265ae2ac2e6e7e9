// The public API: what `import ... from "qloom"` gives.

export { version } from "./version.ts";
