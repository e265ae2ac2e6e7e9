/**
 * The lexer: characters to tokens, and lines and indentation to `Newline`, `Indent` and `Dedent` tokens. Inside brackets lines may break
 * anywhere; `#` starts a comment.
 */
import { createToken, createTokenInstance, type IToken, Lexer, type TokenType } from "chevrotain";
import { ParseError } from "../errors.ts";
import { monoids } from "../monoids.ts";
import { type Keyword, keywords, namePattern, scalarNames } from "./names.ts";
import { infixOps } from "./precedence.ts";

/** What schedules take as a word: names, keywords and type names. */
export const Word: TokenType = createToken({ name: "Word", label: "a word", pattern: Lexer.NA });
export const Name: TokenType = createToken({ name: "Name", label: "a name", pattern: namePattern, categories: [Word] });
/** The name of a type. */
export const Type: TokenType = createToken({ name: "Type", label: "a type", pattern: Lexer.NA });
/** An operator between two operands. */
export const Infix: TokenType = createToken({ name: "Infix", label: "an operator", pattern: Lexer.NA });
/** What a store or reduce statement assigns with. */
export const Assign: TokenType = createToken({ name: "Assign", label: "'='", pattern: Lexer.NA });

export const Quoted: TokenType = createToken({
  name: "Quoted",
  label: "a quoted name",
  pattern: /"(?:[^"\\\r\n]|\\.)*"/,
});
export const NumberToken: TokenType = createToken({
  name: "Number",
  label: "a number",
  pattern: /\d+(?:\.\d+)?(?:[eE][+-]?\d+)?/,
});

const keyword = (word: Keyword): TokenType =>
  createToken({ name: word.toUpperCase(), label: `'${word}'`, pattern: word, longer_alt: Name, categories: [Word] });

/** The token of each keyword. */
export const Keywords: Readonly<Record<Keyword, TokenType>> = Object.fromEntries(
  keywords.map((word) => [word, keyword(word)]),
) as Record<Keyword, TokenType>;

const types = scalarNames.map((scalar) =>
  createToken({
    name: scalar.toUpperCase(),
    label: `'${scalar}'`,
    pattern: scalar,
    longer_alt: Name,
    categories: [Type, Word],
  }),
);

/** Longer spellings first, so that none hides behind its own beginning. */
const longestFirst = (tokens: readonly TokenType[]): TokenType[] =>
  [...tokens].sort((a, b) => (b.PATTERN as string).length - (a.PATTERN as string).length);

const mark = (name: string, pattern: string, categories: TokenType[] = []): TokenType =>
  createToken({ name, label: `'${pattern}'`, pattern, categories });

export const LeftParen: TokenType = mark("LeftParen", "(");
export const RightParen: TokenType = mark("RightParen", ")");
export const LeftSquare: TokenType = mark("LeftSquare", "[");
export const RightSquare: TokenType = mark("RightSquare", "]");
export const LeftBrace: TokenType = mark("LeftBrace", "{");
export const RightBrace: TokenType = mark("RightBrace", "}");
export const Comma: TokenType = mark("Comma", ",");
export const Colon: TokenType = mark("Colon", ":");
export const Range: TokenType = mark("Range", "..");
export const Equals: TokenType = mark("Equals", "=", [Assign]);
const assigns = Object.values(monoids).map(({ assign }) => mark(assign, assign, [Assign]));
// Operators that the grammar also names by themselves.
export const Less: TokenType = mark("Less", "<", [Infix]);
export const Greater: TokenType = mark("Greater", ">", [Infix]);
export const Minus: TokenType = mark("Minus", "-", [Infix]);
export const Percent: TokenType = mark("Percent", "%", [Infix]);
export const Same: TokenType = mark("Same", "==", [Infix]);
const named = new Set(["<", ">", "-", "%", "=="]);
const infixes = [...infixOps.keys()].filter((op) => !named.has(op)).map((op) => mark(op, op, [Infix]));

