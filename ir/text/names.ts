/**
 * How names are spelled in the text form: bare where they look like one, quoted where they don't. Shared by lexer and printer.
 */
import { type Scalar, scalars } from "../types.ts";

/**
 * A bare name: letters, digits and `_`, with `.`, `/` or `-` between them, `&` in front of an address. A hyphen must be followed by a letter, so
 * `n-1` is a difference; `a/b` and `a-b` are names: operators between two names stand between spaces.
 */
export const namePattern: RegExp = /&?[A-Za-z_]\w*(?:(?:[./]\w|-[A-Za-z_])\w*)*/;

/** Words of the text form other than type names. As a name, such a word is quoted. */
export const keywords = [
  "program",
  "kernel",
  "stage",
  "symbol",
  "where",
  "input",
  "output",
  "weight",
  "packed",
  "cache",
  "workspace",
  "subgroup",
  "register",
  "workgroup",
  "bytes",
  "in",
  "below",
  "for",
  "if",
  "let",
  "over",
  "barrier",
  "pass",
  "bitcast",
  "table",
  "true",
  "false",
  "null",
  "inf",
  "nan",
] as const;

export type Keyword = (typeof keywords)[number];

export const scalarNames: readonly Scalar[] = Object.keys(scalars) as Scalar[];

const reserved: ReadonlySet<string> = new Set([...keywords, ...scalarNames]);
const wholeName = new RegExp(`^(?:${namePattern.source})$`);

/** The name as the text form writes it. */
export const printName = (name: string): string =>
  wholeName.test(name) && !reserved.has(name) ? name : JSON.stringify(name);

/** The word as a schedule writes it, where no word is reserved but the three constants. */
export const printWord = (word: string): string =>
  wholeName.test(word) && !["true", "false", "null"].includes(word) ? word : JSON.stringify(word);
