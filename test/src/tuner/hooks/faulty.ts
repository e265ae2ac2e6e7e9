/** A hook that makes the candidates named in its data fail, in ways that only processes of their own can too; the measuring process loads it. */
import { writeFileSync } from "node:fs";
import { canonicalJson } from "../../../../ir/index.ts";
import type { Hook, HookStage } from "../../../../src/tuner/index.ts";
import { type PlainFault, type PlainFaults, plainFaults } from "./anywhere.ts";

export type Fault = PlainFault | "exit" | "killed" | "fatal" | "stuckBuild";

export interface FaultyData extends PlainFaults {
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
  ...plainFaults,
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
  stuckBuild: { stage: "build", act: hang },
};

export const hook: Hook = (stage, { point }, data, outputs) => {
  const given = data as FaultyData;
  const fault = given.faults[canonicalJson(point)] as Fault | undefined;
  if (fault === undefined) return;
  if (faults[fault].stage === stage) faults[fault].act(outputs, given);
};
