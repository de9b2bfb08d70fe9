// Data keys.

import { asBytes, asData, sizeOf, toBytes } from './arguments.js';
import {
  checked,
  clear,
  disown,
  engine,
  mostBytes,
  own,
  put,
  reserve,
  take,
  takeText,
  wasm,
} from './engine.js';
import { error, failure, freed, REFUSED, TOO_SHORT } from './errors.js';
import {
  byModule,
  bySubtle,
  fasterSubtle,
  importKey,
  mayBeLarge,
  parameters,
  snapshot,
  unshared,
  view,
} from './webcrypto.js';

export const KEY_BYTES = 32;
export const NONCE_BYTES = 12;
const TAG_BYTES = 16;
export const OVERHEAD = NONCE_BYTES + TAG_BYTES;

/** A handle that the module gave, as an argument of a constructor. */
export class Handle {
  constructor(value) {
    this.value = value;
  }
}

/** Stages 32 bytes of a key, which `take` then takes from there. */
export function importBytes(value, what, take) {
  const bytes = asBytes(value, what);
  if (sizeOf(bytes) !== KEY_BYTES) {
    throw error('ERR_INVALID_KEY', `${what} must be 32 bytes, not ${sizeOf(bytes)}`);
  }
  engine();
  reserve(KEY_BYTES);
  put(bytes, 0);
  return checked(take());
}

const dataOr = (value, what) => (value === undefined ? '' : asData(value, what));

export class Key {
  #handle;
  #cryptoKey;
  #importing;

  constructor(bytes) {
    this.#handle =
      bytes instanceof Handle ? bytes.value : importBytes(bytes, 'key', () => wasm.key_new());
    own(this, this.#handle);
  }

  #live() {
    if (this.#handle === 0) throw freed('Key');
    return this.#handle;
  }

  seal(plaintext, aad) {
    const handle = this.#live();
    return sealData(handle, asData(plaintext, 'plaintext'), dataOr(aad, 'aad'));
  }

  open(sealed, aad) {
    return openData(this.#live(), asBytes(sealed, 'sealed'), dataOr(aad, 'aad'), take);
  }

  openText(sealed, aad) {
    return openData(this.#live(), asBytes(sealed, 'sealed'), dataOr(aad, 'aad'), takeText);
  }

  async sealAsync(plaintext, aad) {
    const handle = this.#live();
    let data = asData(plaintext, 'plaintext');
    let extra = dataOr(aad, 'aad');
    if (!mayBeLarge(mostBytes(data) + mostBytes(extra))) return sealData(handle, data, extra);
    [data, extra] = [toBytes(data), toBytes(extra)];
    const size = sizeOf(data) + sizeOf(extra);
    const subtle = fasterSubtle(size);
    if (subtle === undefined) return byModule(size, () => sealData(handle, data, extra));
    if (this.#cryptoKey === undefined) {
      // The caller may change the arrays while the key is being imported. WebCrypto itself copies them
      // before it returns.
      [data, extra] = [snapshot(data), snapshot(extra)];
      await this.#import(subtle);
    }
    reserve(NONCE_BYTES);
    checked(wasm.draw_nonce());
    const nonce = take(0, NONCE_BYTES);
    const algorithm = parameters(nonce, extra);
    const body = await bySubtle(size, () => subtle.encrypt(algorithm, this.#cryptoKey, unshared(data)));
    const sealed = new Uint8Array(NONCE_BYTES + body.byteLength);
    sealed.set(nonce);
    sealed.set(new Uint8Array(body), NONCE_BYTES);
    return sealed;
  }

  async openAsync(sealed, aad) {
    const handle = this.#live();
    let data = asBytes(sealed, 'sealed');
    let extra = dataOr(aad, 'aad');
    if (sizeOf(data) < OVERHEAD) throw failure(TOO_SHORT);
    if (!mayBeLarge(sizeOf(data) + mostBytes(extra))) return openData(handle, data, extra, take);
    extra = toBytes(extra);
    const size = sizeOf(data) + sizeOf(extra);
    const subtle = fasterSubtle(size);
    if (subtle === undefined) return byModule(size, () => openData(handle, data, extra, take));
    if (this.#cryptoKey === undefined) {
      [data, extra] = [snapshot(data), snapshot(extra)];
      await this.#import(subtle);
    }
    data = unshared(data);
    const algorithm = parameters(view(data, 0, NONCE_BYTES), extra);
    try {
      const body = view(data, NONCE_BYTES, sizeOf(data) - NONCE_BYTES);
      const opening = bySubtle(size, () => subtle.decrypt(algorithm, this.#cryptoKey, body));
      return new Uint8Array(await opening);
    } catch (cause) {
      if (cause?.name === 'OperationError') throw failure(REFUSED);
      throw error('ERR_INTERNAL', 'the WebCrypto of the runtime failed', { cause });
    }
  }

  /** Hands the key to WebCrypto, which keeps it where no script reads it. */
  async #import(subtle) {
    this.#importing ??= this.#export(subtle);
    const cryptoKey = await this.#importing;
    this.#live();
    this.#cryptoKey = cryptoKey;
  }

  #export(subtle) {
    reserve(KEY_BYTES);
    checked(wasm.key_expose(this.#handle));
    const bytes = take(0, KEY_BYTES);
    clear(KEY_BYTES);
    const imported = importKey(subtle, bytes);
    // WebCrypto has copied them before it returned.
    bytes.fill(0);
    return imported;
  }

  free() {
    if (this.#handle === 0) return;
    disown(this, this.#handle);
    this.#handle = 0;
    this.#cryptoKey = undefined;
    this.#importing = undefined;
  }
}

if (Symbol.dispose) {
  Object.defineProperty(Key.prototype, Symbol.dispose, {
    value: Key.prototype.free,
    writable: true,
    configurable: true,
  });
}

function sealData(handle, plaintext, aad) {
  const most = mostBytes(aad) + mostBytes(plaintext) + OVERHEAD;
  reserve(most);
  const aadBytes = put(aad, 0);
  const bytes = put(plaintext, aadBytes + NONCE_BYTES);
  const status = wasm.key_seal(handle, aadBytes, bytes);
  return finish(status, most, aadBytes, take);
}

function openData(handle, sealed, aad, read) {
  const size = sizeOf(sealed);
  const most = mostBytes(aad) + size;
  reserve(most);
  const aadBytes = put(aad, 0);
  put(sealed, aadBytes);
  const status = wasm.key_open(handle, aadBytes, size);
  return finish(status, most, aadBytes + NONCE_BYTES, read);
}

/** Reads the result of a call that worked in the staging buffer, and wipes the buffer. */
export function finish(status, staged, offset, read) {
  try {
    return read(offset, checked(status));
  } finally {
    clear(staged);
  }
}

