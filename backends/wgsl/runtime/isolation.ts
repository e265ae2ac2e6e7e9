/** Cross-origin isolation of pages: what it is needed for, and how to get it. */

/** What a page lacks where it is not isolated; undefined where nothing is lacking, and outside of pages. */
export function isolationHint(host: { readonly crossOriginIsolated?: boolean } = globalThis): string | undefined {
  if (host.crossOriginIsolated !== false) return undefined;
  return (
    "this page is not cross-origin isolated: WebGPU works all the same and so do kernels for Wasm, but those can't share memory among " +
    "threads; serve the page with the headers Cross-Origin-Opener-Policy: same-origin and Cross-Origin-Embedder-Policy: require-corp"
  );
}
