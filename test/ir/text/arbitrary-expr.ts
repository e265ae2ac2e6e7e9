/** Random expressions of every node kind over buffers and variables of every type, for tests of the text form. */
import fc from "fast-check";
import { type Buffer, b, type Expr, type Scalar, scalars, type Type, typeOf } from "../../../ir/index.ts";

export const scalarNames: readonly Scalar[] = Object.keys(scalars) as Scalar[];

/** Buffers and variables of every type for expressions of this file. */
const buffers = scalarNames.map((scalar) => b.buffer(`x.${scalar}`, scalar, [8, 8], { role: "input" }));
const wide = b.buffer("acc", "f32", [], { scope: "register", lanes: [4] });
const bytes = b.buffer("raw", "u8", [64], { role: "weight", unit: "byte" });
export const scope: { readonly buffers: readonly Buffer[]; readonly variables: ReadonlyMap<string, Type> } = {
  buffers: [...buffers, wide, bytes],
  variables: new Map<string, Type>([
    ...["i", "tail/k", "M", "n-o", "2x", "for"].map((name): [string, Type] => [name, typeOf("i32")]),
    ...scalarNames.map((scalar): [string, Type] => [`t.${scalar}`, typeOf(scalar)]),
    ...scalarNames.map((scalar): [string, Type] => [`v.${scalar}`, typeOf(scalar, [2, 2])]),
  ]),
};

/** Random expressions, grown from a tape of decisions. */
export const expressions: fc.Arbitrary<Expr> = fc
  .array(fc.nat(2 ** 20), { minLength: 60, maxLength: 60 })
  .map((decisions) => {
    let at = 0;
    const pick = (n: number): number => (decisions[at++] ?? 0) % n;
    const choose = <T>(...items: readonly T[]): T => items[pick(items.length)] as T;
    const number = (scalar: Scalar): Expr =>
      b.constant((pick(2 ** 20) - 2 ** 19) / choose(1, 8, 10, 2 ** 19), typeOf(scalar, choose([], [], [], [2, 2])));
    const leaf = (scalar: Scalar): Expr =>
      choose(
        () => b.variable(`t.${scalar}`, typeOf(scalar)),
        () => b.variable(`v.${scalar}`, typeOf(scalar, [2, 2])),
        () => number(scalar),
        () => (scalar === "i32" ? b.lanes([2, 2], [pick(5) - 2, 1]) : number(scalar)),
        () => (scalar === "i32" ? b.variable(choose("i", "tail/k", "M", "n-o", "2x", "for", "&raw")) : number(scalar)),
      )();
    const grow = (scalar: Scalar, depth: number): Expr => {
      if (depth === 0 || pick(4) === 0) return leaf(scalar);
      const small = scalar !== "bool" && (scalars[scalar].bits < 8 || scalar.length < 3);
      const arithmetic = (): Expr => {
        if (scalar === "bool")
          return choose<() => Expr>(
            () => b.op(choose("and", "or", "xor"), grow("bool", depth - 1), grow("bool", depth - 1)),
            () => {
              const of = choose<Scalar>("i32", "f32", "u8");
              return b.op(choose("eq", "ne", "lt", "le"), grow(of, depth - 1), grow(of, depth - 1));
            },
          )();
        if (small) return leaf(scalar);
        const float = scalars[scalar].class === "float";
        const two = float
          ? (["add", "sub", "mul", "div", "min", "max", "pmin", "pmax"] as const)
          : (["add", "sub", "mul", "floordiv", "mod", "and", "shl", "shr"] as const);
        const one = float
          ? (["neg", "abs", "sqrt", scalar === "f32" ? "exp" : "round"] as const)
          : (["neg", "abs"] as const);
        const [p, q] = [grow(scalar, depth - 1), grow(scalar, depth - 1)];
        // Folding could divide or shift by a constant that has no meaning there.
        if (p.kind === "const" && q.kind === "const") return p;
        return choose<() => Expr>(
          () => b.op(choose(...two), p, q),
          () => b.op(choose(...two), p, q),
          () => b.op(choose(...one), p),
          () => b.select(grow("bool", depth - 1), p, q),
        )();
      };
      return choose<() => Expr>(
        arithmetic,
        arithmetic,
        arithmetic,
        () => b.cast(scalar, grow(choose("i32", "f32", "u8", "u4"), depth - 1)),
        () => {
          const alike = scalarNames.filter((other) => scalars[other].bits === scalars[scalar].bits);
          return b.bitcast(scalar, grow(choose(...alike), depth - 1));
        },
        () => {
          if (scalar !== "i8" && scalar !== "u8") return leaf(scalar);
          const values = Array.from({ length: 1 + pick(b.longestTable) }, () => pick(128));
          return b.table(scalar, b.mod(grow("u8", depth - 1), values.length), values);
        },
        () => {
          const mask = pick(3) === 0 ? grow("bool", depth - 1) : undefined;
          const buffer = scope.buffers.find(({ name }) => name === `x.${scalar}`);
          return b.load(buffer as (typeof buffers)[number], [grow("i32", depth - 1), grow("i32", depth - 1)], mask);
        },
        () => (scalar === "f32" && pick(2) === 0 ? b.load(wide, []) : leaf(scalar)),
        () => (scalars[scalar].bits >= 8 ? b.load({ ...bytes, scalar }, [grow("i32", depth - 1)]) : leaf(scalar)),
      )();
    };
    const attempt = (): Expr => {
      try {
        return grow(choose(...scalarNames), 5);
      } catch {
        // Lane shapes of a register element and of vectors may meet; such a tree is no expression.
        return leaf("f32");
      }
    };
    return attempt();
  });
