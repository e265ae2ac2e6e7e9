// The pack kernel: the same fields as the reference reads, for every format, on any bytes; and its form.

import { describe, expect, test } from "vitest";
import {
  b,
  type Containers,
  containerBuffers,
  containerBytes,
  type Expr,
  eachNode,
  eachStmt,
  exprsOf,
  type Field,
  type Format,
  factsOf,
  fieldAt,
  fieldDigits,
  fieldReader,
  formatNames,
  formatOf,
  packedFields,
  printExpr,
  type Stmt,
  simplifier,
  simplifyKernel,
  spanOf,
  unpackKernel,
  verifyKernel,
} from "../../../ir/index.ts";
import { containerTensors, run } from "../interpreted.ts";
import { bytesOf, normals, typicalFormats } from "../samples.ts";

/** A tensor of random bytes: every code, and scales of any finite size; zero points in their range. */
function anyContainers(format: Format, n: number, k: number, seed: number): Containers {
  const sizes = containerBytes(format, n, k);
  return Object.fromEntries(
    containerBuffers(format, n, k).map(({ name, scalar }, i) => {
      const size = sizes[name] as number;
      if (scalar === "f32") return [name, new Uint8Array(normals(size / 4, seed + i).buffer)];
      const bytes = bytesOf(size, seed + i);
      const [, top] = (name === "w.zeros" && format.fields.find((f) => f.name === "z")?.range) || [0, 255];
      return [name, bytes.map((byte) => byte % (top + 1))];
    }),
  );
}

const everyEntry = (field: Field, format: Format, containers: Containers, n: number, k: number): Float64Array => {
  const read = fieldReader(format, field, containers, k);
  const entries = (k / spanOf(field.span, k)) * field.terms;
  return Float64Array.from({ length: n * entries }, (_, i) => read(Math.floor(i / entries), i % entries));
};

describe.each(formatNames())("%s", (name) => {
  const format = formatOf(name);
  const [n, k] = [2, format.block === 1 ? 37 : 2 * format.block];
  test("the kernel computes the fields that the reference reads", () => {
    const containers = anyContainers(format, n, k, name.length);
    const kernel = unpackKernel(format, { n, k });
    const made = run({ name: "pack", kernels: [kernel] }, containerTensors(format, containers, n, k));
    for (const field of format.fields)
      expect(made.get(`w.${field.name}`), field.name).toEqual(everyEntry(field, format, containers, n, k));
  });
});

test("one perfect nest per field, a loop per axis, stored at the loop variables", () => {
  const shape = (name: string): string[] => {
    const lines: string[] = [];
    eachStmt(unpackKernel(formatOf(name), { n: 4, k: 512 }).body, (s, loops) => {
      if (s.kind === "store")
        lines.push(
          `${loops.map((l) => `${l.loop}<${l.extent.kind === "const" ? l.extent.value : "?"}`).join(" ")}: ${s.buffer}[${s.index.map((e) => (e.kind === "var" ? e.name : "?")).join(", ")}]`,
        );
    });
    return lines;
  };
  expect(shape("q4_K")).toEqual([
    "w.q/n<4 w.q/k<512: w.q[w.q/n, w.q/k]",
    "w.s/n<4 w.s/g<16: w.s[w.s/n, w.s/g]",
    "w.o/n<4 w.o/g<16: w.o[w.o/n, w.o/g]",
  ]);
  expect(shape("int4_row_z")).toEqual([
    "w.q/n<4 w.q/k<512: w.q[w.q/n, w.q/k]",
    "w.s/n<4 w.s/g<1: w.s[w.s/n, w.s/g]",
    "w.z/n<4 w.z/g<1: w.z[w.z/n, w.z/g]",
  ]);
  expect(shape("bf16")).toEqual(["w.v/n<4 w.v/k<512: w.v[w.v/n, w.v/k]"]);
});

