/** A hook that makes the candidates named in its data fail, in any engine: it imports nothing, and is handed over as its text. */
import type { Hook, HookStage } from "../../../../src/tuner/index.ts";

export type PlainFault = "hang" | "trap" | "wrong" | "beyond" | "bug";

export interface PlainFaults {
  /** Points as canonical JSON, and what goes wrong with each. */
  readonly faults: Readonly<Record<string, string>>;
}

interface FaultRow {
  readonly stage: HookStage;
  readonly act: (outputs: Readonly<Record<string, Uint8Array>>) => void;
}

export const plainFaults: Readonly<Record<PlainFault, FaultRow>> = {
  hang: {
    stage: "run",
    act: () => {
      for (;;);
    },
  },
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
  bug: {
    stage: "time",
    act: () => {
      throw new Error("out of everything");
    },
  },
};

export const hook: Hook = (stage, { point }, data, outputs) => {
  const key = JSON.stringify(Object.fromEntries(Object.entries(point).sort(([a], [b]) => (a < b ? -1 : 1))));
  const fault = plainFaults[(data as PlainFaults).faults[key] as PlainFault];
  if (fault?.stage === stage) fault.act(outputs);
};
