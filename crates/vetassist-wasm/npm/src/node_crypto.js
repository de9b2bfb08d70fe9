// The AES-GCM of node:crypto, in Node, Deno and Bun. It uses the AES instructions of the processor and is synchronous.

import { bufferOf, isShared, offsetOf } from './arguments.js';
import { builtin } from './builtin.js';
import { error, failure, REFUSED, tooLarge } from './errors.js';
import { unshared } from './webcrypto.js';

const ALGORITHM = 'aes-256-gcm';
const NONCE_BYTES = 12;
const TAG_BYTES = 16;
// Without a length, node:crypto would accept tags of 4 bytes.
const OPTIONS = { authTagLength: TAG_BYTES };

// The number of bytes, including AAD, from which on node:crypto is faster than the module. `npm run thresholds` in
// `tests/packaging` measured it.
const FASTER_FROM = {
  node: { seal: 256, open: 176 },
  deno: { seal: 512, open: 400 },
  bun: { seal: 0, open: 0 },
};
// The number of bytes, including AAD, up to which a promise is fulfilled sooner with it than with WebCrypto. Deno's
// node:crypto does not use the AES instructions: for 1 MiB it takes 4 times as long as Deno's WebCrypto.
const FASTEST_UP_TO = { node: Infinity, deno: 16 * 1024, bun: Infinity };
// These versions of Node take 10 µs to accept the bytes of a key. They take 0.4 µs to create a KeyObject, which they accept at
// once. It is created for one call and not kept, because only Node can wipe it, when it is collected. In all other versions
// bytes are faster.
const SLOW_WITH_BYTES = /^(24\.(1[89]|[2-9]\d)|26\.[1-8])\./;
const NEVER = { seal: Infinity, open: Infinity };
// Up to this size an array of zeros is faster to create than one that is not zeroed.
const SMALL = 16 * 1024;

function runtime() {
  // Cloudflare's Workers can have parts of node:crypto, by a setting. Their speed was not measured.
  if (globalThis.navigator?.userAgent === 'Cloudflare-Workers') return undefined;
  if (typeof globalThis.Deno === 'object') return 'deno';
  if (typeof globalThis.Bun === 'object') return 'bun';
  return 'node';
}

let crypto;
let from;
let fastestUpTo;
let asKey;
// Bun's buffers are a byte longer than their content, and reading their length takes long.
let copies;

/** Looks for node:crypto, once. */
function look() {
  const here = runtime();
  copies = here === 'bun';
  crypto = here === undefined ? undefined : builtin('node:crypto');
  from = typeof crypto?.createCipheriv === 'function' ? FASTER_FROM[here] : NEVER;
  fastestUpTo = from === NEVER ? -1 : FASTEST_UP_TO[here];
  const isSlow = here === 'node' && from !== NEVER && SLOW_WITH_BYTES.test(globalThis.process.versions.node);
  asKey = isSlow ? (bytes) => crypto.createSecretKey(bytes) : (bytes) => bytes;
}

/** Returns whether the runtime has node:crypto and WebCrypto is not faster for so many bytes, or for any number. */
export function isFastest(size = Infinity) {
  if (from === undefined) look();
  return size <= fastestUpTo;
}

/** Returns whether the runtime has node:crypto and seals so many bytes faster with it. */
export function sealsFaster(size) {
  if (from === undefined) look();
  return size >= from.seal;
}

/** Returns whether the runtime has node:crypto and opens so many bytes faster with it. */
export function opensFaster(size) {
  if (from === undefined) look();
  return size >= from.open;
}

/** Returns bytes with an ArrayBuffer of their own. The caller must overwrite all of them. */
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

// The runtimes' errors contain this text if the tag does not verify and nothing else is wrong.
const UNAUTHENTIC = /authenticat/i;

/** Returns the same bytes as a plain Uint8Array, in memory that is not shared. Another thread could change shared bytes
 * after the tag was verified. */
function plain(bytes, size) {
  const buffer = bufferOf.call(bytes);
  if (isShared(buffer)) return new Uint8Array(bytes);
  if (Object.getPrototypeOf(bytes) === Uint8Array.prototype) return bytes;
  return new Uint8Array(buffer, offsetOf.call(bytes), size);
}

/** Opens under a key of 32 bytes, with AAD unless it is empty. Returns bytes that the caller must wipe. */
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
    // Bytes that are not authentic must not be visible.
    const begun = opened !== undefined;
    opened?.fill(0);
    throw begun && UNAUTHENTIC.test(cause?.message) ? failure(REFUSED) : failed(cause);
  }
  // The result is a plain array with an ArrayBuffer of its own, and not the runtime's Buffer.
  if (!copies && opened.length === opened.buffer.byteLength) return new Uint8Array(opened.buffer);
  const copy = new Uint8Array(opened);
  opened.fill(0);
  return copy;
}
