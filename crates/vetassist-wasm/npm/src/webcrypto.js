// The runtime's own AES-GCM, for large values.

import { bufferOf, isShared, offsetOf, sizeOf } from './arguments.js';

// From how many bytes on the runtime's AES-GCM is faster than the module, for calls one after the other
// with a key that is used more than once: what `npm run thresholds` in `tests/packaging` measured. In
// workerd it answers on the same thread, so it wins almost at once; elsewhere a call costs a thread's turn.
// Where the thread wakes on the same processor or on a busy one, that is 10 to 20 µs; where it wakes an
// idle one, it is up to four times as much. The numbers are the geometric mean of the two.
const FASTER_FROM = {
  node: 4608,
  deno: 3584,
  bun: 2816,
  workerd: 192,
  firefox: 5632,
  other: 1024,
};

function runtime() {
  const agent = globalThis.navigator?.userAgent ?? '';
  if (agent === 'Cloudflare-Workers') return 'workerd';
  if (typeof globalThis.Deno === 'object') return 'deno';
  if (typeof globalThis.Bun === 'object') return 'bun';
  if (agent.includes('Firefox/')) return 'firefox';
  if (typeof globalThis.process?.versions?.node === 'string') return 'node';
  return 'other';
}

const threshold = FASTER_FROM[runtime()];

/** The runtime's WebCrypto if it is the faster way for so many bytes. Pages that were not loaded
 * securely have none. */
export function fasterSubtle(size) {
  return size >= threshold ? globalThis.crypto?.subtle : undefined;
}

/** A copy. */
export const snapshot = (bytes) => new Uint8Array(bytes);

/** WebCrypto refuses views of shared memory. */
export const unshared = (bytes) => (isShared(bytes) ? snapshot(bytes) : bytes);

/** Some of the same bytes as a plain Uint8Array, whatever class the caller's is of. */
export const view = (bytes, from, size) =>
  new Uint8Array(bufferOf.call(bytes), offsetOf.call(bytes) + from, size);

export function importKey(subtle, bytes) {
  return subtle.importKey('raw', bytes, 'AES-GCM', false, ['encrypt', 'decrypt']);
}

export function parameters(iv, additionalData) {
  const algorithm = { name: 'AES-GCM', iv };
  // Some implementations do not take an empty one.
  if (sizeOf(additionalData) > 0) algorithm.additionalData = unshared(additionalData);
  return algorithm;
}
