// Schemas for the values of options: text from the command line to numbers and choices, with messages for people.

import { z } from "zod";

/** A whole number from `min` to `max`, written in decimal. */
export function integer(min: number, max: number = Number.MAX_SAFE_INTEGER): z.ZodType<number, string> {
  const range = max === Number.MAX_SAFE_INTEGER ? `from ${min} up` : `from ${min} to ${max}`;
  return z
    .string()
    .refine((text) => /^[+-]?\d+$/.test(text) && Number(text) >= min && Number(text) <= max, {
      error: `must be a whole number ${range}`,
    })
    .transform(Number);
}

/** Whole numbers from `min` up, separated by commas. */
export function integers(min: number): z.ZodType<readonly number[], string> {
  const one = integer(min);
  return z
    .string()
    .refine((text) => text.split(",").every((part) => one.safeParse(part).success), {
      error: `must be whole numbers from ${min} up, separated by commas`,
    })
    .transform((text) => text.split(",").map(Number));
}

/** A finite number above 0, such as seconds. */
export function positive(): z.ZodType<number, string> {
  return z
    .string()
    .refine((text) => /^\d*\.?\d+(e[+-]?\d+)?$/i.test(text) && Number(text) > 0 && Number.isFinite(Number(text)), {
      error: "must be a number above 0",
    })
    .transform(Number);
}

/** One of the given words. */
export function choice<const C extends string>(...choices: readonly C[]): z.ZodType<C, string> {
  return z
    .string()
    .refine((text) => choices.includes(text as C), { error: `must be one of ${choices.join(", ")}` })
    .transform((text) => text as C);
}

/** Some of the given words, separated by commas, each at most once. */
export function list<const C extends string>(...choices: readonly C[]): z.ZodType<readonly C[], string> {
  return z
    .string()
    .transform((text) => text.split(","))
    .refine((words) => words.every((word, i) => choices.includes(word as C) && words.indexOf(word) === i), {
      error: `must be some of ${choices.join(", ")}, separated by commas, each once`,
    })
    .transform((words) => words.map((word) => word as C));
}
