/**
 * WGSL expressions as a graph: equal expressions are one node. Each knows where it may be computed: in blocks from `depth` on, where its names
 * are known and what it reads has last changed. Which nodes get a name is decided in `share.ts`; their text is made in `text.ts`.
 */

/** Bits of a word: what extractions fold on. */
export interface Bits {
  readonly word: Node;
  readonly offset: number;
  readonly count: number;
}

export interface Node {
  readonly id: number;
  /** `atom`: its text; `infix`, `prefix`: an operator; `call`: a function; `index`: an element of an array; `place`: where one, or a variable, is; `member`: components. */
  readonly form: "atom" | "infix" | "prefix" | "call" | "index" | "place" | "member";
  readonly text: string;
  readonly args: readonly Node[];
  readonly depth: number;
  /** A read of memory: not made where it would not have been. */
  readonly loads: boolean;
  /** What its name is made from, where it gets one. */
  readonly wish: string | undefined;
  readonly bits: Bits | undefined;
  /** Of a component: how many the vector has. */
  readonly of: number | undefined;
}

interface Parts {
  readonly depth?: number;
  readonly loads?: boolean;
  readonly wish?: string;
  readonly bits?: Bits;
  readonly of?: number;
  /** Tells apart reads of one place at different times. */
  readonly time?: number;
}

/** Makes nodes; those of one maker may be compared by `===`. */
export type Maker = (form: Node["form"], text: string, args: readonly Node[], parts?: Parts) => Node;

export function nodeMaker(): Maker {
  const known = new Map<string, Node>();
  return (form, text, args, parts = {}) => {
    const key = `${form} ${text} ${args.map(({ id }) => id).join()} ${parts.time ?? ""}`;
    const before = known.get(key);
    if (before !== undefined) return before;
    const node: Node = {
      id: known.size,
      form,
      text,
      args,
      depth: Math.max(parts.depth ?? 0, ...args.map(({ depth }) => depth)),
      loads: parts.loads === true || args.some(({ loads }) => loads),
      wish: parts.wish,
      bits: parts.bits,
      of: parts.of,
    };
    known.set(key, node);
    return node;
  };
}
