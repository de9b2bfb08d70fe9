// Checks of what callers hand in. They rest on the internal slots of objects and not on `instanceof` or
// on properties, so that arrays of another realm (a frame, a `vm` context, a Jest environment) pass and
// look-alikes do not.

import { error, tooLarge } from './errors.js';
import { encode as encodeText } from './utf8.js';

// What is called at import says that it has no effects, for bundlers.
const typedArray = () => Object.getPrototypeOf(Uint8Array.prototype);
const getter = (owner, name) => Object.getOwnPropertyDescriptor(owner(), name).get;
const nameOf = /* @__PURE__ */ getter(typedArray, Symbol.toStringTag);
const lengthOf = /* @__PURE__ */ getter(typedArray, 'length');
export const bufferOf = /* @__PURE__ */ getter(typedArray, 'buffer');
export const offsetOf = /* @__PURE__ */ getter(typedArray, 'byteOffset');
const bufferLengthOf = /* @__PURE__ */ getter(() => ArrayBuffer.prototype, 'byteLength');
const keysOf = (array) => typedArray().keys.call(array);

/** The most that one call takes: nonce, tag, AAD and text included. */
export const MAX_BYTES = 2 ** 30;
// Strings up to this length are staged as they are, with three bytes of room for each unit.
const MAX_STAGED_TEXT = 2 ** 16;

const loneSurrogate = /\p{Surrogate}/u;

export function typeError(what, expected, value) {
  let found = value === null ? 'null' : typeof value;
  if (found === 'object') {
    found = Array.isArray(value) ? 'an array' : 'another object';
  } else if (found !== 'undefined' && found !== 'null') {
    found = `a ${found}`;
  }
  return error('ERR_INVALID_ARG_TYPE', `${what} must be ${expected}, not ${found}`);
}

/** Returns how many bytes a genuine Uint8Array holds, whatever a subclass says. */
export const sizeOf = (bytes) => lengthOf.call(bytes);

/** Tells whether the memory of a genuine array is one that other threads can write to. */
export function isShared(buffer) {
  try {
    bufferLengthOf.call(buffer);
    return false;
  } catch {
    return true;
  }
}

const detached = (what) =>
  error('ERR_DETACHED_BUFFER', `${what} is in a buffer that was detached or has shrunk`);

/** Returns a genuine Uint8Array (Node's Buffer is one), or what an ArrayBuffer holds; undefined for all else. */
function bytesOf(value, what) {
  if (typeof value !== 'object' || value === null) return undefined;
  // The usual case first: asking an array for its name takes as long as all the other questions.
  if (Object.getPrototypeOf(value) === Uint8Array.prototype || nameOf.call(value) === 'Uint8Array') {
    let length;
    try {
      length = lengthOf.call(value);
    } catch {
      return undefined;
    }
    if (length > MAX_BYTES) throw tooLarge();
    if (length === 0) {
      // An empty array is fine. One whose buffer is gone says that it is empty too, but has no keys.
      try {
        keysOf(value);
      } catch {
        throw detached(what);
      }
    }
    return value;
  }
  let length;
  try {
    length = bufferLengthOf.call(value);
  } catch {
    return undefined;
  }
  if (length > MAX_BYTES) throw tooLarge();
  try {
    return new Uint8Array(value);
  } catch {
    throw detached(what);
  }
}

/** Returns bytes, or refuses what is none. */
export function asBytes(value, what) {
  const bytes = bytesOf(value, what);
  if (bytes === undefined) throw typeError(what, 'a Uint8Array or an ArrayBuffer', value);
  return bytes;
}

/** Refuses text with lone surrogates, which have no UTF-8. */
function checkText(text, what) {
  const wellFormed =
    text.isWellFormed === undefined ? !loneSurrogate.test(text) : text.isWellFormed();
  if (!wellFormed) {
    throw error('ERR_INVALID_TEXT', `${what} has a lone surrogate, which UTF-8 cannot encode`);
  }
}

/** Returns the UTF-8 of well-formed text. */
function encode(text) {
  // Every unit is at least a byte: that much is known before a second copy is made.
  if (text.length > MAX_BYTES) throw tooLarge();
  try {
    return encodeText(text);
  } catch (cause) {
    if (cause.code !== undefined) throw cause;
    throw tooLarge({ cause });
  }
}

/** Returns text as a string if it is short, as its UTF-8 if not; bytes as they are. */
export function asData(value, what) {
  if (typeof value === 'string') {
    checkText(value, what);
    return value.length > MAX_STAGED_TEXT ? encode(value) : value;
  }
  const bytes = bytesOf(value, what);
  if (bytes === undefined) {
    throw typeError(what, 'a string, a Uint8Array or an ArrayBuffer', value);
  }
  return bytes;
}

/** Does the same as `asData`, for text alone. */
export function asTextData(value, what) {
  if (typeof value !== 'string') throw typeError(what, 'a string', value);
  return asData(value, what);
}

/** Returns the same as bytes. */
export const toBytes = (data) => (typeof data === 'string' ? encode(data) : data);

/** Returns a string, of whatever content. */
export function asString(value, what) {
  if (typeof value !== 'string') throw typeError(what, 'a string', value);
  return value;
}
