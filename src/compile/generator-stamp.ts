/**
 * The compiler's identity where it is known beforehand. `npm run build` and the server of the sources (src/web) put `stampText` in this file's
 * place: in a browser there are no files to hash, and a published qloom is the compiler that its sources are.
 */
import type { Device } from "../../ir/index.ts";

export const generatorStamp: Readonly<Partial<Record<Device["kind"], string>>> = {};
