/// <reference lib="dom" />

/** The module, if the runtime or the bundler makes a `WebAssembly.Module` of `.wasm` imports. */
declare const module: WebAssembly.Module;
export default module;
