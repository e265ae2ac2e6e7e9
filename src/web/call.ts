// Calls into a page's modules from the process that drives it. Not here: the page (chromium.ts), the modules.

import type { JSHandle, Page } from "playwright-core";
import { WebError } from "./errors.ts";

/** What crosses over as it is. */
export type Plain = null | boolean | number | string | readonly Plain[] | { readonly [name: string]: Plain };

/**
 * Calls an export of a module (its address, `modulePath`) in a page and awaits it; what it gives stays there, to be asked by `evaluate` and let go
 * by `dispose`.
 *
 * @throws WebError in the words of what the call threw
 */
export async function callInPage<T>(
  page: Page,
  module: string,
  name: string,
  ...args: readonly Plain[]
): Promise<JSHandle<T>> {
  const [address, called, values] = [module, name, args].map((value) => JSON.stringify(value));
  // A text, not a function: tools that rewrite this file's imports would rewrite the page's.
  const call = `import(${address}).then((module) => module[${called}](...${values}))`;
  return inWords(page.evaluateHandle(call)) as Promise<JSHandle<T>>;
}

/** What a page threw, in its own words. */
export async function inWords<T>(evaluated: Promise<T>): Promise<T> {
  try {
    return await evaluated;
  } catch (cause) {
    const [line = ""] = (cause as Error).message.split("\n");
    throw new WebError(line.replace(/^\w+\.\w+: (?:\w*Error: )?/, ""), { cause });
  }
}
