/**
 * Schedules as text: one step a line, `split(loop: n, factor: 16, into: [no, ni], tail: guard)`. Steps are plain records; what they mean is
 * known in `schedules/` alone.
 *
 *     schedule = (word "(" fields ")" newline)*
 *     fields   = (word ":" value ("," word ":" value)*)?
 *     value    = number | word | "true" | "false" | "null" | quoted | "[" values "]" | "{" fields "}"
 */
import type { IToken } from "chevrotain";
import { ParseError } from "../errors.ts";
import * as t from "./lexer.ts";
import { printWord } from "./names.ts";
import { placeOf, type Rule, Rules, readText } from "./rules.ts";

const k = t.Keywords;

/** A value of a schedule step: plain JSON. */
export type Json = string | number | boolean | null | readonly Json[] | { readonly [key: string]: Json };

/** A schedule step: the primitive's name and its fields. */
export interface StepRecord {
  readonly op: string;
  readonly [field: string]: Json;
}

class ScheduleGrammar extends Rules {
  constructor() {
    super();
    this.performSelfAnalysis();
  }

  private word: Rule<IToken> = this.RULE(
    "word",
    (): IToken =>
      this.OR({
        DEF: [{ ALT: () => this.CONSUME(t.Word) }, { ALT: () => this.SUBRULE(this.quoted) }],
        ERR_MSG: "a word",
      }),
  );

  private value: Rule<Json> = this.RULE(
    "value",
    (): Json =>
      this.OR({
        DEF: [
          { ALT: () => this.SUBRULE(this.number) },
          { ALT: () => this.SUBRULE(this.wordValue) },
          {
            ALT: () => {
              const items: Json[] = [];
              this.CONSUME(t.LeftSquare);
              this.MANY_SEP({ SEP: t.Comma, DEF: () => items.push(this.SUBRULE2(this.value)) });
              this.CONSUME(t.RightSquare);
              return items;
            },
          },
          {
            ALT: () => {
              this.CONSUME(t.LeftBrace);
              const record = this.SUBRULE(this.fields);
              this.CONSUME(t.RightBrace);
              return record;
            },
          },
        ],
        ERR_MSG: "a value",
      }),
  );

  private number: Rule<number> = this.RULE("number", (): number => {
    const minus = this.OPTION(() => this.CONSUME(t.Minus));
    const value = Number(this.CONSUME(t.NumberToken).image);
    return minus === undefined ? value : -value;
  });

  private wordValue: Rule<Json> = this.RULE("wordValue", (): Json => {
    const token = this.SUBRULE(this.word);
    if (token.tokenType === k.true) return true;
    if (token.tokenType === k.false) return false;
    return token.tokenType === k.null ? null : token.image;
  });

  private fields: Rule<Record<string, Json>> = this.RULE("fields", (): Record<string, Json> => {
    const entries: [string, Json][] = [];
    this.MANY_SEP({
      SEP: t.Comma,
      DEF: () => {
        const key = this.SUBRULE(this.word);
        this.CONSUME(t.Colon);
        const value = this.SUBRULE(this.value);
        this.ACTION(() => {
          if (entries.some(([known]) => known === key.image))
            throw new ParseError(`field ${key.image} is given twice`, placeOf(key));
        });
        entries.push([key.image, value]);
      },
    });
    return this.ACTION(() => Object.fromEntries(entries));
  });

  schedule: Rule<StepRecord[]> = this.RULE("schedule", () => {
    const steps: StepRecord[] = [];
    this.MANY(() => {
      const token = this.SUBRULE(this.word);
      this.CONSUME(t.LeftParen);
      const fields = this.SUBRULE(this.fields);
      this.CONSUME(t.RightParen);
      this.CONSUME(t.Newline);
      steps.push(this.ACTION(() => ({ op: token.image, ...fields })));
    });
    return steps;
  });
}

let grammar: ScheduleGrammar | undefined;

/** Reads a schedule. Throws a `ParseError` with line, column and what was expected. */
export function parseSchedule(text: string): StepRecord[] {
  const tokens = t.tokenize(text);
  grammar ??= new ScheduleGrammar();
  return readText(grammar, (g) => g.schedule(), tokens);
}

/** The text of a schedule, one step a line; fields that are undefined are left out. */
export function printSchedule(steps: readonly { readonly op: string }[]): string {
  return steps
    .map((step) => {
      const { op, ...fields } = step;
      return `${printWord(op)}(${printFields(fields)})\n`;
    })
    .join("");
}

const printFields = (fields: object): string =>
  Object.entries(fields)
    .filter(([, value]) => value !== undefined)
    .map(([key, value]) => `${printWord(key)}: ${printValue(value as Json)}`)
    .join(", ");

function printValue(value: Json): string {
  if (typeof value === "string") return printWord(value);
  if (value === null || typeof value !== "object") return String(value);
  if (Array.isArray(value)) return `[${value.map(printValue).join(", ")}]`;
  return `{${printFields(value)}}`;
}
