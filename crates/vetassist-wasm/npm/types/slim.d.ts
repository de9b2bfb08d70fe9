/// <reference lib="dom" />
export * from './index.js';
export * from './metadata.js';

/** Holds the bytes of `vetassist.wasm`, `schema.wasm` or `metadata.wasm`, or the module that was compiled from them. */
export type ModuleSource = Uint8Array | ArrayBuffer | WebAssembly.Module;

/**
 * Starts the module. Once it runs, does nothing.
 *
 * @param schema `schema.wasm`, for those who call `checkSchema`.
 * @param metadata `metadata.wasm`, for those who call `hashDevice`, `checkEventData` or `checkEventType`.
 */
export function initSync(module: ModuleSource, schema?: ModuleSource, metadata?: ModuleSource): void;

/** Starts the module as {@link initSync} does, also from the responses to requests for the files. */
export function init(
  module: ModuleSource | Response | PromiseLike<ModuleSource | Response>,
  schema?: ModuleSource | Response | PromiseLike<ModuleSource | Response>,
  metadata?: ModuleSource | Response | PromiseLike<ModuleSource | Response>,
): Promise<void>;
