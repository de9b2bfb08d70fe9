// The modules of Node, if the runtime has them. They are not imported, so that bundlers do not try to include them.

/** Returns the module of that name, or undefined. */
export function builtin(name) {
  try {
    return globalThis.process?.getBuiltinModule?.(name);
  } catch {
    return undefined;
  }
}

/** Returns the name of the runtime that `navigator` states, or nothing. */
export function userAgent() {
  try {
    return globalThis.navigator?.userAgent ?? '';
  } catch {
    return '';
  }
}
