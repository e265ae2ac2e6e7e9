// Children in which WebGPU engines compile and run shaders (runner.ts): Dawn's null backend, which validates everything and runs nothing; Dawn and
// wgpu (Deno) on a driver that runs on the processor. One child serves a whole list of shaders.
import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { gpuEnvironment } from "../../../backends/index.ts";
import { denoCommandLine } from "../../../src/tuner/index.ts";
import type { Answer, Request, ShaderRequest } from "./runner.ts";

/** `dawn-null` has every feature; `deno-llvmpipe` is there where the system's Mesa is. */
export type Engine = "dawn-null" | "dawn" | "deno" | "deno-llvmpipe";

const runner = fileURLToPath(new URL("./runner.ts", import.meta.url));
const llvmpipe = "/usr/share/vulkan/icd.d/lvp_icd.x86_64.json";

/** The engines of this machine that run shaders. */
export const running: readonly Engine[] = [
  "dawn",
  "deno",
  ...(existsSync(llvmpipe) ? (["deno-llvmpipe"] as const) : []),
];

async function environmentOf(engine: Engine): Promise<Readonly<Record<string, string>>> {
  if (engine === "dawn-null") return {};
  if (engine === "deno-llvmpipe") return { VK_ICD_FILENAMES: llvmpipe, VK_DRIVER_FILES: llvmpipe };
  return (await gpuEnvironment({ software: true })).env;
}

/** Has an engine compile these shaders, and run those with a launch. Rejects where the child fails. */
export async function inEngine(engine: Engine, shaders: readonly ShaderRequest[]): Promise<Answer> {
  const folder = await mkdtemp(join(tmpdir(), "qloom-wgsl-"));
  try {
    const [request, answer] = [join(folder, "request.json"), join(folder, "answer.json")];
    const dawn = engine === "dawn-null" ? ["backend=null"] : [];
    await writeFile(request, JSON.stringify({ dawn, shaders } satisfies Request));
    const isDeno = engine.startsWith("deno");
    const { command, args } = isDeno ? await denoCommandLine() : { command: process.execPath, args: [] };
    await child(command, [...args, runner, request, answer], await environmentOf(engine));
    return JSON.parse(await readFile(answer, "utf8")) as Answer;
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

function child(command: string, args: readonly string[], env: Readonly<Record<string, string>>): Promise<void> {
  return new Promise((resolve, reject) => {
    const started = spawn(command, args, { env: { ...process.env, ...env }, stdio: ["ignore", "ignore", "pipe"] });
    let errors = "";
    started.stderr.on("data", (part: Buffer) => {
      errors = (errors + part.toString()).slice(-2000);
    });
    started.on("error", reject);
    started.on("close", (code) => {
      if (code === 0) resolve();
      else reject(new Error(`${command} ended with ${code}: ${errors}`));
    });
  });
}
