// The text form: what is printed reads back as the same kernel, and what can't be read is refused with its place.
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  b,
  IrError,
  ops,
  ParseError,
  parseExpr,
  parseKernel,
  parseProgram,
  parseSchedule,
  printExpr,
  printKernel,
  printProgram,
  printSchedule,
  programOf,
  type Scalar,
  scalars,
  typeOf,
  verifyKernel,
  wrap,
} from "../../ir/index.ts";
import { precedence } from "../../ir/text/precedence.ts";
import { arbitraryKernel } from "./arbitrary.ts";

const scalarNames = Object.keys(scalars) as Scalar[];
