/**
 * What the grammars of kernels and schedules share: names, numbers, types, and the wording of errors.
 */
import {
  EmbeddedActionsParser,
  type IParserErrorMessageProvider,
  type IToken,
  type ParserMethod,
  type TokenType,
} from "chevrotain";
import { ParseError } from "../errors.ts";
import type { Scalar } from "../types.ts";
import * as t from "./lexer.ts";
import type { Place } from "./syntax.ts";

const k = t.Keywords;

export const placeOf = (token: IToken): Place => ({ line: token.startLine ?? 1, column: token.startColumn ?? 1 });

const describe = (type: TokenType | undefined): string => type?.LABEL ?? type?.name ?? "";
const found = (token: IToken | undefined): string =>
  token === undefined || token.tokenType.name === "EOF"
    ? "the end"
    : token.image === ""
      ? describe(token.tokenType)
      : `'${token.image}'`;

/** Each alternative once; at most as many as a person reads. */
function anyOf(paths: readonly (TokenType | undefined)[]): string {
  const labels = [...new Set(paths.map(describe))];
  return labels.length > 8 ? `${labels.slice(0, 7).join(", ")} or the like` : labels.join(" or ");
}

const messages: IParserErrorMessageProvider = {
  buildMismatchTokenMessage: ({ expected, actual }) => `expected ${describe(expected)}, found ${found(actual)}`,
  buildNoViableAltMessage: ({ expectedPathsPerAlt, actual, customUserDescription }) =>
    `expected ${customUserDescription ?? anyOf(expectedPathsPerAlt.flat().map((path) => path[0]))}, found ${found(actual[0])}`,
  buildEarlyExitMessage: ({ expectedIterationPaths, actual, customUserDescription }) =>
    `expected ${customUserDescription ?? anyOf(expectedIterationPaths.map((path) => path[0]))}, found ${found(actual[0])}`,
  buildNotAllInputParsedMessage: ({ firstRedundant }) => `expected the end, found ${found(firstRedundant)}`,
};

export type Rule<T> = ParserMethod<[], T>;

/** Rules for single tokens and short lists of them. Chevrotain's parsers are classes with a rule per field. */
export class Rules extends EmbeddedActionsParser {
  constructor() {
    super([...t.tokenTypes], { errorMessageProvider: messages, maxLookahead: 2 });
  }

  protected quoted: Rule<IToken> = this.RULE("quoted", (): IToken => {
    const token = this.CONSUME(t.Quoted);
    return this.ACTION(() => {
      try {
        return { ...token, image: JSON.parse(token.image) as string };
      } catch {
        throw new ParseError(`${token.image} has an escape that JSON does not know`, placeOf(token));
      }
    });
  });

  protected name: Rule<IToken> = this.RULE(
    "name",
    (): IToken =>
      this.OR({
        DEF: [{ ALT: () => this.CONSUME(t.Name) }, { ALT: () => this.SUBRULE(this.quoted) }],
        ERR_MSG: "a name",
      }),
  );

  protected names: Rule<string[]> = this.RULE("names", (): string[] => {
    const all: string[] = [];
    this.AT_LEAST_ONE_SEP({ SEP: t.Comma, DEF: () => all.push(this.SUBRULE(this.name).image) });
    return all;
  });

  protected signed: Rule<number> = this.RULE("signed", (): number => {
    const minus = this.OPTION(() => this.CONSUME(t.Minus));
    const value = this.OR({
      DEF: [
        { ALT: () => Number(this.CONSUME(t.NumberToken).image) },
        { ALT: () => Number(this.CONSUME(k.inf).image.replace("inf", "Infinity")) },
      ],
      ERR_MSG: "a number",
    });
    return minus === undefined ? value : -value;
  });

  protected whole: Rule<number> = this.RULE("whole", (): number => Number(this.CONSUME(t.NumberToken).image));

  protected type: Rule<Scalar> = this.RULE("type", (): Scalar => this.CONSUME(t.Type).image as Scalar);

  /** `<4,2>` */
  protected sizes: Rule<number[]> = this.RULE("sizes", (): number[] => {
    const sizes: number[] = [];
    this.CONSUME(t.Less);
    this.AT_LEAST_ONE_SEP({ SEP: t.Comma, DEF: () => sizes.push(this.SUBRULE(this.whole)) });
    this.CONSUME(t.Greater);
    return sizes;
  });
}

/** Reads a whole text by a rule of a parser. Throws a `ParseError` that says what was expected where. */
export function readText<P extends Rules, T>(parser: P, rule: (parser: P) => T, tokens: IToken[]): T {
  parser.input = tokens;
  const result = rule(parser);
  const error = parser.errors[0];
  if (error === undefined) return result;
  // The token of the end has no place of its own.
  const at = (error.token.startLine ?? 0) > 0 ? error.token : tokens.at(-1);
  throw new ParseError(error.message, at ? placeOf(at) : { line: 1, column: 1 });
}