describe.each(typicalFormats.filter((name) => !name.endsWith("_s16")))("%s", (name) => {
  const format = formatOf(name);
  test("quotients and remainders are by powers of two", () => {
    eachStmt(simplifyKernel(unpackKernel(format, { n: 2, k: format.block * 2 })).body, (s) => {
      for (const e of exprsOf(s))
        eachNode(e, (node) => {
          if (node.kind !== "op" || (node.op !== "floordiv" && node.op !== "mod")) return;
          const by = node.args[1];
          expect(by?.kind === "const" && Number.isInteger(Math.log2(by.value))).toBe(true);
        });
    });
  });

  test("accesses are proven to be in bounds", () => {
    verifyKernel(unpackKernel(format, { n: 3, k: format.block === 1 ? 37 : 3 * format.block }), "scheduled");
  });

  test("in loops over the digits of a block no quotient is left, nor a varying shift in unrolled ones", () => {
    for (const { name: field } of format.fields) {
      const digits = fieldDigits(format, field);
      const crossing = 8 % (format.codes?.bits ?? 8) !== 0 && name.startsWith("int");
      // index = block * (product of digits) + .. + last digit; digits of codes that cross bytes are unrolled
      for (let unrolled = 0; unrolled < (crossing ? (digits.at(-1) ?? 1) : 1); unrolled++) {
        const loops = digits.slice(0, crossing ? -1 : digits.length).map((size, i) => ({ loop: `d${i}`, size }));
        let index: Expr = b.variable("block");
        for (const { loop, size } of loops) index = b.add(b.mul(index, size), b.variable(loop));
        if (crossing) index = b.add(b.mul(index, digits.at(-1) ?? 1), unrolled);
        const value = fieldAt(format, field, b.variable("n"), index);
        const nest = [{ loop: "n", size: 8 }, { loop: "block", size: 8 }, ...loops].reduceRight<Stmt>(
          (body, { loop, size }) => b.loop(loop, size, [body]),
          b.store(`w.${field}`, [0, 0], value),
        );
        const kernel = b.kernel("k", "pack", {
          buffers: [...containerBuffers(format, 8, 8 * 256), ...packedFields(format, 8, 8 * 256)],
          body: [nest],
        });
        eachNode(simplifier(factsOf(kernel))(value), (node) => {
          if (node.kind !== "op") return;
          expect(node.op, `${field} over ${digits}`).not.toMatch(/floordiv|mod/);
          if (crossing && node.op === "shr") expect(node.args[1]?.kind).toBe("const");
        });
      }
    }
  });
});

test("digits of a block", () => {
  const digits = (name: string, field: "q" | "s"): string => fieldDigits(formatOf(name), field).join(" ");
  expect(digits("q4_0", "q")).toBe("2 16");
  expect(digits("q5_0", "q")).toBe("2 2 8");
  expect(digits("q4_K", "q")).toBe("4 2 32");
  expect(digits("q6_K", "q")).toBe("2 2 2 32");
  expect(digits("q4_K", "s")).toBe("2 4");
  expect(digits("q4_0", "s")).toBe("");
  expect(digits("int4_g32", "q")).toBe("2");
  expect(digits("int3_g32", "q")).toBe("8");
  expect(digits("int8_g32", "q")).toBe("");
});

test("low and high bits of codes in two planes simplify to reads of their own plane", () => {
  const format = formatOf("q6_K");
  const kernel = b.kernel("k", "pack", {
    buffers: containerBuffers(format, 8, 512),
    body: [b.loop("n", 8, [b.loop("k", 512, [])])],
  });
  const code = b.cast("i32", fieldAt(format, "q", b.variable("n"), b.variable("k")));
  const text = (e: Expr): string => printExpr(simplifier(factsOf(kernel))(e), kernel);
  expect(text(b.and(code, 15))).toMatchInlineSnapshot(
    `"i32(w.raw[n, k // 256 * 210 + k % 64 + k // 128 % 2 * 64] >> u8(k // 64 % 2 * 4) & 15)"`,
  );
  expect(text(b.shr(code, 4))).toMatchInlineSnapshot(
    `"i32(w.raw[n, k // 256 * 210 + k % 32 + k // 128 % 2 * 32 + 128] >> u8(k // 32 % 4 * 2) & 3)"`,
  );
});
