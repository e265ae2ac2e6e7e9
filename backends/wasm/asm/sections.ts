// The numbers of the binary format that are not opcodes: sections, name subsections, item kinds, limits, block marks.
// Shared by the encoder and the decoder. Source: core specification, sections 5.3 to 5.5 and 7.4 (names).

import type { Export } from "./module.ts";

/** `\0asm` and version 1. */
export const header: readonly number[] = [0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00];

/** Section numbers, in the order in which the sections stand; the custom section with the names is last. */
export const sections = {
  type: 1,
  import: 2,
  function: 3,
  global: 6,
  export: 7,
  code: 10,
  data: 11,
  custom: 0,
} as const;

/** A section that is written here. */
export type SectionName = keyof typeof sections;

/** The name of the custom section that holds names. */
export const nameSectionName: string = "name";

/** Subsections of the name section, in order. Engines read the first two, tools the others as well. */
export const nameSubsections = { function: 1, local: 2, label: 3, memory: 6, global: 7, data: 9 } as const;

/** A subsection of the name section that is written here. */
export type NameSubsection = keyof typeof nameSubsections;

/** The kind of an imported or exported item. */
export const itemKinds: Readonly<Record<Export["kind"], number>> = { function: 0x00, memory: 0x02, global: 0x03 };

/** Flags of a memory's limits. */
export const limitFlags = { hasMaximum: 0x01, shared: 0x02, memory64: 0x04 } as const;

/** The form byte of a function type. */
export const functionTypeForm: number = 0x60;

/** The type of a block that leaves nothing on the stack. */
export const emptyBlockType: number = 0x40;

/** The marks between and after nested bodies. */
export const marks = { else: 0x05, end: 0x0b } as const;
