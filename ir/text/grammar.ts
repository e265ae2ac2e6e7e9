/**
 * The grammar of kernels, as rules that build the trees of `syntax.ts`. It knows no types, no scopes and no precedence.
 *
 *     program   = "program" name newline kernel*
 *     kernel    = "kernel" name "stage" name newline indent symbol* buffer* statement* dedent
 *     symbol    = "symbol" name "in" number ".." number? ("where" name "%" number "==" number)? newline
 *     buffer    = role name ":" type sizes? "[" (expression ("," expression)* "bytes"?)? "]" ("in" bound ".." bound)? newline
 *     statement = "for" name "<" expression kind? newline block | "if" expression newline block | "let" name "=" expression newline
 *               | "barrier" newline | "pass" newline | name access ("=" | "+=" | "max=" | "min=") expression ("over" name ("," name)*)? newline
 *     access    = "[" (expression ("," expression)*)? ("if" expression)? "]"
 *     expression = operand (infix operand)*
 *     operand   = "-" operand | number | "true" | .. | name | name (":" type)? access | name "(" expressions ")" | type sizes? "(" expression ")"
 *               | "bitcast" "(" type "," expression ")" | "table" "(" type "," expression ("," number)+ ")" | "<" size ":" stride ("," ..)* ">" | "(" expression ")"
 */
import type { IToken } from "chevrotain";
import type { Scalar } from "../types.ts";
import * as t from "./lexer.ts";
import { placeOf, type Rule, Rules, readText } from "./rules.ts";
import type {
  AccessSyntax,
  BufferSyntax,
  ExprSyntax,
  KernelSyntax,
  Place,
  ProgramSyntax,
  StmtSyntax,
  SymbolSyntax,
} from "./syntax.ts";

const k = t.Keywords;

class Grammar extends Rules {
  constructor() {
    super();
    this.performSelfAnalysis();
  }

  // --------------------------------------------------------------------------------------------------------- expressions

  expression: Rule<ExprSyntax> = this.RULE("expression", (): ExprSyntax => {
    const operands: ExprSyntax[] = [this.SUBRULE(this.operand)];
    const operators: (Place & { spelling: string })[] = [];
    this.MANY(() => {
      const token = this.CONSUME(t.Infix);
      operators.push({ ...placeOf(token), spelling: token.image });
      operands.push(this.SUBRULE2(this.operand));
    });
    const [first] = operands as [ExprSyntax];
    return operators.length === 0 ? first : this.ACTION(() => ({ ...first, kind: "chain", operands, operators }));
  });

  private operand: Rule<ExprSyntax> = this.RULE(
    "operand",
    (): ExprSyntax =>
      this.OR({
        DEF: [
          { ALT: () => this.SUBRULE(this.negation) },
          { ALT: () => this.SUBRULE(this.literal) },
          { ALT: () => this.SUBRULE(this.named) },
          { ALT: () => this.SUBRULE(this.typed) },
          { ALT: () => this.SUBRULE(this.bits) },
          { ALT: () => this.SUBRULE(this.table) },
          { ALT: () => this.SUBRULE(this.lanes) },
          { ALT: () => this.SUBRULE(this.parenthesized) },
        ],
        ERR_MSG: "an expression",
      }),
  );

  private negation: Rule<ExprSyntax> = this.RULE("negation", (): ExprSyntax => {
    const token = this.CONSUME(t.Minus);
    const arg = this.SUBRULE(this.operand);
    return { ...placeOf(token), kind: "negate", arg };
  });

  private literal: Rule<ExprSyntax> = this.RULE("literal", (): ExprSyntax => {
    const literal = (token: IToken, spelled: "integer" | "float" | "bool", value: number): ExprSyntax => ({
      ...placeOf(token),
      kind: "literal",
      value,
      spelled,
    });
    return this.OR([
      {
        ALT: () => {
          const token = this.CONSUME(t.NumberToken);
          return literal(token, /^\d+$/.test(token.image) ? "integer" : "float", Number(token.image));
        },
      },
      { ALT: () => literal(this.CONSUME(k.inf), "float", Number.POSITIVE_INFINITY) },
      { ALT: () => literal(this.CONSUME(k.nan), "float", Number.NaN) },
      { ALT: () => literal(this.CONSUME(k.true), "bool", 1) },
      { ALT: () => literal(this.CONSUME(k.false), "bool", 0) },
    ]);
  });

