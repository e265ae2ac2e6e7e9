/**
 * Contestants in a real browser: one page for all that are measured side by side, opened for the first and closed after the last. Not here: the
 * browser (src/web), what runs in the page (page/).
 */
import type { Page } from "playwright-core";
import {
  callInPage,
  hasPackage,
  inWords,
  launchChromium,
  modulePath,
  PackageMissingError,
  type Plain,
  serve,
  WebError,
  type WebServer,
} from "../web/index.ts";
import { BenchError, PeerMissingError } from "./errors.ts";
import type { PageSession } from "./page/session.ts";
import type { Session } from "./peers/peer.ts";

interface BenchPage {
  readonly page: Page;
  readonly server: WebServer;
  close(): Promise<void>;
}

interface Shared {
  readonly opened: Promise<BenchPage>;
  users: number;
}

/** Packages that contestants import in the page. */
const packages = ["onnxruntime-web"];

let shared: Shared | undefined;

async function openPage(): Promise<BenchPage> {
  const server = await serve({ packages: packages.filter(hasPackage) });
  const closing: (() => Promise<void>)[] = [() => server.close()];
  const close = async (): Promise<void> => {
    for (const one of closing.toReversed()) await one();
  };
  try {
    const chromium = await launchChromium();
    closing.push(() => chromium.close());
    return { page: await chromium.open(server.url), server, close };
  } catch (error) {
    await close();
    throw error;
  }
}

async function leave(own: Shared): Promise<void> {
  if (--own.users > 0) return;
  if (shared === own) shared = undefined;
  // One that never opened has nothing to close: whoever asked for it was told.
  await own.opened.then(
    (page) => page.close(),
    () => {},
  );
}

/** How a contestant is made in the page. */
export interface PagePlan {
  /** Who it is, for messages. */
  readonly who: string;
  /** The module that has `prepare(args)`, which gives a `PageSession`: `src/bench/page/ort-webgpu`. */
  readonly module: string;
  /** What `prepare` is given, and under the same roof the paths where `bytes` are published while it runs. */
  readonly args: Readonly<Record<string, Plain>>;
  readonly bytes: Readonly<Record<string, Uint8Array>>;
}

/**
 * A session in the page that all of them share: timed there, its results brought here when they are asked for.
 *
 * @throws PeerMissingError where a package is missing, BenchError for what the browser or the page can't do
 */
export async function sessionInPage({ who, module, args, bytes }: PagePlan): Promise<Session> {
  shared ??= { opened: openPage(), users: 0 };
  const own = shared;
  own.users++;
  try {
    const { page, server } = await own.opened;
    const paths = Object.entries(bytes).map(([name, data]) => [name, server.publish(data)] as const);
    try {
      const given = { ...args, ...Object.fromEntries(paths) };
      const session = await callInPage<PageSession>(page, modulePath(module), "prepare", given);
      const quantumMs = await session.evaluate(({ quantumMs: step }) => step);
      const time = (count: number): Promise<number> =>
        explained(
          who,
          session.evaluate((made, times) => made.time(times), count),
        );
      return {
        run: async () => void (await time(1)),
        timed: { quantumMs, time },
        output: () =>
          explained(
            who,
            session.evaluate((made) => made.output()),
          ),
        dispose: async () => {
          try {
            await session.evaluate((made) => made.dispose());
          } finally {
            await leave(own);
          }
        },
      };
    } finally {
      for (const [, path] of paths) server.withdraw(path);
    }
  } catch (error) {
    await leave(own);
    throw asBenchError(who, error);
  }
}

async function explained<T>(who: string, evaluated: Promise<T>): Promise<T> {
  try {
    return await inWords(evaluated);
  } catch (error) {
    throw asBenchError(who, error);
  }
}

function asBenchError(who: string, error: unknown): unknown {
  if (error instanceof PackageMissingError) return new PeerMissingError(`${who}: ${error.message}`, { cause: error });
  return error instanceof WebError ? new BenchError(`${who}: ${error.message}`, { cause: error }) : error;
}
