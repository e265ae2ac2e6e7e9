/** A hook that makes the candidates named in its data fail; the measuring process loads it. */
import { writeFileSync } from "node:fs";
import { canonicalJson } from "../../../../ir/index.ts";
import type { Hook, HookStage } from "../../../../src/tuner/index.ts";

export type Fault = "exit" | "killed" | "fatal" | "hang" | "trap" | "wrong" | "beyond" | "stuckBuild";

export interface FaultyData {
  /** Points as canonical JSON, and what goes wrong with each. */
  readonly faults: Readonly<Record<string, Fault>>;
  /** Where a hanging process leaves its id. */
  readonly pidFile?: string;
}

interface FaultRow {
  readonly stage: HookStage;
  readonly act: (outputs: Readonly<Record<string, Uint8Array>>, data: FaultyData) => void;
}

const hang: FaultRow["act"] = (_, { pidFile }) => {
  if (pidFile !== undefined) writeFileSync(pidFile, String(process.pid));
  for (;;);
};

const faults: Readonly<Record<Fault, FaultRow>> = {
  exit: { stage: "run", act: () => process.exit(3) },
  killed: { stage: "time", act: () => process.kill(process.pid, "SIGKILL") },
  fatal: {
    stage: "run",
    act: () => {
      process.stderr.write("some other line\nFATAL ERROR: out of everything\n    at somewhere\n");
      process.exit(5);
    },
  },
  hang: { stage: "run", act: hang },
  trap: {
    stage: "run",
    act: () => {
      throw new WebAssembly.RuntimeError("unreachable");
    },
  },
  wrong: {
    stage: "ran",
    act: ({ y }) => {
      y![6] = y![6]! ^ 0xff;
    },
  },
  beyond: {
    stage: "ran",
    act: ({ y }) => {
      new Uint8Array(y!.buffer)[y!.byteOffset + y!.byteLength + 3] = 1;
    },
  },
  stuckBuild: { stage: "build", act: hang },
};

export const hook: Hook = (stage, { point }, data, outputs) => {
  const given = data as FaultyData;
  const fault = given.faults[canonicalJson(point)];
  if (fault === undefined) return;
  if (faults[fault].stage === stage) faults[fault].act(outputs, given);
};
