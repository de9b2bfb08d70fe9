// Functions without an object: they create a key, and seal and open with a key that is needed only once.

import { member, typeError } from './arguments.js';
import { isBranded } from './define.js';
import { checked, clear, engine, release, reserve, take, wasm } from './engine.js';
import { error } from './errors.js';
import { dataKeyBytes, importDataKey, KEY_BYTES, open, openText, seal } from './key.js';

export function generateKey() {
  engine();
  reserve(KEY_BYTES);
  checked(wasm.generate_key());
  const key = take(0, KEY_BYTES);
  clear(KEY_BYTES);
  return key;
}

/** The secrets of a key that is used once. It has a handle of the module only if the module is asked. */
class UsedOnce {
  #handle = 0;
  isUsedOnce = true;

  constructor(given) {
    // The garbage collector may copy a small array, but not one with a buffer that was created first.
    this.bytes = new Uint8Array(new ArrayBuffer(KEY_BYTES));
    this.bytes.set(given);
  }

  get handle() {
    if (this.#handle === 0) this.#handle = importDataKey(this.bytes);
    return this.#handle;
  }

  wipe() {
    this.bytes.fill(0);
    if (this.#handle !== 0) release(this.#handle);
  }
}

/** Calls a function with the secrets of a key that is used for this call, and wipes them. */
function withKey(bytes, call) {
  const given = dataKeyBytes(bytes);
  engine();
  const key = new UsedOnce(given);
  try {
    return call(key);
  } finally {
    key.wipe();
  }
}

/** Calls a method of a Key, which may be of another copy of the package, or have a forged brand. */
function byKey(key, method, ...given) {
  const call = member(key, method, 'key');
  if (typeof call !== 'function') throw typeError('key', 'a Key, a Uint8Array or an ArrayBuffer', key);
  try {
    return call.apply(key, given);
  } catch (cause) {
    if (isBranded(cause, 'VetassistError')) throw cause;
    throw error('ERR_INVALID_ARG_TYPE', 'key is not a Key of this package', { cause });
  }
}

export function encrypt(plaintext, key, aad) {
  if (isBranded(key, 'Key')) return byKey(key, 'seal', plaintext, aad);
  return withKey(key, (held) => seal(held, plaintext, aad));
}

export function decrypt(sealed, key, aad) {
  if (isBranded(key, 'Key')) return byKey(key, 'open', sealed, aad);
  return withKey(key, (held) => open(held, sealed, aad));
}

export function decryptText(sealed, key, aad) {
  if (isBranded(key, 'Key')) return byKey(key, 'openText', sealed, aad);
  return withKey(key, (held) => openText(held, sealed, aad));
}
