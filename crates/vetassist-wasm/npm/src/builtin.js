// The modules of Node, where there are any. No import, so that a bundler sees none.

/** Returns the module of that name, or undefined. */
export function builtin(name) {
  try {
    return globalThis.process?.getBuiltinModule?.(name);
  } catch {
    return undefined;
  }
}
