/**
 * What zod says about data from outside, in the words of our other errors. Not here: fields that say it better themselves.
 */
import type { z } from "zod";

/** For `safeParse(data, { error: inWords })`. What it leaves open is told by zod. */
export function inWords(issue: z.core.$ZodRawIssue): string | undefined {
  if (issue.code === "unrecognized_keys") return `there is no ${issue.keys.map((key) => `"${key}"`).join(", ")} here`;
  if (issue.code !== "invalid_type") return undefined;
  const { input, expected } = issue;
  return input === undefined ? "is missing" : `is ${kindOf(input)}, not ${withArticle(expected)}`;
}

function kindOf(value: unknown): string {
  if (value === null) return "null";
  if (typeof value === "number" || typeof value === "boolean") return String(value);
  return withArticle(Array.isArray(value) ? "array" : typeof value);
}

const withArticle = (noun: string): string => `${/^[aeiou]/.test(noun) ? "an" : "a"} ${noun}`;
