/// <reference lib="dom" />

/** Holds the module, where the runtime or the bundler makes `WebAssembly.Module`s of `.wasm` imports. */
declare const module: WebAssembly.Module;
export default module;
