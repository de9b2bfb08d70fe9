// The AES-GCM of node:crypto, in Node, Deno and Bun. It uses the AES instructions of the processor and is synchronous.

import { bufferOf, isShared, offsetOf } from './arguments.js';
import { builtin, userAgent } from './builtin.js';
import { error, failure, REFUSED, tooLarge } from './errors.js';
import { encode } from './utf8.js';
import { unshared } from './webcrypto.js';

const ALGORITHM = 'aes-256-gcm';
const KEY_BYTES = 32;
const NONCE_BYTES = 12;
const TAG_BYTES = 16;
// Without a length, node:crypto would accept tags of 4 bytes.
const OPTIONS = { authTagLength: TAG_BYTES };

// The module encrypts four blocks of 16 bytes at once, and after them each single block in the same time. So 63 bytes take it
// longer than 128, while they take node:crypto as long as 64.
const BATCH_BITS = 6;
const BLOCK_BITS = 4;
/** The time of a batch, in the time of hashing one byte. */
const BATCH = 48;

/** Returns the time that the module takes for so many bytes of plaintext, in the time of hashing one byte. */
function effort(size) {
  const single = (size >> BLOCK_BITS) & 3;
  const isPartial = (size & 15) === 0 ? 0 : 1;
  return BATCH * ((size >> BATCH_BITS) + single + isPartial) + size;
}

// The effort from which on node:crypto is faster than the module, for each task, and the effort that AAD costs it. `npm run
// thresholds` in `tests/packaging` measured it. Text is staged in the module in any case. The key of a token is derived in the
// module, and passing it to node:crypto takes time.
const FASTER_FROM = {
  node: { seal: 290, sealText: 310, open: 200, sealToken: 460, openToken: 460, aad: 10 },
  node20: { seal: 360, sealText: 365, open: 260, sealToken: 460, openToken: 460, aad: 50 },
  deno: { seal: 480, sealText: 490, open: 470, sealToken: 600, openToken: 600, aad: 60 },
  bun: { seal: 0, sealText: 0, open: 0, sealToken: 0, openToken: 0, aad: 0 },
};
const WITH_KEY_OBJECTS = { seal: 460, sealText: 490, open: 345, sealToken: 600, openToken: 560, aad: 50 };
const NEVER = { seal: Infinity, sealText: Infinity, open: Infinity, sealToken: Infinity, openToken: Infinity, aad: 0 };
// Text of so many code units is sealed faster with node:crypto in any script. Longer text is encoded first.
const LONG_TEXT = 512;
const MOST_TEXT = 2 ** 26;
// The number of bytes, including AAD, up to which a promise is fulfilled sooner with it than with WebCrypto. Deno's
// node:crypto does not use the AES instructions: for 1 MiB it takes 4 times as long as Deno's WebCrypto.
const FASTEST_UP_TO = { node: Infinity, deno: 16 * 1024, bun: Infinity };
// These versions of Node take 10 µs to accept the bytes of a key. They take 0.4 µs to create a KeyObject, which they accept at
// once. It is created for one call and not kept, because only Node can wipe it, when it is collected. In all other versions
// bytes are faster.
const SLOW_WITH_BYTES = /^(24\.(1[89]|[2-9]\d)|26\.[1-8])\./;
// Up to this size an array of zeros is faster to create than one that is not zeroed.
const SMALL = 16 * 1024;

function runtime() {
  // Cloudflare's Workers can have parts of node:crypto, by a setting. Their speed was not measured.
  if (userAgent() === 'Cloudflare-Workers') return undefined;
  if (typeof globalThis.Deno === 'object') return 'deno';
  if (typeof globalThis.Bun === 'object') return 'bun';
  return 'node';
}

let crypto;
let from;
let fastestUpTo;
let asKey;
// The buffer of Bun's plaintext is a byte longer than it. So that large plaintext need not be copied into a buffer of its length,
// its last byte is opened by itself.
let sparesByte;

/** Returns whether node:crypto works: it is not a mock, and the runtime's settings, such as FIPS, allow the algorithm. */
function works() {
  try {
    const zeros = new Uint8Array(KEY_BYTES);
    const cipher = crypto.createCipheriv(ALGORITHM, zeros, zeros.subarray(0, NONCE_BYTES), OPTIONS);
    cipher.final();
    // The tag of an empty plaintext begins with these bytes (test case 13 of McGrew and Viega, The Galois/Counter Mode).
    const [first, second] = cipher.getAuthTag();
    return first === 0x53 && second === 0x0f && typeof crypto.createDecipheriv === 'function';
  } catch {
    return false;
  }
}

/** Looks for node:crypto, once. */
function look() {
  const here = runtime();
  crypto = here === undefined ? undefined : builtin('node:crypto');
  const version = (here === 'node' && crypto !== undefined && globalThis.process.versions?.node) || '';
  const isSlow = SLOW_WITH_BYTES.test(version) && typeof crypto?.createSecretKey === 'function';
  sparesByte = here === 'bun';
  asKey = isSlow ? (bytes) => crypto.createSecretKey(bytes) : (bytes) => bytes;
  if (!works()) from = NEVER;
  else if (isSlow) from = WITH_KEY_OBJECTS;
  else from = FASTER_FROM[/^2[01]\./.test(version) ? 'node20' : here];
  fastestUpTo = from === NEVER ? -1 : FASTEST_UP_TO[here];
}

