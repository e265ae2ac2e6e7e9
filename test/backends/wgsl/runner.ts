// The program that the children of engines.ts run, under Node (Dawn) and under Deno (wgpu) alike: takes shaders from a file, has them validated
// or run, and writes what came of it to another file. Talks to WebGPU directly: not the runtime is tested here but the shaders.
import { readFileSync, writeFileSync } from "node:fs";
import process from "node:process";

export interface Request {
  /** Dawn's options: `backend=null` validates and runs nothing. */
  readonly dawn: readonly string[];
  readonly shaders: readonly ShaderRequest[];
}

export interface ShaderRequest {
  readonly name: string;
  readonly code: string;
  /** Without it the shader is only compiled. */
  readonly launch?: Launch;
  /** Whether a pipeline is made of a shader that is only compiled; else the module alone, which the language is checked by. */
  readonly pipeline?: boolean;
}

export interface Launch {
  readonly grid: readonly [number, number, number];
  /** `begin` and the symbols. */
  readonly args: readonly number[];
  /** In the order of the bindings: contents before in base64, and the part that is bound. */
  readonly buffers: readonly {
    readonly data: string;
    readonly access: "read" | "read_write";
    readonly offset: number;
  }[];
}

export interface Answer {
  readonly adapter: string;
  readonly features: readonly string[];
  readonly results: readonly ShaderAnswer[];
}

export interface ShaderAnswer {
  /** What the engine has against the shader; empty where nothing. */
  readonly errors: readonly string[];
  /** Contents of the buffers after the launch, base64. */
  readonly buffers: readonly string[];
}

const [requestPath = "", answerPath = ""] = process.argv.slice(2);

const encode = (bytes: Uint8Array): string => Buffer.from(bytes).toString("base64");
const decode = (text: string): Uint8Array<ArrayBuffer> => new Uint8Array(Buffer.from(text, "base64"));

async function openGpu(dawn: readonly string[]): Promise<GPU> {
  if ("Deno" in globalThis) return navigator.gpu;
  const { create, globals } = await import("webgpu");
  Object.assign(globalThis, globals);
  return create([...dawn]) as GPU;
}

async function answer(request: Request): Promise<Answer> {
  const gpu = await openGpu(request.dawn);
  const adapter = await gpu.requestAdapter();
  if (adapter === null) throw new Error("no adapter");
  const wanted: readonly GPUFeatureName[] = ["shader-f16", "subgroups"];
  const device = await adapter.requestDevice({ requiredFeatures: wanted.filter((name) => adapter.features.has(name)) });
  const results: ShaderAnswer[] = [];
  for (const shader of request.shaders) results.push(await shaderAnswer(device, shader));
  const { vendor, architecture, description } = adapter.info;
  const dot = gpu.wgslLanguageFeatures?.has("packed_4x8_integer_dot_product");
  return {
    adapter: `${vendor} ${architecture} ${description}`,
    features: [...[...device.features].map(String), ...(dot ? ["packed-dot"] : [])],
    results,
  };
}

async function shaderAnswer(
  device: GPUDevice,
  { code, launch, pipeline = true }: ShaderRequest,
): Promise<ShaderAnswer> {
  device.pushErrorScope("validation");
  const errors: string[] = [];
  const buffers: string[] = [];
  try {
    const module = device.createShaderModule({ code });
    const info = await module.getCompilationInfo();
    for (const { type, message, lineNum } of info.messages)
      if (type === "error") errors.push(`line ${lineNum}: ${message}`);
    if (errors.length === 0 && launch === undefined && pipeline)
      await device.createComputePipelineAsync({ layout: "auto", compute: { module, entryPoint: "main" } });
    else if (errors.length === 0 && launch !== undefined) buffers.push(...(await run(device, module, launch)));
  } catch (error) {
    errors.push(String(error));
  }
  const scope = await device.popErrorScope();
  if (scope !== null && errors.length === 0) errors.push(scope.message);
  return { errors, buffers };
}

async function run(
  device: GPUDevice,
  module: GPUShaderModule,
  { grid, args, buffers }: Launch,
): Promise<readonly string[]> {
  const types = [
    ...buffers.map(({ access }) => (access === "read" ? "read-only-storage" : "storage") as GPUBufferBindingType),
    "uniform" as const,
  ];
  const layout = device.createBindGroupLayout({
    entries: types.map((type, binding) => ({ binding, visibility: GPUShaderStage.COMPUTE, buffer: { type } })),
  });
  const pipeline = await device.createComputePipelineAsync({
    layout: device.createPipelineLayout({ bindGroupLayouts: [layout] }),
    compute: { module, entryPoint: "main" },
  });
  const filled = (data: Uint8Array<ArrayBuffer>, usage: number): GPUBuffer => {
    const buffer = device.createBuffer({ size: Math.max(16, data.length), usage: usage | GPUBufferUsage.COPY_DST });
    device.queue.writeBuffer(buffer, 0, data);
    return buffer;
  };
  const uniform = new Uint8Array(Math.ceil((args.length * 4) / 16) * 16);
  const words = new DataView(uniform.buffer);
  for (const [i, value] of args.entries()) words.setInt32(4 * i, value, true);
  const storage = buffers.map(({ data }) => filled(decode(data), GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_SRC));
  const bound = storage.map((buffer, i) => ({ buffer, offset: buffers[i]?.offset ?? 0 }));
  const group = device.createBindGroup({
    layout,
    entries: [...bound, { buffer: filled(uniform, GPUBufferUsage.UNIFORM) }].map((resource, binding) => ({
      binding,
      resource,
    })),
  });
  const encoder = device.createCommandEncoder();
  const pass = encoder.beginComputePass();
  pass.setPipeline(pipeline);
  pass.setBindGroup(0, group);
  pass.dispatchWorkgroups(...grid);
  pass.end();
  const copies = storage.map(({ size }, i) => {
    const copy = device.createBuffer({ size, usage: GPUBufferUsage.MAP_READ | GPUBufferUsage.COPY_DST });
    encoder.copyBufferToBuffer(storage[i] as GPUBuffer, 0, copy, 0, size);
    return copy;
  });
  device.queue.submit([encoder.finish()]);
  const results: string[] = [];
  for (const copy of copies) {
    await copy.mapAsync(GPUMapMode.READ);
    results.push(encode(new Uint8Array(copy.getMappedRange())));
    copy.destroy();
  }
  for (const buffer of storage) buffer.destroy();
  return results;
}

if (requestPath !== "") {
  const request = JSON.parse(readFileSync(requestPath, "utf8")) as Request;
  writeFileSync(answerPath, JSON.stringify(await answer(request)));
  process.exit(0);
}
