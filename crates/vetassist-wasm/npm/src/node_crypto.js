// The AES-GCM of node:crypto, in Node, Deno and Bun: the processor's own, and synchronous.

import { bufferOf, isShared, offsetOf } from './arguments.js';
import { builtin } from './builtin.js';
import { error, failure, REFUSED, tooLarge } from './errors.js';
import { unshared } from './webcrypto.js';

const ALGORITHM = 'aes-256-gcm';
const NONCE_BYTES = 12;
const TAG_BYTES = 16;
// Without a length, tags of 4 bytes would be taken.
const OPTIONS = { authTagLength: TAG_BYTES };

// From how many bytes on it is faster than the module, AAD included: what `npm run thresholds` in
// `tests/packaging` measured.
const FASTER_FROM = {
  node: { seal: 256, open: 176 },
  deno: { seal: 512, open: 400 },
  bun: { seal: 0, open: 0 },
};
// These versions of Node take 10 µs to accept the bytes of a key, and 0.4 to make a KeyObject of them, which they accept at
// once. Made for one call and not kept: nobody can wipe it, and Node does when it is collected. Elsewhere the bytes are faster.
const SLOW_WITH_BYTES = /^(24\.(1[89]|[2-9]\d)|26\.[1-8])\./;
const NEVER = { seal: Infinity, open: Infinity };
// Up to here an array of zeros costs less than one that is not zeroed.
const SMALL = 16 * 1024;

function runtime() {
  // It has parts of node:crypto, by a setting; its time is not measured.
  if (globalThis.navigator?.userAgent === 'Cloudflare-Workers') return undefined;
  if (typeof globalThis.Deno === 'object') return 'deno';
  if (typeof globalThis.Bun === 'object') return 'bun';
  return 'node';
}

let crypto;
let from;
let asKey;
// Bun's buffers are a byte longer than what is in them, and even to ask takes long there.
let copies;

/** Looks for node:crypto, once. */
function look() {
  const here = runtime();
  copies = here === 'bun';
  crypto = here === undefined ? undefined : builtin('node:crypto');
  from = typeof crypto?.createCipheriv === 'function' ? FASTER_FROM[here] : NEVER;
  const isSlow = here === 'node' && from !== NEVER && SLOW_WITH_BYTES.test(globalThis.process.versions.node);
  asKey = isSlow ? (bytes) => crypto.createSecretKey(bytes) : (bytes) => bytes;
}

/** Tells whether node:crypto is there. */
export function isThere() {
  if (from === undefined) look();
  return from !== NEVER;
}

/** Tells whether node:crypto is there and the faster way to seal so many bytes. */
export function sealsFaster(size) {
  if (from === undefined) look();
  return size >= from.seal;
}

/** Tells whether node:crypto is there and the faster way to open so many bytes. */
export function opensFaster(size) {
  if (from === undefined) look();
  return size >= from.open;
}

/** Returns bytes with an ArrayBuffer of their own, which the caller overwrites whole. */
function allocate(size) {
  try {
    const { Buffer } = globalThis;
    return size <= SMALL || Buffer === undefined
      ? new Uint8Array(size)
      : new Uint8Array(Buffer.allocUnsafeSlow(size).buffer);
  } catch (cause) {
    throw tooLarge({ cause });
  }
}

function failed(cause) {
  return cause instanceof RangeError ? tooLarge({ cause }) : error('ERR_INTERNAL', 'node:crypto failed', { cause });
}

/** Seals under a key of 32 bytes, with AAD unless it is empty. `draw` writes the nonce to its place. */
export function seal(key, plaintext, size, aad, draw) {
  const sealed = allocate(NONCE_BYTES + size + TAG_BYTES);
  const nonce = sealed.subarray(0, NONCE_BYTES);
  draw(nonce);
  try {
    const cipher = crypto.createCipheriv(ALGORITHM, asKey(key), nonce, OPTIONS);
    if (aad !== '') cipher.setAAD(unshared(aad));
    sealed.set(cipher.update(unshared(plaintext)), NONCE_BYTES);
    cipher.final();
    sealed.set(cipher.getAuthTag(), NONCE_BYTES + size);
  } catch (cause) {
    throw failed(cause);
  }
  return sealed;
}

// What the runtimes' errors say when the tag is not that of the rest, and nothing else is wrong.
const UNAUTHENTIC = /authenticat/i;

/** Returns the same bytes as a Uint8Array whose class nobody has extended, in memory that is not shared: what another
 * thread can write to may change between being authenticated and being opened. */
function plain(bytes, size) {
  const buffer = bufferOf.call(bytes);
  if (isShared(buffer)) return new Uint8Array(bytes);
  if (Object.getPrototypeOf(bytes) === Uint8Array.prototype) return bytes;
  return new Uint8Array(buffer, offsetOf.call(bytes), size);
}

/** Opens under a key of 32 bytes, with AAD unless it is empty. Returns bytes that are the caller's to wipe. */
export function open(key, given, size, aad) {
  const sealed = plain(given, size);
  const end = size - TAG_BYTES;
  let opened;
  try {
    const decipher = crypto.createDecipheriv(ALGORITHM, asKey(key), sealed.subarray(0, NONCE_BYTES), OPTIONS);
    decipher.setAuthTag(sealed.subarray(end, size));
    if (aad !== '') decipher.setAAD(unshared(aad));
    opened = decipher.update(sealed.subarray(NONCE_BYTES, end));
    decipher.final();
  } catch (cause) {
    // Nobody may see what is not authentic.
    const begun = opened !== undefined;
    opened?.fill(0);
    throw begun && UNAUTHENTIC.test(cause?.message) ? failure(REFUSED) : failed(cause);
  }
  // The runtime's Buffer, as a plain array with an ArrayBuffer of its own.
  if (!copies && opened.length === opened.buffer.byteLength) return new Uint8Array(opened.buffer);
  const copy = new Uint8Array(opened);
  opened.fill(0);
  return copy;
}