export const Newline: TokenType = createToken({ name: "Newline", label: "end of line", pattern: Lexer.NA });
export const Indent: TokenType = createToken({ name: "Indent", label: "indented lines", pattern: Lexer.NA });
export const Dedent: TokenType = createToken({ name: "Dedent", label: "end of the block", pattern: Lexer.NA });

const skipped = [
  createToken({ name: "Space", pattern: /[ \r\n]+/, group: Lexer.SKIPPED, line_breaks: true }),
  createToken({ name: "Comment", pattern: /#[^\r\n]*/, group: Lexer.SKIPPED }),
];

const marks = longestFirst([
  ...infixes,
  ...[LeftParen, RightParen, LeftSquare, RightSquare, LeftBrace, RightBrace, Comma, Colon, Range, Equals],
  ...[Less, Greater, Minus, Percent, Same],
]);

/** Every token type, in the order tried. */
export const tokenTypes: readonly TokenType[] = [
  ...skipped,
  ...[Word, Type, Infix, Assign, Newline, Indent, Dedent],
  ...assigns,
  ...longestFirst([...types, ...Object.values(Keywords)]),
  Name,
  Quoted,
  NumberToken,
  ...marks,
];

let lexer: Lexer | undefined;

/** The tokens of a text, with its layout. Throws a `ParseError` at a character that starts no token, and at a line indented like none before. */
export function tokenize(text: string): IToken[] {
  lexer ??= new Lexer([...tokenTypes], { ensureOptimizations: true, positionTracking: "full" });
  const { tokens, errors } = lexer.tokenize(text);
  const error = errors[0];
  if (error !== undefined) {
    const found = text[error.offset] ?? "";
    const reason =
      found === "\t"
        ? "a tab; indent with spaces"
        : found === '"'
          ? "a quoted name that does not end on its line"
          : `unexpected character '${found}'`;
    throw new ParseError(reason, { line: error.line ?? 1, column: error.column ?? 1 });
  }
  return layOut(tokens);
}

const opening: ReadonlySet<TokenType> = new Set([LeftParen, LeftSquare, LeftBrace]);
const closing: ReadonlySet<TokenType> = new Set([RightParen, RightSquare, RightBrace]);

/** Adds the tokens of lines and indentation; the first line sets the outermost level. */
function layOut(tokens: readonly IToken[]): IToken[] {
  const out: IToken[] = [];
  const levels: number[] = [];
  let depth = 0;
  let last: IToken | undefined;
  const insert = (type: TokenType, at: IToken, end: boolean): void => {
    const line = (end ? at.endLine : at.startLine) ?? 1;
    const column = end ? (at.endColumn ?? 0) + 1 : (at.startColumn ?? 1);
    const offset = end ? (at.endOffset ?? 0) + 1 : at.startOffset;
    out.push(createTokenInstance(type, "", offset, offset, line, line, column, column));
  };
  for (const token of tokens) {
    const column = token.startColumn ?? 1;
    const startsLine = last === undefined || (depth === 0 && token.startLine !== last.endLine);
    if (startsLine) {
      if (last !== undefined) insert(Newline, last, true);
      if (levels.length === 0) levels.push(column);
      else if (column > (levels.at(-1) as number)) {
        levels.push(column);
        insert(Indent, token, false);
      }
      while (column < (levels.at(-1) as number)) {
        levels.pop();
        if (levels.length === 0 || column > (levels.at(-1) as number))
          throw new ParseError("this line is indented like none above it", { line: token.startLine ?? 1, column });
        insert(Dedent, token, false);
      }
    }
    if (opening.has(token.tokenType)) depth++;
    if (closing.has(token.tokenType)) depth = Math.max(0, depth - 1);
    out.push(token);
    last = token;
  }
  if (last !== undefined) {
    insert(Newline, last, true);
    for (let i = 1; i < levels.length; i++) insert(Dedent, last, true);
  }
  return out;
}
