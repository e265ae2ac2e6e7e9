/** What engines are started with. */

export interface EngineOptions {
  /** Environment variables that the process gets besides this one's: where its Vulkan driver is, say. */
  readonly env?: Readonly<Record<string, string>>;
  /** The engine's program, where it is not to be looked for. */
  readonly command?: string;
  /** The process is to find a GPU: any, but for want of one the processor, or the processor as one even so. Without it the process gets what the environment says. */
  readonly gpu?: "any" | "software";
}
