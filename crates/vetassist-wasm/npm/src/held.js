// The secrets of an object with a key: a handle of the module, and bytes outside the module if the runtime's own
// AES-GCM needs them. They are wiped when the object is freed or collected.

import { freed } from './errors.js';
import { release } from './engine.js';

/** Wipes the secrets. */
export function wipe(held) {
  release(held.handle);
  held.handle = 0;
  held.bytes?.fill(0);
  held.bytes = undefined;
}

let registry;

/** Returns the secrets of a new object, with its handle. They are wiped when the object is collected. */
export function hold(owner, handle) {
  const held = { handle, bytes: undefined };
  if (typeof FinalizationRegistry === 'function') {
    registry ??= new FinalizationRegistry(wipe);
    registry.register(owner, held, held);
  }
  return held;
}

/** Wipes the secrets now. A second call does nothing. */
export function freeHeld(held) {
  if (held.handle === 0) return;
  registry?.unregister(held);
  wipe(held);
}

/** Returns the secrets, or throws if they were freed. */
export function live(held, what) {
  if (held.handle === 0) throw freed(what);
  return held;
}