  /** A variable, a load or a call. */
  private named: Rule<ExprSyntax> = this.RULE("named", (): ExprSyntax => {
    const token = this.SUBRULE(this.name);
    const place = placeOf(token);
    let result: ExprSyntax = { ...place, kind: "name", name: token.image };
    this.OPTION(() => {
      result = this.OR([
        {
          ALT: (): ExprSyntax => {
            this.CONSUME(t.Colon);
            const scalar = this.SUBRULE(this.type);
            const access = this.SUBRULE(this.access);
            return { ...place, kind: "load", buffer: token.image, scalar, access };
          },
        },
        {
          ALT: (): ExprSyntax => {
            const access = this.SUBRULE2(this.access);
            return { ...place, kind: "load", buffer: token.image, scalar: undefined, access };
          },
        },
        { ALT: (): ExprSyntax => ({ ...place, kind: "call", name: token.image, args: this.SUBRULE(this.args) }) },
      ]);
    });
    return result;
  });

  private args: Rule<ExprSyntax[]> = this.RULE("args", (): ExprSyntax[] => {
    const args: ExprSyntax[] = [];
    this.CONSUME(t.LeftParen);
    this.MANY_SEP({ SEP: t.Comma, DEF: () => args.push(this.SUBRULE(this.expression)) });
    this.CONSUME(t.RightParen);
    return args;
  });

  private typed: Rule<ExprSyntax> = this.RULE("typed", (): ExprSyntax => {
    const token = this.CONSUME(t.Type);
    const lanes = this.OPTION(() => this.SUBRULE(this.sizes)) ?? [];
    this.CONSUME(t.LeftParen);
    const arg = this.SUBRULE(this.expression);
    this.CONSUME(t.RightParen);
    return { ...placeOf(token), kind: "typed", scalar: token.image as Scalar, lanes, arg };
  });

  private bits: Rule<ExprSyntax> = this.RULE("bits", (): ExprSyntax => {
    const token = this.CONSUME(k.bitcast);
    this.CONSUME(t.LeftParen);
    const scalar = this.SUBRULE(this.type);
    this.CONSUME(t.Comma);
    const arg = this.SUBRULE(this.expression);
    this.CONSUME(t.RightParen);
    return { ...placeOf(token), kind: "bits", scalar, arg };
  });

  private table: Rule<ExprSyntax> = this.RULE("table", (): ExprSyntax => {
    const values: number[] = [];
    const token = this.CONSUME(k.table);
    this.CONSUME(t.LeftParen);
    const scalar = this.SUBRULE(this.type);
    this.CONSUME(t.Comma);
    const index = this.SUBRULE(this.expression);
    this.AT_LEAST_ONE(() => {
      this.CONSUME2(t.Comma);
      values.push(this.SUBRULE(this.signed));
    });
    this.CONSUME(t.RightParen);
    return { ...placeOf(token), kind: "table", scalar, index, values };
  });

  private lanes: Rule<ExprSyntax> = this.RULE("lanes", (): ExprSyntax => {
    const sizes: number[] = [];
    const strides: number[] = [];
    const token = this.CONSUME(t.Less);
    this.AT_LEAST_ONE_SEP({
      SEP: t.Comma,
      DEF: () => {
        sizes.push(this.SUBRULE(this.whole));
        this.CONSUME(t.Colon);
        strides.push(this.SUBRULE(this.signed));
      },
    });
    this.CONSUME(t.Greater);
    return { ...placeOf(token), kind: "lanes", sizes, strides };
  });

  private parenthesized: Rule<ExprSyntax> = this.RULE("parenthesized", (): ExprSyntax => {
    this.CONSUME(t.LeftParen);
    const inner = this.SUBRULE(this.expression);
    this.CONSUME(t.RightParen);
    return inner;
  });

  private access: Rule<AccessSyntax> = this.RULE("access", (): AccessSyntax => {
    const index: ExprSyntax[] = [];
    this.CONSUME(t.LeftSquare);
    this.MANY_SEP({ SEP: t.Comma, DEF: () => index.push(this.SUBRULE(this.expression)) });
    const mask = this.OPTION(() => {
      this.CONSUME(k.if);
      return this.SUBRULE2(this.expression);
    });
    this.CONSUME(t.RightSquare);
    return { index, mask };
  });

