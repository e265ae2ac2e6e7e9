/** What engines are started with. */

export interface EngineOptions {
  /** Environment variables that the process gets besides this one's: where its Vulkan driver is, say. */
  readonly env?: Readonly<Record<string, string>>;
  /** The engine's program, where it is not to be looked for. */
  readonly command?: string;
}
