/// <reference lib="dom" />
export * from './index.js';

/** The bytes of `vetassist.wasm`, or the module that was compiled from them. */
export type ModuleSource = Uint8Array | ArrayBuffer | WebAssembly.Module;

/** Starts the module. Once it runs, does nothing. */
export function initSync(module: ModuleSource): void;

/** As {@link initSync}, also from the response to a request for `vetassist.wasm`. */
export function init(
  module: ModuleSource | Response | PromiseLike<ModuleSource | Response>,
): Promise<void>;
