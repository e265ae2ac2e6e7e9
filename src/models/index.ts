/** Known models as workloads: what is tuned where nothing else is named. Loads in browsers. */
export { llama1b, type NamedMatmul } from "./llama.ts";
export { type KeyOrder, type KeyShape, keyOrder, reorderFrequencies, reorderHeads } from "./reorder.ts";
export { type RopeOptions, type RopeScaling, type RopeTable, ropeTable } from "./rope.ts";
