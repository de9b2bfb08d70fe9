// The runtime's own AES-GCM, for large values.

import { bufferOf, isShared, offsetOf, sizeOf } from './arguments.js';

// From how many bytes on the runtime's AES-GCM is faster than the module, for calls one after the other
// with a key that is used more than once: what `npm run thresholds` in `tests/packaging` measured. In
// workerd it answers on the same thread, so it wins almost at once.
const FASTER_FROM = { workerd: 192, firefox: 5632, other: 1024 };

// Elsewhere a call costs a thread's turn: 10 to 20 µs where the thread wakes on the same processor or on a
// busy one, up to four times as much where it wakes an idle one, and a fraction of it where many calls are
// under way at once. That changes while a service runs, and these runtimes have the clock to see it.
const TURNS = { node: 38, deno: 30, bun: 24 };

// Nothing smaller is faster by WebCrypto, and nothing larger says what a turn costs.
const LEAST = 1024;
const MOST = 16_384;
// How many calls the module has, where it is the faster one but not by far, until WebCrypto has one again.
const PROBE = 24;
// The most that a turn takes in the long run, in microseconds. What takes longer passes, so it is looked at again.
const USUAL = 60;

function runtime() {
  const agent = globalThis.navigator?.userAgent ?? '';
  if (agent === 'Cloudflare-Workers') return 'workerd';
  if (typeof globalThis.Deno === 'object') return 'deno';
  if (typeof globalThis.Bun === 'object') return 'bun';
  if (agent.includes('Firefox/')) return 'firefox';
  if (typeof globalThis.process?.versions?.node === 'string') return 'node';
  return 'other';
}

const here = runtime();
const learns = here in TURNS;
const threshold = learns ? LEAST : FASTER_FROM[here];

// In microseconds: what a turn takes, and what the module takes for a byte.
let turn = TURNS[here];
let perByte = 0.0085;
let underWay = 0;
let calls = 0;

// A pause, for a compiler or a collector of garbage, is not to count as what it took; what took less, did.
const towards = (known, sample) =>
  known + (sample < known ? (sample - known) / 3 : (Math.min(sample, 4 * known) - known) / 8);

/** Whether so many bytes may be for WebCrypto: what is small however it is encoded need not be encoded to know. */
export const mayBeLarge = (size) => size >= threshold;

/** The runtime's WebCrypto if it is the faster way for so many bytes. Pages that were not loaded
 * securely have none. */
export function fasterSubtle(size) {
  if (size < threshold) return undefined;
  if (learns) {
    const byModule = size * perByte;
    if (byModule < turn) {
      if (2 * byModule < Math.min(turn, USUAL)) return undefined;
      calls = (calls + 1) % PROBE;
      if (calls !== 0) return undefined;
    }
  }
  return globalThis.crypto?.subtle;
}

/** What the module computes of so many bytes. */
export function byModule(size, compute) {
  if (!learns || size < LEAST) return compute();
  const started = performance.now();
  const result = compute();
  perByte = towards(perByte, (1000 * (performance.now() - started)) / size);
  return result;
}

/** What WebCrypto computes of so many bytes. */
export async function bySubtle(size, compute) {
  if (!learns) return compute();
  underWay += 1;
  const together = underWay;
  const started = performance.now();
  try {
    return await compute();
  } finally {
    underWay -= 1;
    // Of calls that are under way together each waits for those before it.
    if (size <= MOST) turn = towards(turn, (1000 * (performance.now() - started)) / together);
  }
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