  // ---------------------------------------------------------------------------------------------------------- statements

  private block: Rule<StmtSyntax[]> = this.RULE("block", (): StmtSyntax[] => {
    const body: StmtSyntax[] = [];
    this.CONSUME(t.Newline);
    this.CONSUME(t.Indent);
    this.AT_LEAST_ONE({ DEF: () => body.push(this.SUBRULE(this.statement)), ERR_MSG: "a statement" });
    this.CONSUME(t.Dedent);
    return body;
  });

  private statement: Rule<StmtSyntax> = this.RULE(
    "statement",
    (): StmtSyntax =>
      this.OR({
        DEF: [
          { ALT: () => this.SUBRULE(this.forLoop) },
          { ALT: () => this.SUBRULE(this.conditional) },
          { ALT: () => this.SUBRULE(this.binding) },
          { ALT: () => this.SUBRULE(this.single) },
          { ALT: () => this.SUBRULE(this.assignment) },
        ],
        ERR_MSG: "a statement",
      }),
  );

  private conditional: Rule<StmtSyntax> = this.RULE("conditional", (): StmtSyntax => {
    const token = this.CONSUME(k.if);
    const cond = this.SUBRULE(this.expression);
    const body = this.SUBRULE(this.block);
    return { ...placeOf(token), kind: "if", cond, body };
  });

  private binding: Rule<StmtSyntax> = this.RULE("binding", (): StmtSyntax => {
    const token = this.CONSUME(k.let);
    const name = this.SUBRULE(this.name).image;
    this.CONSUME(t.Equals);
    const value = this.SUBRULE(this.expression);
    this.CONSUME(t.Newline);
    return { ...placeOf(token), kind: "let", name, value };
  });

  /** `barrier`, and `pass` for a body without statements. */
  private single: Rule<StmtSyntax> = this.RULE("single", (): StmtSyntax => {
    const token = this.OR([{ ALT: () => this.CONSUME(k.barrier) }, { ALT: () => this.CONSUME(k.pass) }]);
    this.CONSUME(t.Newline);
    return { ...placeOf(token), kind: token.image === "pass" ? "pass" : "barrier" };
  });

  private forLoop: Rule<StmtSyntax> = this.RULE("forLoop", (): StmtSyntax => {
    const token = this.CONSUME(k.for);
    const loop = this.SUBRULE(this.name).image;
    this.CONSUME(t.Less);
    const extent = this.SUBRULE(this.expression);
    const kind = this.OPTION(() =>
      this.OR([{ ALT: () => this.CONSUME(t.Name) }, { ALT: () => this.CONSUME(k.subgroup) }]),
    );
    const body = this.SUBRULE(this.block);
    const loopKind = kind && { ...placeOf(kind), name: kind.image };
    return { ...placeOf(token), kind: "for", loop, extent, loopKind, body };
  });

  private assignment: Rule<StmtSyntax> = this.RULE("assignment", (): StmtSyntax => {
    const token = this.SUBRULE(this.name);
    const access = this.SUBRULE(this.access);
    const assign = this.CONSUME(t.Assign).image;
    const value = this.SUBRULE(this.expression);
    const over =
      this.OPTION(() => {
        this.CONSUME(k.over);
        return this.SUBRULE(this.names);
      }) ?? [];
    this.CONSUME(t.Newline);
    return { ...placeOf(token), kind: "assign", buffer: token.image, access, assign, value, over };
  });

  // ---------------------------------------------------------------------------------------------------- kernels, programs

  private symbol: Rule<SymbolSyntax> = this.RULE("symbol", (): SymbolSyntax => {
    this.CONSUME(k.symbol);
    const token = this.SUBRULE(this.name);
    this.CONSUME(k.in);
    const min = this.SUBRULE(this.whole);
    this.CONSUME(t.Range);
    const max = this.OPTION(() => this.SUBRULE2(this.whole));
    const congruence = this.OPTION2(() => {
      this.CONSUME(k.where);
      const of = this.SUBRULE2(this.name);
      this.CONSUME(t.Percent);
      const modulo = this.SUBRULE3(this.whole);
      this.CONSUME(t.Same);
      return { ...placeOf(of), name: of.image, modulo, residue: this.SUBRULE4(this.whole) };
    });
    this.CONSUME(t.Newline);
    return { ...placeOf(token), name: token.image, min, max, congruence };
  });

