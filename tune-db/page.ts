/**
 * Telling whether the page that wrote a journal entry still lives: it holds a lock of the browser's for as long as it does (Web Locks,
 * https://www.w3.org/TR/web-locks/), and the browser says which locks are held. Not here: processes (process.ts).
 */

/** A page's, or a worker's, sign of life. */
export interface Presence {
  /** Unique among all pages. */
  readonly name: string;
  /** As if the page had ended. */
  end(): void;
}

const PREFIX = "qloom-tuning-";

/** Where the browser has no such locks (a page of plain http from another machine). */
const locks = (): LockManager | undefined => globalThis.navigator?.locks;

/** Takes the lock. Without locks the name alone is given. */
export async function announce(): Promise<Presence> {
  const id = [...crypto.getRandomValues(new Uint8Array(8))].map((byte) => byte.toString(16).padStart(2, "0")).join("");
  const name = `${PREFIX}${id}`;
  const { promise: ended, resolve: end } = Promise.withResolvers<void>();
  const { promise: held, resolve: hold } = Promise.withResolvers<void>();
  // It settles when the lock is given back, which nobody waits for.
  void locks()?.request(name, () => {
    hold();
    return ended;
  });
  if (locks() !== undefined) await held;
  return { name, end };
}

/** How long an entry is believed to be running where the browser doesn't tell. */
const UNKNOWN_LIFETIME_MS = 24 * 60 * 60 * 1000;

/** Whether an entry's owner lives. */
export async function livingOwners(): Promise<(entry: { readonly owner: string; readonly begun: string }) => boolean> {
  const held = (await locks()?.query())?.held;
  if (held === undefined) return ({ begun }) => Date.now() - Date.parse(begun) < UNKNOWN_LIFETIME_MS;
  const names = new Set(held.map(({ name }) => name));
  return ({ owner }) => names.has(owner);
}
