// Functions without an object: they create a key, and seal and open with a key that is needed only once.

import { member, typeError } from './arguments.js';
import { isBranded } from './define.js';
import { checked, clear, engine, reserve, take, wasm } from './engine.js';
import { error } from './errors.js';
import { wipe } from './held.js';
import { importDataKey, KEY_BYTES, open, openText, seal } from './key.js';

export function generateKey() {
  engine();
  reserve(KEY_BYTES);
  checked(wasm.generate_key());
  const key = take(0, KEY_BYTES);
  clear(KEY_BYTES);
  return key;
}

/** Calls a function with the secrets of a key that is created for this call, and wipes them. */
function withKey(bytes, call) {
  const held = { handle: importDataKey(bytes), bytes: undefined };
  try {
    return call(held);
  } finally {
    wipe(held);
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
