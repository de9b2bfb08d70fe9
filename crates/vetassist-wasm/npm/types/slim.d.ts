/// <reference lib="dom" />
export * from './index.js';

/** Holds the bytes of `vetassist.wasm` or `schema.wasm`, or the module that was compiled from them. */
export type ModuleSource = Uint8Array | ArrayBuffer | WebAssembly.Module;

/**
 * Starts the module. Once it runs, does nothing.
 *
 * @param schema `schema.wasm`, for those who call `checkSchema`.
 */
export function initSync(module: ModuleSource, schema?: ModuleSource): void;

/** Starts the module as {@link initSync} does, also from the responses to requests for the files. */
export function init(
  module: ModuleSource | Response | PromiseLike<ModuleSource | Response>,
  schema?: ModuleSource | Response | PromiseLike<ModuleSource | Response>,
): Promise<void>;
