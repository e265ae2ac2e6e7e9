/** The sequences that a run over a cache is over (see `Paged`), as expressions: one, or with pages a batch of them, where each token is looked up in a table. */
import { cacheBlock, type Paged } from "../attention.ts";
import { add, buffer, floordiv, load, loop, mod, mul, symbol, variable } from "../build.ts";
import { WorkloadError } from "../errors.ts";
import type { Buffer, Expr, SizeSymbol, Stmt } from "../nodes.ts";
import { blocksOf, tokensSymbol } from "./cache.ts";

/** Names of the symbols that stand for the sequences of a batch and the pages of a pool. */
export const sequencesSymbol = "B";
export const pagesSymbol = "P";

/** Sequences of a run. */
export interface Batch {
  /** Axis of sequences, and its index: none where a run is over one. */
  readonly axes: readonly Expr[];
  readonly at: readonly Expr[];
  readonly symbols: readonly SizeSymbol[];
  /** Inputs that say where the tokens of each sequence lie. */
  readonly inputs: readonly Buffer[];
  /** Blocks of the cache's tensors. */
  readonly capacity: Expr;
  /** Tokens that the sequence holds, before those that are written. */
  readonly tokens: Expr;
  /** Blocks that hold the tokens of any sequence, those that are written among them. */
  readonly blocks: Expr;
  /** Where a block of the sequence lies in the cache's tensors. */
  readonly place: (block: Expr) => Expr;
  /** The loop over sequences, around what is done for one. */
  readonly each: (body: readonly Stmt[]) => readonly Stmt[];
}

const T = variable(tokensSymbol);

/** Tokens of each sequence that a run writes. */
export interface Written {
  readonly count: Expr;
  /** The first, the same of each. @default after all that the sequence holds */
  readonly first?: Expr;
}

/** The sequences of a run; each has up to T tokens, or those before the ones that are written. Throws a `WorkloadError` for pages that can't be. */
export function batchOf({ pages }: Paged, written?: Written): Batch {
  const { first, count } = written ?? { count: undefined };
  const before = first ?? T;
  const held = count === undefined ? before : add(before, count);
  if (pages === undefined) {
    const blocks = blocksOf(held);
    return {
      ...{ axes: [], at: [], symbols: [], inputs: [], capacity: blocks, tokens: before, blocks },
      ...{ place: (block) => block, each: (body) => body },
    };
  }
  if (!Number.isInteger(pages) || pages < cacheBlock || pages % cacheBlock !== 0)
    throw new WorkloadError(`pages: ${pages} tokens are no whole blocks of ${cacheBlock}; use a multiple of it`);
  const [B, P, b] = [variable(sequencesSymbol), variable(pagesSymbol), variable("b")];
  const perPage = pages / cacheBlock;
  const blocksIn = (count: Expr): Expr => (perPage === 1 ? count : mul(count, perPage));
  // Whole pages: the table's rows have an entry for each.
  const most = floordiv(add(held, pages - 1), pages);
  const lengths = buffer("lengths", "i32", [B], { role: "input", below: add(T, 1) });
  const table = buffer("pageTable", "i32", [B, most], { role: "input", below: P });
  return {
    ...{ axes: [B], at: [b], symbols: [symbol(sequencesSymbol), symbol(pagesSymbol)] },
    inputs: first === undefined ? [lengths, table] : [table],
    capacity: blocksIn(P),
    tokens: first ?? load(lengths, [b]),
    blocks: blocksIn(most),
    place: (block) =>
      perPage === 1
        ? load(table, [b, block])
        : add(blocksIn(load(table, [b, floordiv(block, perPage)])), mod(block, perPage)),
    each: (body) => [loop("b", B, body)],
  };
}

/** Block, and place in it. */
export type Place = readonly [tb: Expr, ti: Expr];

/** Loops over the blocks that a sequence has, and over their tokens. `token` is t = 64 * block + place. */
export interface Passes {
  readonly eachBlock: (name: string, s: (tb: Expr) => Stmt) => Stmt;
  readonly eachToken: (name: string, s: (place: Place, token: Expr) => Stmt) => Stmt;
}

export function passesOver(blocks: Expr): Passes {
  const eachBlock: Passes["eachBlock"] = (name, s) => loop(`${name}/tb`, blocks, [s(variable(`${name}/tb`))]);
  return {
    eachBlock,
    eachToken: (name, s) => {
      const ti = variable(`${name}/ti`);
      return eachBlock(name, (tb) => loop(`${name}/ti`, cacheBlock, [s([tb, ti], add(mul(tb, cacheBlock), ti))]));
    },
  };
}
