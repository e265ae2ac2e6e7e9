/** Quantization formats: what other parts of `ir/` and, through `ir/index.ts`, other folders may use. */
export { type CacheFormat, cacheFormatOf } from "./along.ts";
export { formatNames, formatOf } from "./catalog.ts";
export { checkContainers } from "./check.ts";
export { checkMultiple, checkRow, containerBuffers, containerBytes, rowEntries } from "./containers.ts";
export { decodeAt, decodeFields, evenStep, integerAt, packedFields } from "./decode.ts";
export { encode } from "./encode.ts";
export { encodedRow, smallestScale } from "./encode-kernel.ts";
export { levelOf } from "./extract.ts";
export {
  type Codes,
  type Containers,
  type Field,
  type FieldName,
  type Format,
  fieldOf,
  type Span,
  spanOf,
  termsOf,
} from "./format.ts";
export { decodeReference, type FieldReader, fieldReader, type ReferenceRow, rowReader, valueAt } from "./reference.ts";
export { fieldAt, fieldDigits, unpackKernel } from "./unpack.ts";
