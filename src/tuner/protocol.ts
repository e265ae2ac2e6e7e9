/**
 * What the tuner and its measuring process say to each other: plain data that JSON keeps, one reply for each request.
 */
import type { OpenOptions } from "../../backends/index.ts";
import type { Device, Workload } from "../../ir/index.ts";
import type { Point, Schedule } from "../../schedules/index.ts";

/** A point of a template's space. */
export interface Candidate {
  readonly template: string;
  readonly point: Point;
}

/**
 * A module that a test gives to make candidates fail on purpose; it exports `hook` (see `Hook`). Never set outside of tests.
 */
export interface TestHook {
  /** URL of the module. */
  readonly module: string;
  /** Handed to the hook; plain data. */
  readonly data: unknown;
}

/** Where a hook is called: before a candidate is built, before its first run, after it with the results in place, before it is timed. */
export type HookStage = "build" | "run" | "ran" | "time";

/** Called in the measuring process. `outputs` are the results' bytes, in place, at stage `ran`. */
export type Hook = (
  stage: HookStage,
  candidate: Candidate,
  data: unknown,
  outputs: Readonly<Record<string, Uint8Array>>,
) => void | Promise<void>;

/** How a GPU is chosen and opened where the device is one; the features are the device's. */
export type GpuSelection = Pick<OpenOptions, "limits" | "maxBinding" | "powerPreference" | "software" | "dawn">;

/** What all candidates of a measuring process have in common. */
export interface Setting {
  /** With a fixed M. */
  readonly workload: Workload;
  /** With the features and threads that kernels may use: one that the process has, as its probe says. */
  readonly device: Device;
  readonly gpu?: GpuSelection | undefined;
  /** Of weights and inputs. */
  readonly seed: number;
  /** Packed copies of the weights that the runs take turns on. */
  readonly copies: number;
  readonly testHook: TestHook | undefined;
}

export interface SamplingOptions {
  /** Time to spend on samples, all contestants together. */
  readonly seconds: number;
  /** Samples that each contestant gets even when the time is up. */
  readonly minSamples: number;
}

/** `probe` asks for the device that the process has; `prepare` comes before all others, and takes the place of an earlier one. `id` names a candidate in the process from `build` to `drop`. */
export type Request =
  | { readonly op: "probe"; readonly kind: Device["kind"]; readonly gpu?: GpuSelection | undefined }
  | { readonly op: "prepare"; readonly setting: Setting }
  | { readonly op: "build"; readonly id: string; readonly candidate: Candidate }
  | { readonly op: "check"; readonly id: string }
  | {
      readonly op: "time";
      readonly ids: readonly string[];
      readonly sampling: SamplingOptions;
      /** The first is new: it may be given up where it is far slower than the others. */
      readonly newcomer: boolean;
    }
  | { readonly op: "drop"; readonly id: string };

/** A candidate that was built. */
export interface Built {
  readonly schedule: Schedule;
  /** Identity of the artifact, as `compile` checks it. */
  readonly artifact: string;
  /** Identity of the code, its launches and its layout: equal for points that make the same kernels. */
  readonly kernels: string;
}

/** A candidate that was run once and found right. */
export interface Checked {
  readonly maxError: number;
  /** Milliseconds that the run took. */
  readonly ms: number;
}

/** Samples of contestants, in the order of the request's ids. */
export interface Timed {
  /** Milliseconds of one run each; sample i of every contestant is from the same round. */
  readonly samples: readonly (readonly number[])[];
  /** The timer's smallest step in milliseconds. */
  readonly quantum: number;
}

/** What each request is answered with. */
export interface Results {
  readonly probe: Device;
  readonly prepare: null;
  readonly build: Built;
  readonly check: Checked;
  readonly time: Timed;
  readonly drop: null;
}

/** Why a candidate came to nothing. */
export interface Failure {
  readonly outcome: "crash" | "hang" | "wrong" | "trap" | "rejected";
  readonly reason: string;
  /** The contestant whose fault it is, where a request names several. */
  readonly id?: string;
}

/** `error` is a fault of the setting, not of a candidate. */
export type Reply = { readonly value: unknown } | { readonly failure: Failure } | { readonly error: string };
