/** What the pool and its workers say to each other, as types. */
import type { Control } from "./control.ts";

/** What the pool says to a worker. */
export type Mail =
  | { readonly kind: "begin"; readonly control: Control; readonly thread: number }
  | {
      readonly kind: "load";
      readonly id: number;
      readonly module: WebAssembly.Module;
      readonly memory: WebAssembly.Memory;
    }
  | { readonly kind: "drop"; readonly id: number };

/** What a worker answers to all but `drop`. */
export interface Answer {
  readonly error?: string;
}
