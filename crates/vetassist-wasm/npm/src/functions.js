// One call for those who hold no key object.

import { checked, clear, engine, reserve, take, wasm } from './engine.js';
import { Key, KEY_BYTES } from './key.js';

export function generateKey() {
  engine();
  reserve(KEY_BYTES);
  checked(wasm.generate_key());
  const key = take(0, KEY_BYTES);
  clear(KEY_BYTES);
  return key;
}

function withKey(key, call) {
  if (key instanceof Key) return call(key);
  const made = new Key(key);
  try {
    return call(made);
  } finally {
    made.free();
  }
}

export function encrypt(plaintext, key, aad) {
  return withKey(key, (made) => made.seal(plaintext, aad));
}

export function decrypt(sealed, key, aad) {
  return withKey(key, (made) => made.open(sealed, aad));
}

export function decryptText(sealed, key, aad) {
  return withKey(key, (made) => made.openText(sealed, aad));
}
