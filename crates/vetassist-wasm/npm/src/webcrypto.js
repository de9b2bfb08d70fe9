// The runtime's own AES-GCM behind promises, for large values where there is no node:crypto.

import { bufferOf, isShared, offsetOf, sizeOf } from './arguments.js';

// From how many bytes on it is faster than the module, for calls one after the other with a key that is
// used more than once: what `npm run thresholds` in `tests/packaging` measured. In workerd it answers on
// the same thread, so it wins almost at once; elsewhere a call costs a thread's turn.
const FASTER_FROM = { workerd: 192, firefox: 5632, other: 1024 };

function runtime() {
  const agent = globalThis.navigator?.userAgent ?? '';
  if (agent === 'Cloudflare-Workers') return 'workerd';
  return agent.includes('Firefox/') ? 'firefox' : 'other';
}

let from;

/** Tells whether it may be the faster way for so many bytes. */
export const mayBeFaster = (size) => size >= (from ??= FASTER_FROM[runtime()]);

/** Returns the runtime's WebCrypto if it is the faster way for so many bytes. Pages that were not loaded
 * securely have none. */
export const fasterSubtle = (size) => (mayBeFaster(size) ? globalThis.crypto?.subtle : undefined);

/** Returns a copy. */
export const snapshot = (bytes) => new Uint8Array(bytes);

/** Returns bytes in memory that is not shared: WebCrypto refuses views of that. */
export const unshared = (bytes) => (isShared(bufferOf.call(bytes)) ? snapshot(bytes) : bytes);

/** Returns some of the same bytes as a plain Uint8Array, whatever class the caller's is of. */
export const view = (bytes, from, to) =>
  new Uint8Array(bufferOf.call(bytes), offsetOf.call(bytes) + from, to - from);

export function importKey(subtle, bytes) {
  return subtle.importKey('raw', bytes, 'AES-GCM', false, ['encrypt', 'decrypt']);
}

export function parameters(iv, additionalData) {
  const algorithm = { name: 'AES-GCM', iv };
  // Some implementations do not take an empty one.
  if (sizeOf(additionalData) > 0) algorithm.additionalData = unshared(additionalData);
  return algorithm;
}
