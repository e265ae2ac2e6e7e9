/** A thread of the pool: takes part in launches, and between them reads its mail. Loads in Node, Deno and browsers. */
import { type CallRange, type Control, serve } from "./control.ts";
import type { Answer, Mail } from "./mail.ts";

type Exported = (...args: readonly number[]) => void;

/** The way to the pool, the same in Node's workers and in browsers'. */
interface Port {
  postMessage(answer: Answer): void;
  addEventListener(type: "message", listener: (event: { readonly data: Mail }) => void): void;
  start?(): void;
}

const node = globalThis.process?.getBuiltinModule?.("node:worker_threads");
const port = (node?.parentPort ?? globalThis) as unknown as Port;

/** Exports in their order, by the number of the module. */
const kernels = new Map<number, readonly Exported[]>();
let begun: { readonly control: Control; readonly thread: number } | undefined;
let read = 0;

const call: CallRange = ({ kernel, function: at, args }, begin, end) =>
  kernels.get(kernel)?.[at]?.(...args, begin, end);

function take(mail: Mail): void {
  if (mail.kind === "begin") begun = mail;
  else if (mail.kind === "drop") kernels.delete(mail.id);
  else {
    const { exports } = new WebAssembly.Instance(mail.module, { env: { memory: mail.memory } });
    kernels.set(mail.id, Object.values(exports) as Exported[]);
  }
}

port.addEventListener("message", ({ data }) => {
  read++;
  try {
    take(data);
    if (data.kind !== "drop") port.postMessage({});
  } catch (error) {
    port.postMessage({ error: error instanceof Error ? error.message : String(error) });
  }
  if (begun !== undefined) serve(begun.control, begun.thread, read, call);
});
port.start?.();