/** Returns whether the runtime has node:crypto and WebCrypto is not faster for so many bytes, or for any number. */
export function isFastest(size = Infinity) {
  if (from === undefined) look();
  return size <= fastestUpTo;
}

/** Returns whether the runtime has node:crypto, and it is faster for a task with so many bytes of plaintext and AAD. */
export function isFaster(task, size, aadSize) {
  if (from === undefined) look();
  // AAD is only hashed, and longer AAD in less time for each byte.
  return effort(size) + (aadSize === 0 ? 0 : aadSize / 2 - from.aad) >= from[task];
}

/** Returns whether the runtime has node:crypto, and it is faster for text of so many code units in any script. */
export function isFasterForText(task, length) {
  if (from === undefined) look();
  return (from[task] === 0 || (length >= LONG_TEXT && from !== NEVER)) && length <= MOST_TEXT;
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

/** Returns AAD as the runtime accepts it. */
function asAad(aad) {
  if (typeof aad !== 'string') return unshared(aad);
  const { Buffer } = globalThis;
  return Buffer === undefined ? encode(aad) : Buffer.from(aad);
}

function failed(cause) {
  if (cause?.code === 'ERR_TOO_LARGE') return cause;
  return cause instanceof RangeError ? tooLarge({ cause }) : error('ERR_INTERNAL', 'node:crypto failed', { cause });
}

function cipherWith(key, nonce, aad) {
  const cipher = crypto.createCipheriv(ALGORITHM, asKey(key), nonce, OPTIONS);
  if (aad !== '') cipher.setAAD(asAad(aad));
  return cipher;
}

/** Seals so many bytes under a key of 32 bytes, with AAD unless it is empty. `draw` writes the nonce to its place, and `read`
 * then returns the bytes. */
export function seal(key, size, aad, draw, read) {
  const sealed = allocate(NONCE_BYTES + size + TAG_BYTES);
  const nonce = sealed.subarray(0, NONCE_BYTES);
  draw(nonce);
  try {
    const cipher = cipherWith(key, nonce, aad);
    sealed.set(cipher.update(unshared(read())), NONCE_BYTES);
    cipher.final();
    sealed.set(cipher.getAuthTag(), NONCE_BYTES + size);
  } catch (cause) {
    throw failed(cause);
  }
  return sealed;
}

/** Seals text in the same way. The runtime encodes it. */
export function sealText(key, text, aad, draw) {
  const nonce = new Uint8Array(NONCE_BYTES);
  draw(nonce);
  try {
    const cipher = cipherWith(key, nonce, aad);
    const body = cipher.update(text, 'utf8');
    cipher.final();
    const sealed = allocate(NONCE_BYTES + body.length + TAG_BYTES);
    sealed.set(nonce);
    sealed.set(body, NONCE_BYTES);
    sealed.set(cipher.getAuthTag(), NONCE_BYTES + body.length);
    return sealed;
  } catch (cause) {
    throw failed(cause);
  }
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
  const rest = sparesByte && size > SMALL ? end - 1 : end;
  let opened;
  let last;
  let isComplete = false;
  try {
    const decipher = crypto.createDecipheriv(ALGORITHM, asKey(key), sealed.subarray(0, NONCE_BYTES), OPTIONS);
    decipher.setAuthTag(sealed.subarray(end, size));
    if (aad !== '') decipher.setAAD(asAad(aad));
    opened = decipher.update(sealed.subarray(NONCE_BYTES, rest));
    if (rest < end) last = decipher.update(sealed.subarray(rest, end));
    isComplete = true;
    decipher.final();
  } catch (cause) {
    // Bytes that are not authentic must not be visible.
    opened?.fill(0);
    last?.fill(0);
    const isRefused = isComplete && !(cause instanceof RangeError) && UNAUTHENTIC.test(cause?.message);
    throw isRefused ? failure(REFUSED) : failed(cause);
  }
  return rest < end ? joined(opened, last) : owned(opened);
}

/** Returns bytes of the runtime as a plain array with an ArrayBuffer of its own. */
function owned(bytes) {
  // Reading the length of Bun's buffers takes long.
  if (!sparesByte && bytes.length === bytes.buffer.byteLength) return new Uint8Array(bytes.buffer);
  const copy = new Uint8Array(bytes);
  bytes.fill(0);
  return copy;
}

/** Returns bytes and the byte after them, without a copy if their buffer has room for it. */
function joined(bytes, last) {
  const { buffer, byteOffset, length } = bytes;
  const fits = byteOffset === 0 && buffer.byteLength === length + 1;
  const all = new Uint8Array(fits ? buffer : length + 1);
  if (!fits) {
    all.set(bytes);
    bytes.fill(0);
  }
  all[length] = last[0];
  last.fill(0);
  return all;
}
