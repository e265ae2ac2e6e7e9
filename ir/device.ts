/**
 * Device: what a machine can do, as a plain record. Backends' probes fill it in; schedules and tune-db read it.
 */

/** An optional ability of a device that better kernels use where it is and no kernel requires. */
export type Feature = "relaxed-simd" | "shared-memory" | "memory64" | "f16" | "subgroups" | "packed-dot";

export interface Device {
  readonly kind: "wasm" | "wgsl" | "reference";
  /** For people: "AMD EPYC, 2 cores, Node 24". Never compared. */
  readonly label: string;
  /** Identity for tuning records: equal where measured times may be compared. */
  readonly fingerprint: string;
  /** Coarser: "x86-64 avx2", where a winner is likely to be good too. */
  readonly architecture: string;
  /** Engine or driver with version: "v8 13.6". */
  readonly engine: string;
  readonly features: readonly Feature[];
  /** Threads that share a kernel's rows, its caller's among them; 1 unless given. What a job is granted of the machine, not what it has. */
  readonly threads?: number;
  /** Sizes in bytes and counts: `cores`, `l2`, `l3`, `maxMemory`, `workgroupMemory`, .. */
  readonly limits: Readonly<Record<string, number>>;
}
