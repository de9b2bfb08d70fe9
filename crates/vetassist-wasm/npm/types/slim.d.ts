/// <reference lib="dom" />
export * from './index.js';
export * from './metadata.js';

/** The bytes of `vetassist.wasm`, `schema.wasm` or `metadata.wasm`, or the compiled module. */
export type ModuleSource = Uint8Array | ArrayBuffer | WebAssembly.Module;

/**
 * Starts the module. Does nothing if it is running.
 *
 * @param schema `schema.wasm`, which `checkSchema` needs.
 * @param metadata `metadata.wasm`, which `hashDevice`, `checkEventData` and `checkEventType` need.
 */
export function initSync(module: ModuleSource, schema?: ModuleSource, metadata?: ModuleSource): void;

/** Starts the module as {@link initSync} does, also from responses of `fetch`. */
export function init(
  module: ModuleSource | Response | PromiseLike<ModuleSource | Response>,
  schema?: ModuleSource | Response | PromiseLike<ModuleSource | Response>,
  metadata?: ModuleSource | Response | PromiseLike<ModuleSource | Response>,
): Promise<void>;
