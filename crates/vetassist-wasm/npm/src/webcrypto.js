// The AES-GCM of WebCrypto, which returns promises, for large values in runtimes without node:crypto.

import { bufferOf, isShared, offsetOf, sizeOf } from './arguments.js';
import { userAgent } from './builtin.js';

// The number of bytes from which on WebCrypto is faster than the module, for one call after another with a key that is
// used more than once. `npm run thresholds` in `tests/packaging` measured it. In workerd WebCrypto runs on the same
// thread, so it is faster from a small size on; elsewhere each call waits for another thread.
const FASTER_FROM = { workerd: 192, firefox: 5632, other: 1024 };

function runtime() {
  const agent = userAgent();
  if (agent === 'Cloudflare-Workers') return 'workerd';
  return agent.includes('Firefox/') ? 'firefox' : 'other';
}

let from;

/** Returns whether WebCrypto may be faster for so many bytes. */
export const mayBeFaster = (size) => size >= (from ??= FASTER_FROM[runtime()]);

/** Returns the runtime's WebCrypto if it is faster for so many bytes. Pages that were not loaded securely
 * have none. */
export const fasterSubtle = (size) => (mayBeFaster(size) ? globalThis.crypto?.subtle : undefined);

/** Returns a copy. */
export const snapshot = (bytes) => new Uint8Array(bytes);

/** Returns bytes in memory that is not shared, because WebCrypto refuses views of shared memory. */
export const unshared = (bytes) => (isShared(bufferOf.call(bytes)) ? snapshot(bytes) : bytes);

/** Returns a part of the same bytes as a plain Uint8Array, also for a subclass. */
export const view = (bytes, from, to) =>
  new Uint8Array(bufferOf.call(bytes), offsetOf.call(bytes) + from, to - from);

export function importKey(subtle, bytes) {
  return subtle.importKey('raw', bytes, 'AES-GCM', false, ['encrypt', 'decrypt']);
}

export function parameters(iv, additionalData) {
  const algorithm = { name: 'AES-GCM', iv };
  // Some implementations refuse empty additional data.
  if (sizeOf(additionalData) > 0) algorithm.additionalData = unshared(additionalData);
  return algorithm;
}
