/**
 * Serves the library to pages: its modules below /qloom/ (TypeScript without its types where qloom runs from its sources), the packages that they
 * import below /modules/, bytes that the process publishes below /data/, and a page at / that can import all of it by name. Only this machine can
 * ask. Not here: what pages do.
 */
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { generatorStamp, stampText } from "../compile/index.ts";
import { bytesContent, type Content, fileContent, isScript, scriptContent } from "./content.ts";
import { WebError } from "./errors.ts";
import { findPackages, isInstalled } from "./packages.ts";
import { type PageOptions, pageText } from "./page-text.ts";
import { prepareOnce } from "./prepared.ts";
import { findFile, Refusal, type Root } from "./roots.ts";
import { withAddresses } from "./specifiers.ts";

export interface ServeOptions {
  /** @default any that is free */
  readonly port?: number;
  /** Whether pages are cross-origin isolated: only then they may share memory between threads, and their clocks are finer. @default true */
  readonly isolated?: boolean;
  /** Packages beside the library's own that pages import by name. */
  readonly packages?: readonly string[];
  /** What the page at / holds. @default an empty one */
  readonly page?: PageOptions;
}

/** A server that runs. */
export interface WebServer {
  /** The page: `http://127.0.0.1:8080/`. */
  readonly url: string;
  /** Serves bytes; gives their path, until they are withdrawn. */
  publish(bytes: Uint8Array): string;
  withdraw(path: string): void;
  /** Stops at once, whatever is under way. */
  close(): Promise<void>;
}

const host = "127.0.0.1";
/** From sources or from the package: what runs here is what is served. */
const ending = import.meta.url.endsWith(".ts") ? ".ts" : ".js";
const libraryFolder = join(import.meta.dirname, "..", "..");
const libraryPackages = ["@noble/hashes", "chevrotain", "idb", "p-queue", "zod"];

/** The address of a module of the library, by its path without an ending: `src/index`. */
export const modulePath = (module: string): string => `/qloom/${module}${ending}`;

/** Whether the library finds a package that it does not bring along. */
export const hasPackage = (name: string): boolean => isInstalled(libraryFolder, name);

/**
 * Starts a server on this machine's own address.
 *
 * @throws WebError where the port is taken or a package is not installed
 */
export async function serve(options: ServeOptions = {}): Promise<WebServer> {
  const packages = findPackages(libraryFolder, [...libraryPackages, ...(options.packages ?? [])]);
  const importMap = {
    imports: { qloom: modulePath("src/index"), ...packages.importMap.imports },
    scopes: packages.importMap.scopes,
  };
  const page: Content = {
    type: "text/html; charset=utf-8",
    body: pageText(importMap, options.page ?? {}),
  };
  const published = new Map<string, Content>([["/", page]]);
  // A published qloom has its stamp; the sources get theirs here.
  if (Object.keys(generatorStamp).length === 0)
    published.set(modulePath("src/compile/generator-stamp"), scriptContent(stampText()));
  const roots: readonly Root[] = [
    ...["ir", "schedules", "backends", "tune-db", "src", "examples"].map((folder) => ({
      path: `/qloom/${folder}/`,
      folder: join(libraryFolder, folder),
      isPackage: false,
    })),
    ...[...packages.folders].map(([path, folder]) => ({ path, folder, isPackage: true })),
  ];
  const headers = {
    "cache-control": "no-cache",
    "cross-origin-resource-policy": "same-origin",
    "x-content-type-options": "nosniff",
    ...(options.isolated !== false && {
      "cross-origin-opener-policy": "same-origin",
      "cross-origin-embedder-policy": "require-corp",
    }),
  };

  const prepared = prepareOnce(async (path, file, root) => {
    const content = await fileContent(file, root);
    // The page's import map is not its workers'.
    return isScript(content) ? scriptContent(withAddresses(content.body, path, importMap)) : content;
  });
  const contentAt = async (path: string): Promise<Content & { readonly tag?: string }> => {
    const known = published.get(path);
    if (known !== undefined) return known;
    const { file, root } = await findFile(roots, path);
    return prepared(path, file, root);
  };
  const answer = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const send = (status: number, { type, body }: Content, more: Readonly<Record<string, string>> = {}): void => {
      const bytes = typeof body === "string" ? Buffer.from(body) : body;
      response.writeHead(status, { ...headers, "content-type": type, "content-length": bytes.byteLength, ...more });
      response.end(request.method === "HEAD" ? undefined : bytes);
    };
    try {
      checkRequest(request, port);
      const content = await contentAt(pathOf(request));
      const { tag } = content;
      if (tag === undefined) send(200, content);
      else if (request.headers["if-none-match"] !== tag) send(200, content, { etag: tag });
      else response.writeHead(304, { ...headers, etag: tag }).end();
    } catch (error) {
      const { status, headers: more = {} } = error instanceof Refusal ? error : { status: 500 };
      send(status, { type: "text/plain; charset=utf-8", body: `${(error as Error).message}\n` }, more);
    }
  };

  const server = createServer((request, response) => void answer(request, response));
  const port = await listen(server, options.port ?? 0);
  let count = 0;
  return {
    url: `http://${host}:${port}/`,
    publish: (bytes) => {
      const path = `/data/${++count}`;
      published.set(path, bytesContent(bytes));
      return path;
    },
    withdraw: (path) => void published.delete(path),
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

function listen(server: ReturnType<typeof createServer>, port: number): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once("error", (error: NodeJS.ErrnoException) => {
      const taken = error.code === "EADDRINUSE" || error.code === "EACCES";
      const reason = error.code === "EADDRINUSE" ? "is taken" : "needs rights that this process lacks";
      reject(taken ? new WebError(`port ${port} ${reason}; name another, or 0 for any that is free`) : error);
    });
    server.listen(port, host, () => resolve((server.address() as AddressInfo).port));
  });
}

/** Pages of elsewhere may make a browser ask here, under a name of theirs that leads to this address: they are refused. */
function checkRequest({ method, headers }: IncomingMessage, port: number): void {
  if (method !== "GET" && method !== "HEAD")
    throw new Refusal(405, `${method}: this server only gives`, { allow: "GET, HEAD" });
  const asked = headers.host ?? "";
  if (asked !== `${host}:${port}` && asked !== `localhost:${port}`)
    throw new Refusal(403, `asked for as ${asked}; open http://${host}:${port}/`);
}

/** The path that is asked for, decoded once and as it stands: a browser has resolved what is relative. */
function pathOf({ url = "/" }: IncomingMessage): string {
  try {
    return decodeURIComponent(url.replace(/[?#].*$/s, ""));
  } catch {
    throw new Refusal(400, `${url}: is not a path`);
  }
}