  private buffer: Rule<BufferSyntax> = this.RULE("buffer", (): BufferSyntax => {
    const declared = this.OR([
      { ALT: () => this.CONSUME(k.input) },
      { ALT: () => this.CONSUME(k.output) },
      { ALT: () => this.CONSUME(k.weight) },
      { ALT: () => this.CONSUME(k.packed) },
      { ALT: () => this.CONSUME(k.cache) },
      { ALT: () => this.CONSUME(k.workspace) },
      { ALT: () => this.CONSUME(k.subgroup) },
      { ALT: () => this.CONSUME(k.register) },
      { ALT: () => this.CONSUME(k.workgroup) },
    ]).image;
    const token = this.SUBRULE(this.name);
    this.CONSUME(t.Colon);
    const scalar = this.SUBRULE(this.type);
    const lanes = this.OPTION(() => this.SUBRULE(this.sizes)) ?? [];
    const shape: ExprSyntax[] = [];
    this.CONSUME(t.LeftSquare);
    this.MANY_SEP({ SEP: t.Comma, DEF: () => shape.push(this.SUBRULE(this.expression)) });
    const bytes = this.OPTION2(() => this.CONSUME(k.bytes)) !== undefined;
    this.CONSUME(t.RightSquare);
    const range = this.OPTION3((): [number, number] => {
      this.CONSUME(k.in);
      const low = this.SUBRULE(this.signed);
      this.CONSUME(t.Range);
      return [low, this.SUBRULE2(this.signed)];
    });
    const below = this.OPTION4(() => {
      this.CONSUME(k.below);
      return this.SUBRULE2(this.expression);
    });
    this.CONSUME(t.Newline);
    return { ...placeOf(token), declared, name: token.image, scalar, lanes, shape, bytes, range, below };
  });

  private kernel: Rule<KernelSyntax> = this.RULE("kernel", (): KernelSyntax => {
    const symbols: SymbolSyntax[] = [];
    const buffers: BufferSyntax[] = [];
    const body: StmtSyntax[] = [];
    this.CONSUME(k.kernel);
    const token = this.SUBRULE(this.name);
    this.CONSUME(k.stage);
    const stage = this.SUBRULE2(this.name);
    this.CONSUME(t.Newline);
    this.OPTION(() => {
      this.CONSUME(t.Indent);
      this.MANY(() => symbols.push(this.SUBRULE(this.symbol)));
      this.MANY2(() => buffers.push(this.SUBRULE(this.buffer)));
      this.MANY3(() => body.push(this.SUBRULE(this.statement)));
      this.CONSUME(t.Dedent);
    });
    return {
      ...placeOf(token),
      name: token.image,
      stage: { ...placeOf(stage), name: stage.image },
      symbols,
      buffers,
      body,
    };
  });

  private program: Rule<ProgramSyntax> = this.RULE("program", (): ProgramSyntax => {
    const kernels: KernelSyntax[] = [];
    this.CONSUME(k.program);
    const token = this.SUBRULE(this.name);
    this.CONSUME(t.Newline);
    this.MANY(() => kernels.push(this.SUBRULE(this.kernel)));
    return { ...placeOf(token), name: token.image, kernels };
  });

  // -------------------------------------------------------------------------------------------------------- whole texts

  exprText: Rule<ExprSyntax> = this.RULE("exprText", () => {
    const result = this.SUBRULE(this.expression);
    this.CONSUME(t.Newline);
    return result;
  });

  kernelText: Rule<KernelSyntax> = this.RULE("kernelText", () => this.SUBRULE(this.kernel));
  programText: Rule<ProgramSyntax> = this.RULE("programText", () => this.SUBRULE(this.program));
}

let grammar: Grammar | undefined;

/** Building the parser takes longer than most parses: it is done when the first text is read. */
function read<T>(rule: (grammar: Grammar) => T, text: string): T {
  const tokens = t.tokenize(text);
  grammar ??= new Grammar();
  return readText(grammar, rule, tokens);
}

export const readExpr = (text: string): ExprSyntax => read((g) => g.exprText(), text);
export const readKernel = (text: string): KernelSyntax => read((g) => g.kernelText(), text);
export const readProgram = (text: string): ProgramSyntax => read((g) => g.programText(), text);
