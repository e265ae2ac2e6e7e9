// A GPU that is played: devices whose answers a test decides, for faults that no real device can be made to have.

import type { Engine } from "../../../../backends/wgsl/runtime/engine.ts";

/** Errors that the next scopes report, by filter. */
export type Reported = Partial<Record<GPUErrorFilter, string>>;

export interface FakeDevice {
  readonly gpu: GPUDevice;
  lose(message: string, reason?: GPUDeviceLostReason): void;
  /** What the scopes of the next captured action report. */
  fail(next: Reported): void;
  isDestroyed(): boolean;
  /** How many scopes were pushed and not popped. */
  openScopes(): number;
}

/** A device that takes everything and does nothing. */
export function fakeDevice(): FakeDevice {
  const lost = Promise.withResolvers<GPUDeviceLostInfo>();
  const scopes: GPUErrorFilter[] = [];
  let reported: Reported = {};
  const buffer = (size: number) => ({ size, destroy: () => {}, unmap: () => {}, mapAsync: () => lost.promise });
  const device = {
    lost: lost.promise,
    limits: { minStorageBufferOffsetAlignment: 256 },
    features: new Set<string>(),
    destroyed: false,
    pushErrorScope: (filter: GPUErrorFilter) => void scopes.push(filter),
    popErrorScope: () => {
      const filter = scopes.pop()!;
      const message = reported[filter];
      if (scopes.length === 0) reported = {};
      return Promise.resolve(message === undefined ? null : { message });
    },
    createBuffer: ({ size }: GPUBufferDescriptor) => buffer(size),
    destroy: () => {
      device.destroyed = true;
    },
  };
  return {
    gpu: device as unknown as GPUDevice,
    lose: (message, reason = "unknown") => lost.resolve({ message, reason } as GPUDeviceLostInfo),
    fail: (next) => {
      reported = next;
    },
    isDestroyed: () => device.destroyed,
    openScopes: () => scopes.length,
  };
}

export const defaultLimits: Readonly<Record<string, number>> = {
  maxComputeWorkgroupStorageSize: 16384,
  maxComputeInvocationsPerWorkgroup: 256,
  maxComputeWorkgroupSizeX: 256,
  maxComputeWorkgroupSizeY: 256,
  maxComputeWorkgroupSizeZ: 64,
  maxComputeWorkgroupsPerDimension: 65535,
  maxStorageBufferBindingSize: 2 ** 27,
  maxBufferSize: 2 ** 28,
  maxStorageBuffersPerShaderStage: 8,
  minStorageBufferOffsetAlignment: 256,
};

export interface FakeAdapter {
  readonly info?: Partial<GPUAdapterInfo>;
  readonly features?: readonly string[];
  readonly limits?: Readonly<Record<string, number>>;
  /** What each device of the adapter is; by default one that does nothing. */
  readonly device?: () => GPUDevice;
}

/** An adapter, and the descriptors that devices of it were asked for by. */
export function fakeAdapter({ info = {}, features = [], limits = {}, device }: FakeAdapter = {}): {
  readonly adapter: GPUAdapter;
  readonly asked: readonly GPUDeviceDescriptor[];
} {
  const asked: GPUDeviceDescriptor[] = [];
  const adapter = {
    info: { vendor: "acme", architecture: "gen1", device: "", description: "", ...info },
    features: new Set(features),
    limits: { ...defaultLimits, ...limits },
    requestDevice: (descriptor: GPUDeviceDescriptor) => {
      asked.push(descriptor);
      const gpu = device?.() ?? fakeDevice().gpu;
      Object.assign(gpu, { limits: { ...defaultLimits, ...descriptor.requiredLimits } });
      return Promise.resolve(gpu);
    },
  };
  return { adapter: adapter as unknown as GPUAdapter, asked };
}

/** An engine that gives these adapters, one per request. */
export function fakeEngine(
  adapters: readonly (GPUAdapter | null | Error)[],
  language: readonly string[] = [],
): { readonly engine: Engine; readonly asked: readonly (GPURequestAdapterOptions | undefined)[] } {
  const asked: (GPURequestAdapterOptions | undefined)[] = [];
  const gpu = {
    wgslLanguageFeatures: new Set(language),
    requestAdapter: (options?: GPURequestAdapterOptions) => {
      const next = adapters[asked.length] ?? null;
      asked.push(options);
      return next instanceof Error ? Promise.reject(next) : Promise.resolve(next);
    },
  };
  const engine: Engine = { gpu: gpu as unknown as GPU, name: "fake 1", program: "Fake 1", place: "linux" };
  return { engine, asked };
}
