/**
 * What identifies a measurement, and what makes two measurements comparable:
 *
 *   key     everything that can change the result of running one configuration; one record per key
 *   scope   the key without template and point: the trials that compete for one kernel on one device
 *   family  the class of the workload (all but m, n, k), layout version, device kind and feature set: what no rung of the look-up crosses
 *
 * Not here: what was measured (record.ts), the order of the rungs (lookup.ts).
 */

import { canonicalJson, type Device, type Workload, workloadKey } from "../ir/index.ts";
import { contentHash } from "./hash.ts";

export type Json = null | boolean | number | string | readonly Json[] | { readonly [name: string]: Json };

/** A point of a template's space: axis name to chosen value. */
export type Point = Readonly<Record<string, Json>>;

/** The part of a device that results depend on. `features` is sorted and without duplicates; `threads` is left out where there is one. */
export interface DeviceKey {
  readonly kind: string;
  readonly architecture: string;
  readonly fingerprint: string;
  readonly engine: string;
  readonly features: readonly string[];
  readonly threads?: number;
}

export interface ScopeKey {
  readonly workload: Workload;
  /** Version of the packed layouts that kernels of this generator read. */
  readonly layoutVersion: number;
  readonly device: DeviceKey;
  /** Hash of the compiler: the same point may become another kernel under another generator. */
  readonly generator: string;
}

export interface TuneKey extends ScopeKey {
  readonly template: string;
  readonly point: Point;
}

/** log2 of the extents m, n, k; null where a workload has no number there (a symbol, or no such axis). */
export interface Shape {
  readonly m: number | null;
  readonly n: number | null;
  readonly k: number | null;
}

/** Features of the memory that kernels work in. */
const ofMemory: ReadonlySet<string> = new Set(["shared-memory", "memory64"]);

/** The scope of a workload on a device, with the features in their canonical order. What the memory is changes no schedule: that it is shared the number of threads says. */
export function makeScope(workload: Workload, device: Device, layoutVersion: number, generator: string): ScopeKey {
  const { kind, architecture, fingerprint, engine, threads = 1 } = device;
  const features = [...new Set(device.features)].filter((feature) => !ofMemory.has(feature)).sort();
  const key = { kind, architecture, fingerprint, engine, features, ...(threads > 1 && { threads }) };
  return { workload, layoutVersion, device: key, generator };
}

/** The key of one configuration within a scope. */
export function makeKey(scope: ScopeKey, template: string, point: Point): TuneKey {
  const { workload, layoutVersion, device, generator } = scope;
  return { workload, layoutVersion, device, generator, template, point };
}

/** SHA-256 of the whole key: the name of a record everywhere. */
export function recordKey(key: TuneKey): string {
  return contentHash(key);
}

export function scopeHash({ workload, layoutVersion, device, generator }: ScopeKey): string {
  return contentHash({ workload, layoutVersion, device, generator });
}

/** The axes that a shape has; an operator may lack some. */
interface Extents {
  readonly m?: number | "any";
  readonly n?: number;
  readonly k?: number;
}

/** The features are never crossed: a kernel for fewer is slower than the default for more, a kernel for more does not load. The number of threads is: what is good on one is on two. */
export function familyHash({ workload, layoutVersion, device }: ScopeKey): string {
  const { m: _m, n: _n, k: _k, ...workloadClass } = workload as Workload & Extents;
  return contentHash({ workloadClass, layoutVersion, kind: device.kind, features: device.features });
}

export function shapeOf(workload: Workload & Extents): Shape {
  const log = (extent: unknown) => (typeof extent === "number" ? Math.log2(Math.max(extent, 0.5)) : null);
  return { m: log(workload.m), n: log(workload.n), k: log(workload.k) };
}

/** The extents for people: "m=1 n=4096 k=4096". */
export function sayShape({ m, n, k }: Workload & Extents): string {
  const extents = Object.entries({ m, n, k }).filter(([, extent]) => extent !== undefined);
  return extents.map(([axis, extent]) => `${axis}=${extent}`).join(" ");
}

/** The extents as one text: what two workloads of a class may differ in. */
export function extentsText({ m, n, k }: Workload & Extents): string {
  return canonicalJson({ m, n, k });
}

/** What a number is away from "any" or another symbol: as far as a factor of 16, so that a measured neighbour within that wins. */
export const SYMBOL_DISTANCE = 4;

/** Sum over m, n, k of |log2 a - log2 b|: 1 is a factor of two in one extent. */
export function shapeDistance(a: Shape, b: Shape): number {
  const along = (x: number | null, y: number | null) => {
    if (x === null && y === null) return 0;
    return x === null || y === null ? SYMBOL_DISTANCE : Math.abs(x - y);
  };
  return along(a.m, b.m) + along(a.n, b.n) + along(a.k, b.k);
}

/**
 * A scope as two canonical texts. Records are exported in the byte order of (workload, rest, template, point as text), so that all
 * trials of one workload stand together.
 */
export function scopeTexts({ workload, device, layoutVersion, generator }: ScopeKey): {
  workload: string;
  rest: string;
} {
  return { workload: workloadKey(workload), rest: canonicalJson({ device, layoutVersion, generator }) };
}

const utf8 = new TextEncoder();

/** The order of UTF-8 bytes, which is SQLite's own and does not depend on a locale. */
export function compareText(a: string, b: string): number {
  const [x, y] = [utf8.encode(a), utf8.encode(b)];
  const differs = x.findIndex((byte, i) => byte !== y[i]);
  return differs === -1 || differs >= y.length ? x.length - y.length : x[differs]! - y[differs]!;
}
