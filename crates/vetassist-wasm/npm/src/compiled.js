// WebAssembly modules, as callers and bundlers hand them in.

/** Returns the compiled module, from it or from its bytes. */
export function compiled(module) {
  try {
    // Unlike `instanceof`, this knows the modules of other realms.
    WebAssembly.Module.exports(module);
    return module;
  } catch {
    return new WebAssembly.Module(module);
  }
}
