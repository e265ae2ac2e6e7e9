/**
 * What can go wrong between a kernel and a GPU by its user's doing or the machine's: one row per fault, each message saying what to do.
 * Not here: when they are thrown.
 */
import { QloomError } from "../../../ir/index.ts";

/** What each fault's message is made of. */
export interface GpuFaults {
  /** The engine has no WebGPU at all. `secure` is false on pages that browsers hide it from. */
  readonly "no-webgpu": { readonly engine: string; readonly secure: boolean };
  /** Node without the npm package, or with one whose binary does not load here (`cause`). */
  readonly "no-package": { readonly cause?: string };
  readonly "no-adapter": { readonly engine: string; readonly tried: readonly string[]; readonly remedy: string };
  readonly feature: { readonly wanted: string; readonly adapter: string; readonly has: readonly string[] };
  /** Something is larger than the device allows. */
  readonly limit: { readonly what: string; readonly limit: string; readonly remedy: string };
  /** The driver refused a shader; `line` counts from 1 and is 0 where the driver names none. */
  readonly shader: {
    readonly name: string;
    readonly adapter: string;
    readonly reason: string;
    readonly line: number;
    readonly source: string;
  };
  readonly lost: { readonly adapter: string; readonly reason: string };
  /** The runtime was disposed of. */
  readonly closed: { readonly adapter: string };
  readonly memory: { readonly what: string; readonly used: number };
  /** A call that can't be meant: the reason and the remedy are the caller's. */
  readonly call: { readonly reason: string };
  /** The driver refused, or failed at, something that should have worked. */
  readonly driver: { readonly what: string; readonly reason: string };
}

export type GpuFault = keyof GpuFaults;

const wasm = "kernels for Wasm run without a GPU";

const messages: { readonly [F in GpuFault]: (facts: GpuFaults[F]) => string } = {
  "no-webgpu": ({ engine, secure }) =>
    secure
      ? `${engine} has no WebGPU: use Chrome or Edge 127, Safari 26, Firefox 141 or Deno 2 (or newer), or Node with the npm package webgpu; ${wasm}`
      : `this page is served without https, so ${engine} hides WebGPU from it: serve it by https or from localhost; ${wasm}`,
  "no-package": ({ cause }) =>
    cause === undefined
      ? `WebGPU in Node needs the npm package webgpu: npm install webgpu; ${wasm}`
      : `the npm package webgpu does not load here (${cause}): reinstall it, or use Node on a platform that it has a binary for; ${wasm}`,
  "no-adapter": ({ engine, tried, remedy }) =>
    `${engine} finds no GPU (tried ${tried.join(", then ")}): ${remedy}; ${wasm}`,
  feature: ({ wanted, adapter, has }) =>
    `feature ${wanted} was asked for, but ${adapter} has ${has.length > 0 ? `only ${has.join(", ")}` : "none of the optional ones"}: leave it out, every kernel has a form without it`,
  limit: ({ what, limit, remedy }) => `${what} is over the limit of ${limit}: ${remedy}`,
  shader: ({ name, adapter, reason, line, source }) => {
    const text = source.split("\n")[line - 1]?.trim();
    return `${adapter} refuses the shader of kernel ${name}: ${text === undefined ? reason : `line ${line}: ${reason}: ${text}`}: report it, or choose another schedule; ${wasm}`;
  },
  lost: ({ adapter, reason }) =>
    `the GPU device was lost (${adapter}: ${reason}), and what it held with it: reopen() gives a new one to load the weights into; ${wasm}`,
  closed: ({ adapter }) => `the runtime of ${adapter} was disposed of: open another by openGpu()`,
  memory: ({ what, used }) =>
    `the GPU has no memory for ${what} (${used} bytes are in use here): free tensors that are no longer needed, close what else uses the GPU, or take a smaller model; ${wasm}`,
  call: ({ reason }) => reason,
  driver: ({ what, reason }) =>
    `the driver failed at ${what}: ${reason}: update the driver or the browser, or report this with the output of qloom device; ${wasm}`,
};

/** How many lines of the source `render` shows on either side of the refused one. */
const context = 3;

/** An error of the GPU, its driver or its use. `fault` says which; the message is one line and ends in what to do. */
export class GpuError extends QloomError {
  override name = "GpuError";
  readonly fault: GpuFault;
  readonly #excerpt: string;

  constructor(fault: GpuFault, message: string, excerpt = "") {
    super(message);
    this.fault = fault;
    this.#excerpt = excerpt;
  }

  /** The message, and for a refused shader its numbered lines around the place, marked. */
  render(): string {
    return this.#excerpt === "" ? this.message : `${this.message}\n${this.#excerpt}`;
  }
}

/** The error of a fault. */
export function gpuError<F extends GpuFault>(fault: F, facts: GpuFaults[F]): GpuError {
  const message = messages[fault](facts).replaceAll(/\s*\n\s*/g, " ");
  return new GpuError(fault, message, "source" in facts ? excerptOf(facts.source, facts.line) : "");
}

function excerptOf(source: string, line: number): string {
  const lines = source.split("\n");
  const [first, last] = line > 0 ? [Math.max(1, line - context), Math.min(lines.length, line + context)] : [1, 0];
  const width = String(last).length;
  return lines
    .slice(first - 1, last)
    .map((text, i) => `${first + i === line ? ">" : " "} ${String(first + i).padStart(width)} | ${text}`)
    .join("\n");
}

/** The first line with words in it of what a driver says. */
export function firstLine(text: string): string {
  return (
    text
      .split("\n")
      .map((line) => line.trim())
      .find((line) => line !== "") ?? "no reason given"
  );
}

/** What a caught value says, in one line. */
export function reasonOf(caught: unknown): string {
  return firstLine(caught instanceof Error ? caught.message || caught.name : String(caught));
}
