// Data keys.

import { asBytes, asData, asString, checkText, MAX_BYTES, sizeOf, toBytes } from './arguments.js';
import { decodeText, encodeText } from './base64url.js';
import { define, uncloneable } from './define.js';
import { checked, clear, current, engine, finish, mostBytes, place, put, reserve, take, takeText, wasm } from './engine.js';
import { error, failure, REFUSED, tooLarge, TOO_SHORT, wrongThis } from './errors.js';
import { freeHeld, hold, live } from './held.js';
import * as nodeCrypto from './node_crypto.js';
import { decode } from './utf8.js';
import { fasterSubtle, importKey, mayBeFaster, parameters, snapshot, unshared, view } from './webcrypto.js';

export const KEY_BYTES = 32;
export const NONCE_BYTES = 12;
const TAG_BYTES = 16;
export const OVERHEAD = NONCE_BYTES + TAG_BYTES;
// AAD of so many bytes is not staged with short text, because node:crypto may be faster.
const LONG_AAD = 4096;

/** A handle of the module, as an argument of a constructor. */
export class Handle {
  #isHandle = true;

  constructor(value) {
    this.value = value;
  }

  /** Returns whether a value is one. Unlike `instanceof`, this runs no code of the caller. */
  static is(value) {
    return typeof value === 'object' && value !== null && #isHandle in value;
  }
}

/** Returns bytes of the length of a key, or throws. */
function keyBytes(value, what) {
  const bytes = asBytes(value, what);
  if (sizeOf(bytes) !== KEY_BYTES) {
    throw error('ERR_INVALID_KEY', `${what} must be 32 bytes, not ${sizeOf(bytes)}`);
  }
  return bytes;
}

/** Stages 32 bytes of a key, for the call `take`. */
export function importBytes(value, what, take) {
  const bytes = keyBytes(value, what);
  engine();
  reserve(KEY_BYTES);
  put(bytes, 0);
  return checked(take());
}

function isCryptoKey(value) {
  try {
    return Object.prototype.toString.call(value) === '[object CryptoKey]';
  } catch {
    // The value is a Proxy that throws.
    return false;
  }
}

/** Returns the bytes of a data key, or throws. */
export function dataKeyBytes(value) {
  if (typeof value === 'string') {
    throw error(
      'ERR_INVALID_ARG_TYPE',
      'key must be a Uint8Array or an ArrayBuffer of 32 bytes, not a string; a MasterKey takes hexadecimal text',
    );
  }
  if (isCryptoKey(value)) {
    throw error(
      'ERR_INVALID_ARG_TYPE',
      "key must be a Uint8Array or an ArrayBuffer of 32 bytes, not a CryptoKey: pass the result of crypto.subtle.exportKey('raw', key), or seal with WebCrypto, which makes the same bytes",
    );
  }
  return keyBytes(value, 'key');
}

/** Returns a handle to a new data key. */
export const importDataKey = (value) => importBytes(dataKeyBytes(value), 'key', () => wasm.key_new());

const webCryptoFailed = (cause) => error('ERR_INTERNAL', 'the WebCrypto of the runtime failed', { cause });

const dataOr = (value, what) => (value === undefined ? '' : asData(value, what));

