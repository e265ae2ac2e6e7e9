/** Runs cases in an engine's measuring process, as the tuner does: prepared, built, run once between guards and judged against the oracle. */
import type { Device } from "../../ir/index.ts";
import type { MeasuringHost } from "../../src/tuner/host.ts";
import { probeDevice, type StartHost } from "../../src/tuner/index.ts";
import type { Checked, Failure } from "../../src/tuner/protocol.ts";
import type { EngineCase } from "./cases.ts";

const limitMs = 120_000;

export class EngineRunner {
  /** Whole; kernels use what a case says. */
  readonly device: Device;
  readonly #startHost: StartHost;
  #host: MeasuringHost | undefined;

  private constructor(device: Device, startHost: StartHost) {
    this.device = device;
    this.#startHost = startHost;
  }

  /** Rejects where the engine does not start, or has no such device: a suite without one has not passed. */
  static async start(startHost: StartHost, kind: Device["kind"]): Promise<EngineRunner> {
    return new EngineRunner(await probeDevice(startHost, kind), startHost);
  }

  /** Undefined when the case's result is right and nothing else was touched. */
  async run({ workload, features, candidate }: EngineCase): Promise<Failure | Checked> {
    if (this.#host?.alive !== true) this.#host = await this.#startHost();
    const host = this.#host;
    const setting = { workload, device: { ...this.device, features }, seed: 1, copies: 1, testHook: undefined };
    const failed = await this.#ask(host, { op: "prepare", setting });
    if (failed !== undefined) return failed;
    const built = await this.#ask(host, { op: "build", id: "case", candidate });
    if (built !== undefined) return built;
    const checked = await host.ask({ op: "check", id: "case" }, limitMs);
    if (checked.failure === undefined) return checked.value;
    this.close();
    return checked.failure;
  }

  async #ask(host: MeasuringHost, request: Parameters<MeasuringHost["ask"]>[0]): Promise<Failure | undefined> {
    return (await host.ask(request, limitMs)).failure;
  }

  close(): void {
    this.#host?.kill();
    this.#host = undefined;
  }
}
