/**
 * Statements with their expressions shared: what is used more than once is named where it is first used, what a loop does not change is computed
 * before it. First the statements are planned, which counts the uses; then they are written.
 *
 *     y[64 * m + k] = x[64 * m + k];        ->     let t = 64 * m + k;  y[t] = x[t];
 *
 * Nothing leaves an `if`; a read of memory leaves a loop only if the loop surely runs. Components, and a constant added in an index,
 * cost nothing and get no name.
 */
import type { Identifiers } from "../names.ts";
import type { Node } from "./nodes.ts";
import { textOf } from "./text.ts";

/** A statement list in its place. */
export interface Block {
  readonly parent: Block | undefined;
  readonly depth: number;
  /** What stands between it and its parent. */
  readonly inside: "function" | "loop" | "loop that may not run" | "if";
  readonly plan: Planned[];
  readonly lines: string[];
}

/** A planned statement: `text` is called when its turn comes, with what gives expressions their text. */
interface Planned {
  readonly values: readonly Value[];
  readonly body: Block | undefined;
  readonly write: (texts: readonly string[], body: readonly string[]) => readonly string[];
}

/** One computation: a node at all places that share it. */
interface Value {
  readonly node: Node;
  readonly parts: readonly Value[];
  readonly home: Block;
  readonly moved: boolean;
  /** A part of another expression that is not worth a name. */
  readonly free: boolean;
  uses: number;
  name: string | undefined;
}

export interface Sharing {
  readonly root: Block;
  readonly open: (parent: Block, inside: Block["inside"]) => Block;
  /** Adds a statement that uses these nodes. */
  readonly add: (
    block: Block,
    nodes: readonly Node[],
    write: (texts: readonly string[], body: readonly string[]) => readonly string[],
    body?: Block,
  ) => void;
  /** Names a node here, so that later changes of what it reads don't matter. */
  readonly hold: (block: Block, node: Node) => void;
  /** The lines of the whole function. */
  readonly write: (named: Identifiers) => readonly string[];
}

export function sharing(): Sharing {
  const root: Block = { parent: undefined, depth: 0, inside: "function", plan: [], lines: [] };
  const latest = new Map<Node, Value>();

  const isFree = (node: Node): boolean => ["atom", "member", "place"].includes(node.form) || isConstant(node);

  const homeOf = (node: Node, use: Block): Block => {
    let home = use;
    while (home.depth > node.depth && home.parent !== undefined) {
      if (home.inside === "if" || (home.inside === "loop that may not run" && node.loads)) break;
      home = home.parent;
    }
    return home;
  };

  const sharedAt = (node: Node, use: Block, inIndex = false): Value => {
    const known = latest.get(node);
    if (known !== undefined && !known.free && encloses(known.home, use)) {
      known.uses++;
      return known;
    }
    const free = isFree(node) || (inIndex && plusConstant(node));
    const home = free ? use : homeOf(node, use);
    const parts = node.args.map((arg) =>
      sharedAt(arg, home, node.form === "index" || node.form === "place" || (free && inIndex)),
    );
    const value: Value = { node, parts, home, moved: home !== use, free, uses: 1, name: undefined };
    if (!free) latest.set(node, value);
    return value;
  };

  /** A value that gets a name of its own though it would be free. */
  const named = (node: Node, block: Block): Value => {
    const parts = node.args.map((arg) => sharedAt(arg, block));
    const value: Value = { node, parts, home: block, moved: false, free: false, uses: 0, name: undefined };
    latest.set(node, value);
    return value;
  };

  const add: Sharing["add"] = (block, nodes, write, body) => {
    block.plan.push({ values: nodes.map((node) => sharedAt(node, block)), body, write });
  };

  return {
    root,
    open: (parent, inside) => ({ parent, depth: parent.depth + 1, inside, plan: [], lines: [] }),
    add,
    hold: (block, node) => {
      const value = isFree(node) ? named(node, block) : sharedAt(node, block);
      value.uses += 2;
      block.plan.push({ values: [value], body: undefined, write: () => [] });
    },
    write: (named) => {
      writeBlock(root, named);
      return root.lines;
    },
  };
}

/** Whether a node is a vector with one constant in every component. */
const isConstant = ({ form, text, args }: Node): boolean =>
  form === "call" && text.startsWith("vec") && args.length === 1 && isNumber(args[0]);

const isNumber = (node: Node | undefined): boolean => node?.form === "atom" && /^-?[\d]/.test(node.text);

const plusConstant = ({ form, text, args }: Node): boolean =>
  form === "infix" && (text === "+" || text === "-") && isNumber(args[1]);

/** Whether a block is `inner` or around it. */
function encloses(outer: Block, inner: Block): boolean {
  let block: Block | undefined = inner;
  while (block !== undefined && block.depth > outer.depth) block = block.parent;
  return block === outer;
}

function writeBlock(block: Block, named: Identifiers): void {
  for (const { values, body, write } of block.plan) {
    const texts = values.map((value) => written(value, named));
    if (body !== undefined) writeBlock(body, named);
    block.lines.push(...write(texts, body?.lines.map((line) => `  ${line}`) ?? []));
  }
}

/** The text of a value, after the lets that it needs. */
function written(value: Value, named: Identifiers): string {
  if (value.name !== undefined) return value.name;
  const texts = value.parts.map((part) => written(part, named));
  const names = new Map(value.parts.map((part, i) => [value.node.args[i] as Node, part.name !== undefined]));
  const text = textOf(value.node, texts, (arg) => names.get(arg) === true);
  if (value.free || (value.uses < 2 && !value.moved)) return text;
  value.name = named(value.node.wish ?? "t");
  value.home.lines.push(`let ${value.name} = ${text};`);
  return value.name;
}