export const Key = /* @__PURE__ */ define(
  'Key',
  () => {
    let heldBy;
    const working = (self) => live(heldBy(self), 'Key');

    return class Key extends uncloneable({ *Key() {} }.Key) {
      #held;
      #cryptoKey;
      #importing;

      static {
        heldBy = (self) => {
          try {
            return self.#held;
          } catch {
            throw wrongThis('Key');
          }
        };
      }

      constructor(bytes) {
        super();
        this.#held = hold(this, Handle.is(bytes) ? bytes.value : importDataKey(bytes));
      }

      seal(plaintext, aad) {
        return seal(working(this), plaintext, aad);
      }

      open(sealed, aad) {
        return open(working(this), sealed, aad);
      }

      openText(sealed, aad) {
        return openText(working(this), sealed, aad);
      }

      sealToText(plaintext, aad) {
        return encodeText(seal(working(this), plaintext, aad));
      }

      openFromText(sealedText, aad) {
        const held = working(this);
        return openText(held, decodeText(asString(sealedText, 'sealed text')), aad);
      }

      async sealAsync(plaintext, aad) {
        const held = working(this);
        if (nodeCrypto.isFastest()) return seal(held, plaintext, aad);
        let data = asData(plaintext, 'plaintext');
        let extra = dataOr(aad, 'aad');
        const most = mostBytes(data) + mostBytes(extra);
        if (nodeCrypto.isFastest(most)) return seal(held, plaintext, aad);
        if (!mayBeFaster(most)) return sealByModule(held, data, extra);
        [data, extra] = [toBytes(data), toBytes(extra)];
        const subtle = fasterSubtle(sizeOf(data) + sizeOf(extra));
        if (subtle === undefined) return sealByModule(held, data, extra);
        if (this.#cryptoKey === undefined) {
          // The caller may change the arrays while the key is being imported, so they are copied first. Without an
          // import, WebCrypto itself copies them before it returns.
          [data, extra] = [snapshot(data), snapshot(extra)];
          await this.#import(subtle, held);
        }
        const nonce = new Uint8Array(NONCE_BYTES);
        draw(nonce);
        const pending = subtle.encrypt(parameters(nonce, extra), this.#cryptoKey, unshared(data));
        // WebCrypto copied the bytes before it returned.
        forget(data, plaintext);
        let body;
        try {
          body = await pending;
        } catch (cause) {
          throw webCryptoFailed(cause);
        }
        const sealed = new Uint8Array(NONCE_BYTES + body.byteLength);
        sealed.set(nonce);
        sealed.set(new Uint8Array(body), NONCE_BYTES);
        return sealed;
      }

      async openAsync(sealed, aad) {
        const held = working(this);
        if (nodeCrypto.isFastest()) return open(held, sealed, aad);
        let data = asBytes(sealed, 'sealed');
        if (sizeOf(data) < OVERHEAD) throw failure(TOO_SHORT);
        let extra = dataOr(aad, 'aad');
        const most = sizeOf(data) + mostBytes(extra);
        if (nodeCrypto.isFastest(most)) return open(held, sealed, aad);
        if (!mayBeFaster(most)) return openByModule(held, data, extra, take);
        extra = toBytes(extra);
        const subtle = fasterSubtle(sizeOf(data) + sizeOf(extra));
        if (subtle === undefined) return openByModule(held, data, extra, take);
        if (this.#cryptoKey === undefined) {
          [data, extra] = [snapshot(data), snapshot(extra)];
          await this.#import(subtle, held);
        }
        data = unshared(data);
        const algorithm = parameters(view(data, 0, NONCE_BYTES), extra);
        try {
          const body = view(data, NONCE_BYTES, sizeOf(data));
          return new Uint8Array(await subtle.decrypt(algorithm, this.#cryptoKey, body));
        } catch (cause) {
          if (cause?.name === 'OperationError') throw failure(REFUSED);
          throw webCryptoFailed(cause);
        }
      }

      /** Imports the key into WebCrypto, where no script can read it. */
      async #import(subtle, held) {
        this.#importing ??= imported(subtle, held);
        let cryptoKey;
        try {
          cryptoKey = await this.#importing;
        } catch (cause) {
          // The next call tries again.
          this.#importing = undefined;
          throw webCryptoFailed(cause);
        }
        live(held, 'Key');
        this.#cryptoKey = cryptoKey;
      }

      free() {
        freeHeld(heldBy(this));
        this.#cryptoKey = undefined;
        this.#importing = undefined;
      }
    };
  },
);

/** Returns the bytes of a staged key from this offset on. The caller must wipe them. */
export function takeKey(offset) {
  // The garbage collector may copy a small array, but not one with a buffer that was created first.
  const bytes = new Uint8Array(new ArrayBuffer(KEY_BYTES));
  bytes.set(current().subarray(place + offset, place + offset + KEY_BYTES));
  clear(offset + KEY_BYTES);
  return bytes;
}

function exposed(held) {
  reserve(KEY_BYTES);
  checked(wasm.key_expose(held.handle));
  return takeKey(0);
}

function imported(subtle, held) {
  const bytes = exposed(held);
  const pending = importKey(subtle, bytes);
  // WebCrypto copied the bytes before it returned.
  bytes.fill(0);
  return pending;
}

/** Writes a fresh nonce. */
export function draw(nonce) {
  reserve(NONCE_BYTES);
  checked(wasm.draw_nonce());
  nonce.set(current().subarray(place, place + NONCE_BYTES));
}

/** Wipes bytes that this package made from text, because the caller cannot reach them. */
export function forget(bytes, given) {
  if (typeof given === 'string' && typeof bytes !== 'string') bytes.fill(0);
}

/** Returns the number of bytes of AAD, or of its code units. */
const aadSize = (aad) => (typeof aad === 'string' ? aad.length : sizeOf(aad));

/** Seals with `node:crypto` or with the module, whichever is faster. */
export function seal(held, plaintext, aad) {
  if (typeof plaintext === 'string' && nodeCrypto.isFasterForText('sealText', plaintext.length)) {
    checkText(plaintext, 'plaintext');
    const extra = dataOr(aad, 'aad');
    if (mostBytes(plaintext) + mostBytes(extra) + OVERHEAD > MAX_BYTES) throw tooLarge();
    return nodeCrypto.sealText((held.bytes ??= exposed(held)), plaintext, extra, draw);
  }
  const data = asData(plaintext, 'plaintext');
  const extra = dataOr(aad, 'aad');
  if (typeof data === 'string' && mostBytes(extra) < LONG_AAD) return sealText(held, data, extra);
  const bytes = toBytes(data);
  try {
    const size = sizeOf(bytes);
    if (!nodeCrypto.isFaster('seal', size, aadSize(extra))) return sealByModule(held, bytes, extra);
    if (size + mostBytes(extra) + OVERHEAD > MAX_BYTES) throw tooLarge();
    return nodeCrypto.seal((held.bytes ??= exposed(held)), size, extra, draw, () => bytes);
  } finally {
    forget(bytes, plaintext);
  }
}

/** Seals text. The module encodes it, and then its number of bytes decides. */
function sealText(held, text, aad) {
  const most = mostBytes(aad) + mostBytes(text) + OVERHEAD;
  reserve(most);
  const aadBytes = put(aad, 0);
  const size = put(text, aadBytes + NONCE_BYTES);
  if (!nodeCrypto.isFaster('sealText', size, aadBytes)) {
    const { handle } = held;
    if (held.isUsedOnce) {
      // Its handle was created now, and its bytes were staged in the same place.
      reserve(most);
      put(text, put(aad, 0) + NONCE_BYTES);
    }
    return finish(wasm.key_seal(handle, aadBytes, size), most, aadBytes, take);
  }
  try {
    if (held.bytes === undefined) {
      held.bytes = exposed(held);
      put(text, aadBytes + NONCE_BYTES);
    }
    // The nonce is staged where the AAD was, or in the room for it.
    const read = () => current().subarray(place + aadBytes + NONCE_BYTES, place + aadBytes + NONCE_BYTES + size);
    return nodeCrypto.seal(held.bytes, size, aad, draw, read);
  } finally {
    clear(most);
  }
}

/** Opens, and returns the opened value with one of two functions: from the module's staging buffer, or from an array. */
function openAs(held, sealed, aad, readStaged, read) {
  const data = asBytes(sealed, 'sealed');
  const size = sizeOf(data);
  if (size < OVERHEAD) throw failure(TOO_SHORT);
  const extra = dataOr(aad, 'aad');
  if (!nodeCrypto.isFaster('open', size - OVERHEAD, aadSize(extra))) return openByModule(held, data, extra, readStaged);
  if (size + mostBytes(extra) > MAX_BYTES) throw tooLarge();
  return read(nodeCrypto.open((held.bytes ??= exposed(held)), data, size, extra));
}

const asIs = (bytes) => bytes;

/** Returns the text of bytes, and wipes them. */
export function asText(bytes) {
  try {
    return decode(bytes);
  } finally {
    bytes.fill(0);
  }
}

/** Opens to bytes. */
export const open = (held, sealed, aad) => openAs(held, sealed, aad, take, asIs);
/** Opens to text. */
export const openText = (held, sealed, aad) => openAs(held, sealed, aad, takeText, asText);

function sealByModule({ handle }, plaintext, aad) {
  const most = mostBytes(aad) + mostBytes(plaintext) + OVERHEAD;
  reserve(most);
  const aadBytes = put(aad, 0);
  const bytes = put(plaintext, aadBytes + NONCE_BYTES);
  const status = wasm.key_seal(handle, aadBytes, bytes);
  return finish(status, most, aadBytes, take);
}

function openByModule({ handle }, sealed, aad, read) {
  const size = sizeOf(sealed);
  const most = mostBytes(aad) + size;
  reserve(most);
  const aadBytes = put(aad, 0);
  put(sealed, aadBytes);
  const status = wasm.key_open(handle, aadBytes, size);
  return finish(status, most, aadBytes + NONCE_BYTES, read);
}
