// WebAssembly modules from callers and bundlers.

/** Returns the compiled module, given itself or its bytes. */
export function compiled(module) {
  try {
    // Unlike `instanceof`, this call accepts modules of other realms.
    WebAssembly.Module.exports(module);
    return module;
  } catch {
    return new WebAssembly.Module(module);
  }
}
