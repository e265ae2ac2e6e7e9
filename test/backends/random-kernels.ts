// Random kernels: expressions of every operation, cast and type, over several statements with lets and registers, scalar or of one lane shape.
import {
  type Buffer,
  b,
  type Expr,
  isFloat,
  type Kernel,
  type OpName,
  ops,
  type Scalar,
  type Stmt,
  scalars,
  typeOf,
} from "../../ir/index.ts";
import { at, bytesBuffer } from "./kernels.ts";

/** Choices of a test case, read one after the other; 0 when they run out, which ends every recursion. */
class Tape {
  readonly #choices: readonly number[];
  #next = 0;
  constructor(choices: readonly number[]) {
    this.#choices = choices;
  }
  below(limit: number): number {
    return (this.#choices[this.#next++] ?? 0) % limit;
  }
  pick<T>(items: readonly T[]): T {
    return items[this.below(items.length)] as T;
  }
  get isEmpty(): boolean {
    return this.#next >= this.#choices.length;
  }
}

/** What random kernels are made of. */
export interface Ingredients {
  readonly types: readonly Scalar[];
  /** Lane shapes, of which a kernel has one; the empty one for scalars. */
  readonly shapes: readonly (readonly number[])[];
  /** Elements of each input, called `in.` and its type. */
  readonly elements: number;
  /** Constants of a type. */
  readonly constants: (scalar: Scalar) => readonly number[];
  /** Operations that are left out. */
  readonly without?: readonly OpName[];
}

interface Scope {
  readonly of: Ingredients;
  readonly tape: Tape;
  readonly shape: readonly number[];
  readonly inputs: ReadonlyMap<Scalar, Buffer>;
  readonly named: Expr[];
}

function leaf({ of: { elements, constants }, tape, shape, inputs, named }: Scope, scalar: Scalar): Expr {
  const buffer = inputs.get(scalar) as Buffer;
  const fitting = named.filter((e) => e.type.scalar === scalar);
  const width = typeOf("i32", shape).count;
  switch (tape.below(fitting.length > 0 ? 5 : 4)) {
    case 0:
      return b.load(buffer, at(buffer, tape.below(elements - width + 1), shape));
    case 1:
      return b.load(buffer, at(buffer, tape.below(elements)));
    case 2:
      return b.constant(tape.pick(constants(scalar)), scalar);
    case 3:
      return scalar === "i32" && shape.length > 0
        ? b.lanes(
            shape,
            shape.map((_, axis) => axis * 3 - 1),
          )
        : b.load(buffer, at(buffer, 3, shape));
    default:
      return tape.pick(fitting);
  }
}

const opsFor = ({ without = [] }: Ingredients, scalar: Scalar): readonly OpName[] =>
  (Object.keys(ops) as OpName[]).filter((op) => {
    const { domain, signature } = ops[op];
    if (without.includes(op)) return false;
    if (signature === "compare") return false;
    if (domain === "single") return scalar === "f32";
    return domain === "any" || domain === "number" || (domain === "float") === isFloat(scalar);
  });

function condition(scope: Scope, depth: number): Expr {
  const { tape } = scope;
  const scalar = tape.pick(scope.of.types);
  const compare = b.op(tape.pick(["eq", "ne", "lt", "le"]), value(scope, scalar, depth), value(scope, scalar, depth));
  return depth > 0 && tape.below(3) === 0
    ? b.op(tape.pick(["and", "or", "xor"]), compare, condition(scope, depth - 1))
    : compare;
}

function operation(scope: Scope, scalar: Scalar, depth: number): Expr {
  const { tape } = scope;
  const op = tape.pick(opsFor(scope.of, scalar));
  const arg = (): Expr => value(scope, scalar, depth);
  if (op === "select") return b.select(condition(scope, depth - 1), arg(), arg());
  if (op === "shl" || op === "shr") return b.op(op, arg(), b.constant(tape.below(scalars[scalar].bits), scalar));
  if (op === "floordiv" || op === "mod") return b.op(op, arg(), b.max(b.and(arg(), b.constant(127, scalar)), 1));
  return ops[op].arity === 1 ? b.op(op, arg()) : b.op(op, arg(), arg());
}

function value(scope: Scope, scalar: Scalar, depth: number): Expr {
  const { tape } = scope;
  if (depth <= 0 || tape.isEmpty) return leaf(scope, scalar);
  switch (tape.below(4)) {
    case 0:
      return leaf(scope, scalar);
    case 1: {
      const from = tape.pick([...scope.of.types, "bool"] as const);
      return b.cast(scalar, from === "bool" ? condition(scope, depth - 1) : value(scope, from, depth - 1));
    }
    default:
      return operation(scope, scalar, depth - 1);
  }
}

/** Inputs, lets, registers and two outputs `y0`, `y1`; the same choices give the same kernel. */
export function randomKernel(of: Ingredients, choices: readonly number[]): Kernel {
  const { types, shapes, elements } = of;
  const tape = new Tape(choices);
  const shape = tape.pick(shapes);
  const width = typeOf("i32", shape).count;
  const inputs = new Map(types.map((scalar) => [scalar, bytesBuffer(`in.${scalar}`, scalar, elements)]));
  const scope: Scope = { of, tape, shape, inputs, named: [] };
  const body: Stmt[] = [];
  const buffers: Buffer[] = [...inputs.values()];
  for (let i = 0; i < 2; i++) {
    const bound = value(scope, tape.pick(types), 3);
    body.push(b.bind(`t${i}`, bound));
    scope.named.push(b.variable(`t${i}`, bound.type));
    const scalar = tape.pick(types);
    const register = b.buffer(`r${i}`, scalar, [], { scope: "register", lanes: shape });
    const first = value(scope, scalar, 3);
    buffers.push(register);
    body.push(
      b.store(register.name, [], shape.length > 0 && first.type.lanes.length === 0 ? spread(first, shape) : first),
    );
    scope.named.push(b.load(register, []));
  }
  for (let i = 0; i < 2; i++) {
    const scalar = tape.pick(types);
    const y = bytesBuffer(`y${i}`, scalar, width, "output");
    buffers.push(y);
    body.push(b.store(y.name, at(y, 0, shape), value(scope, scalar, 4)));
  }
  return b.kernel("k", "main", { buffers, body });
}

/** A scalar in every lane. */
function spread(e: Expr, shape: readonly number[]): Expr {
  const always = b.op(
    "eq",
    b.lanes(
      shape,
      shape.map(() => 1),
    ),
    b.lanes(
      shape,
      shape.map(() => 1),
    ),
  );
  return b.select(always, e, e);
}
