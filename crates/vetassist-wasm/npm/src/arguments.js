// Checks of arguments. They use the internal slots of objects and not `instanceof` or properties, so that they
// accept arrays of another realm (a frame, a `vm` context, a Jest environment) and refuse objects that only look
// like arrays.

import { error, tooLarge } from './errors.js';
import { encode as encodeText } from './utf8.js';

// Functions that are called at import are marked as pure for bundlers.
const typedArray = () => Object.getPrototypeOf(Uint8Array.prototype);
const getter = (owner, name) => Object.getOwnPropertyDescriptor(owner(), name).get;
const nameOf = /* @__PURE__ */ getter(typedArray, Symbol.toStringTag);
const lengthOf = /* @__PURE__ */ getter(typedArray, 'length');
export const bufferOf = /* @__PURE__ */ getter(typedArray, 'buffer');
export const offsetOf = /* @__PURE__ */ getter(typedArray, 'byteOffset');
const bufferLengthOf = /* @__PURE__ */ getter(() => ArrayBuffer.prototype, 'byteLength');
const keysOf = (array) => typedArray().keys.call(array);

/** The most bytes of one call, including nonce, tag, AAD and text. */
export const MAX_BYTES = 2 ** 30;
// Strings up to this length are staged without a copy, with three bytes of room for each code unit.
const MAX_STAGED_TEXT = 2 ** 16;

const loneSurrogate = /\p{Surrogate}/u;

/** Returns whether a value is an array. A revoked Proxy is not one. */
export function isArray(value) {
  try {
    return Array.isArray(value);
  } catch {
    return false;
  }
}

export function typeError(what, expected, value) {
  let found = value === null ? 'null' : typeof value;
  if (found === 'object') {
    found = isArray(value) ? 'an array' : 'another object';
  } else if (found !== 'undefined' && found !== 'null') {
    found = `a ${found}`;
  }
  return error('ERR_INVALID_ARG_TYPE', `${what} must be ${expected}, not ${found}`);
}

/** Returns the number of bytes of a genuine Uint8Array, even if a subclass overrides its length. */
export const sizeOf = (bytes) => lengthOf.call(bytes);

/** Returns whether other threads can write to the memory of a genuine array. */
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

/** Returns whether a value has the prototype of ordinary byte arrays. A Proxy may throw. */
function isPlain(value) {
  try {
    return Object.getPrototypeOf(value) === Uint8Array.prototype;
  } catch {
    return false;
  }
}

/** Returns a genuine Uint8Array (Node's Buffer is one), or the bytes of an ArrayBuffer; undefined for anything else. */
function bytesOf(value, what) {
  if (typeof value !== 'object' || value === null) return undefined;
  // The usual case comes first, because reading the name of an array takes as long as all other checks.
  if (isPlain(value) || nameOf.call(value) === 'Uint8Array') {
    let length;
    try {
      length = lengthOf.call(value);
    } catch {
      return undefined;
    }
    if (length > MAX_BYTES) throw tooLarge();
    if (length === 0) {
      // An empty array is valid. An array with a detached buffer also has the length 0, but it has no keys.
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

/** Returns the bytes of a value, or throws if it has none. */
export function asBytes(value, what) {
  const bytes = bytesOf(value, what);
  if (bytes === undefined) throw typeError(what, 'a Uint8Array or an ArrayBuffer', value);
  return bytes;
}

/** Refuses text with lone surrogates, which UTF-8 cannot represent. */
export function checkText(text, what) {
  const wellFormed =
    text.isWellFormed === undefined ? !loneSurrogate.test(text) : text.isWellFormed();
  if (!wellFormed) {
    throw error('ERR_INVALID_TEXT', `${what} has a lone surrogate, which UTF-8 cannot encode`);
  }
}

/** Returns the UTF-8 of well-formed text. */
function encode(text) {
  // Every code unit is at least one byte, so text that is too long is refused before it is copied.
  if (text.length > MAX_BYTES) throw tooLarge();
  try {
    return encodeText(text);
  } catch (cause) {
    if (cause.code !== undefined) throw cause;
    throw tooLarge({ cause });
  }
}

/** Returns short text as a string, longer text as UTF-8, and bytes as they are. */
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

/** Does the same as `asData`, but accepts only text. */
export function asTextData(value, what) {
  if (typeof value !== 'string') throw typeError(what, 'a string', value);
  return asData(value, what);
}

/** Returns the result of `asData` as bytes. */
export const toBytes = (data) => (typeof data === 'string' ? encode(data) : data);

/** Returns a string, with any content. */
export function asString(value, what) {
  if (typeof value !== 'string') throw typeError(what, 'a string', value);
  return value;
}

/** Returns a member of an object of the caller, whose getter or Proxy may throw. */
export function member(object, name, what) {
  try {
    return object[name];
  } catch (cause) {
    throw error('ERR_INVALID_ARG_TYPE', `${what} cannot be read`, { cause });
  }
}
