/** The report of a GPU, as it is written in JSON. Not here: its schema (schema.ts), measuring (run.ts), what the targets are (targets.ts). */
import type { Figure } from "./figure.ts";
import type { GpuLimits } from "./limits.ts";
import type { Arithmetic } from "./rate-kernels.ts";

/** What `bench:gpu` writes. Rates are 10^9 per second. */
export interface GpuReport {
  readonly format: "qloom GPU report 1";
  /** The adapter is the processor: the figures say nothing about GPUs. */
  readonly software: boolean;
  /** Small sizes and few samples: for trying the program. */
  readonly quick: boolean;
  /** Whether all of it was measured. */
  readonly complete: boolean;
  readonly started: string;
  readonly seconds: number;
  readonly versions: Readonly<Record<string, string>>;
  readonly system: {
    readonly platform: string;
    readonly release: string;
    readonly cpu: string;
    readonly memoryGiB: number;
  };
  readonly device?: DeviceReport | undefined;
  readonly limits?: GpuLimits | undefined;
  readonly decode: readonly DecodeRow[];
  readonly rows: readonly RowsRow[];
  readonly prefill: readonly PrefillRow[];
  readonly shapes: readonly ShapeRow[];
  readonly targets: readonly Target[];
  /** What could not be measured, and why. */
  readonly failures: readonly { readonly what: string; readonly why: string }[];
}

export interface DeviceReport {
  readonly label: string;
  readonly fingerprint: string;
  readonly architecture: string;
  readonly engine: string;
  readonly features: readonly string[];
  readonly limits: Readonly<Record<string, number>>;
  /** What the engine says of the adapter, the driver among it. */
  readonly adapter: Readonly<Record<string, string>>;
  /** The kernel's part of the driver, where the system tells of it; else empty. */
  readonly driver: string;
  readonly clock: {
    readonly clock: "timestamps" | "wall";
    readonly why: string;
    readonly quantumMs: number;
    readonly overheadMs: number;
  };
}

/** What was run. */
export interface MatmulReport {
  readonly n: number;
  readonly k: number;
  /** Format of the weights. */
  readonly w: string;
  /** What is computed in. */
  readonly compute: string;
  /** `default`: as compiled without any records; `tuned`: with those of this run. */
  readonly kernels: "default" | "tuned";
}

/** One row of x. */
export interface DecodeRow extends MatmulReport {
  /** Copies of the weights that the runs take turns on, and the bytes of each as stored. */
  readonly copies: number;
  readonly bytes: number;
  readonly ms: Figure;
  /** Bytes of weights. */
  readonly rate: Figure;
  /** Of the rate of reading. */
  readonly share: number;
}

/** More and more rows of x. */
export interface RowsRow extends MatmulReport {
  readonly copies: number;
  readonly rows: readonly {
    readonly m: number;
    readonly ms: Figure;
    /** Time per row against that of one row less; the first has none. */
    readonly step?: number | undefined;
  }[];
}

/** Many rows of x. */
export interface PrefillRow extends MatmulReport {
  readonly m: number;
  readonly ms: Figure;
  /** Multiplications and additions. */
  readonly rate: Figure;
  /** The loop on registers that it is held against, and the share of its rate. */
  readonly against: Arithmetic;
  readonly share: number;
}

export interface PointTiming {
  readonly point: Readonly<Record<string, number | string>>;
  readonly ms: Figure;
}

/** A matmul of a model, untuned, tuned, and at the best point of a reduced space, timed side by side. */
export interface ShapeRow {
  readonly name: string;
  readonly m: number;
  readonly n: number;
  readonly k: number;
  readonly w: string;
  readonly compute: string;
  readonly copies: number;
  readonly template: string;
  /** Points that tuning tried, and points of the reduced space. */
  readonly tried: number;
  readonly reduced: number;
  readonly default: PointTiming;
  readonly tuned: PointTiming;
  readonly optimum: PointTiming;
  /** Speed of the default as a share of the tuned kernel's; of the tuned one as a share of the optimum's. */
  readonly defaultOfTuned: number;
  readonly tunedOfOptimum: number;
}

export interface Target {
  readonly what: string;
  readonly wanted: number;
  /** Whether at least or at most so much is wanted. */
  readonly bound: "least" | "most";
  /** The worst measured; null where nothing was. */
  readonly reached: number | null;
  readonly met: boolean | null;
}
