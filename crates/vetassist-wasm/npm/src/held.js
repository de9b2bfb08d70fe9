// What an object with a key holds: a handle of the module, and bytes outside it where a runtime's own
// AES-GCM needs them. It is wiped when the object is freed, or forgotten.

import { freed } from './errors.js';
import { release } from './engine.js';

/** Wipes what is held. */
export function wipe(held) {
  release(held.handle);
  held.handle = 0;
  held.bytes?.fill(0);
  held.bytes = undefined;
}

let registry;

/** Holds a handle for its owner. */
export function hold(owner, handle) {
  const held = { handle, bytes: undefined };
  if (typeof FinalizationRegistry === 'function') {
    registry ??= new FinalizationRegistry(wipe);
    registry.register(owner, held, held);
  }
  return held;
}

/** Wipes what is held, now. A second time does nothing. */
export function letGo(held) {
  if (held.handle === 0) return;
  registry?.unregister(held);
  wipe(held);
}

/** Returns what is held, unless it has been let go. */
export function live(held, what) {
  if (held.handle === 0) throw freed(what);
  return held;
}
