// Master keys and key rings.

import {
  asBytes,
  asData,
  asString,
  asTextData,
  sizeOf,
  typeError,
} from './arguments.js';
import {
  checked,
  clear,
  disown,
  engine,
  mostBytes,
  own,
  put,
  putAscii,
  release,
  reserve,
  take,
  takeAscii,
  takeText,
  wasm,
} from './engine.js';
import { ADDRESS, error, freed, IP_HASH, KEY, USER_ID } from './errors.js';
import { finish, Handle, importBytes, Key, NONCE_BYTES, OVERHEAD } from './key.js';

const UUID_LENGTH = 36;
const HEX_LENGTH = 64;
// The longest text of an address has 45 characters; the module judges what is longer by a little.
const ADDRESS_LENGTH = 64;
const MAX_KEYS = 16;

let masterHandle;
let ringHandle;

/** A handle to a new master key of 32 bytes, or of text of 64 hexadecimal digits. */
function importMaster(value, what) {
  if (typeof value !== 'string') return importBytes(value, what, () => wasm.master_new());
  if (value.length !== HEX_LENGTH) {
    throw error('ERR_INVALID_KEY', `${what} must be 64 hexadecimal digits, not ${value.length}`);
  }
  engine();
  reserve(HEX_LENGTH);
  try {
    putAscii(value, HEX_LENGTH, true, KEY);
    return checked(wasm.master_new_hex());
  } finally {
    clear(HEX_LENGTH);
  }
}

/** Calls with the handle of a master key or ring, or of a master key made for this one call. A ring
 * stands for its current key. */
function withMasters(value, call) {
  const handle = masterHandle(value) ?? ringHandle(value);
  if (handle !== undefined) return call(handle);
  const made = importMaster(value, 'master key');
  try {
    return call(made);
  } finally {
    release(made);
  }
}

function fingerprintAt(handle, position) {
  reserve(HEX_LENGTH);
  return takeAscii(checked(wasm.fingerprint(handle, position)));
}

function stageUserId(userId, room) {
  reserve(UUID_LENGTH + room);
  putAscii(userId, UUID_LENGTH, true, USER_ID);
}

export class MasterKey {
  #handle;

  static {
    masterHandle = (value) =>
      typeof value === 'object' && value !== null && #handle in value ? value.#live() : undefined;
  }

  constructor(key) {
    this.#handle = importMaster(key, 'master key');
    own(this, this.#handle);
  }

  #live() {
    if (this.#handle === 0) throw freed('MasterKey');
    return this.#handle;
  }

  deriveUserKey(userId) {
    const handle = this.#live();
    stageUserId(asString(userId, 'userId'), 0);
    return new Key(new Handle(checked(wasm.derive_user_key(handle))));
  }

  fingerprint() {
    return fingerprintAt(this.#live(), 0);
  }

  free() {
    if (this.#handle === 0) return;
    disown(this, this.#handle);
    this.#handle = 0;
  }
}

export class KeyRing {
  #handle;

  static {
    ringHandle = (value) =>
      typeof value === 'object' && value !== null && #handle in value ? value.#live() : undefined;
  }

  constructor(keys) {
    this.#handle = keys instanceof Handle ? keys.value : importRing(keys);
    own(this, this.#handle);
  }

  static parse(text) {
    const data = asData(text, 'text');
    engine();
    const most = mostBytes(data);
    reserve(Math.max(most, HEX_LENGTH));
    const size = put(data, 0);
    const status = wasm.ring_parse(size);
    return new KeyRing(new Handle(finish(status, most, 0, (_, handle) => handle)));
  }

  #live() {
    if (this.#handle === 0) throw freed('KeyRing');
    return this.#handle;
  }

  encryptToken(token, userId) {
    const handle = this.#live();
    const data = asTextData(token, 'token');
    const most = mostBytes(data) + OVERHEAD;
    stageUserId(asString(userId, 'userId'), most);
    const bytes = put(data, UUID_LENGTH + NONCE_BYTES);
    const status = wasm.encrypt_token(handle, bytes);
    return finish(status, UUID_LENGTH + most, UUID_LENGTH, take);
  }

  decryptToken(sealed, userId) {
    const handle = this.#live();
    const bytes = asBytes(sealed, 'sealed');
    const size = sizeOf(bytes);
    stageUserId(asString(userId, 'userId'), size);
    put(bytes, UUID_LENGTH);
    const status = wasm.decrypt_token(handle, size);
    return finish(status, UUID_LENGTH + size, UUID_LENGTH + NONCE_BYTES, takeText);
  }

  fingerprints() {
    const handle = this.#live();
    const count = checked(wasm.master_count(handle));
    return Array.from({ length: count }, (_, position) => fingerprintAt(handle, position));
  }

  free() {
    if (this.#handle === 0) return;
    disown(this, this.#handle);
    this.#handle = 0;
  }
}

function importRing(keys) {
  if (!Array.isArray(keys)) throw typeError('keys', 'an array of master keys', keys);
  const refuse = (detail) =>
    error('ERR_INVALID_KEY_RING', `the key ring was refused: ${detail}`);
  const count = keys.length;
  if (count > MAX_KEYS) throw refuse(`it holds more than ${MAX_KEYS} keys`);
  // Reading an array may run code of the caller's, which may free keys: so all is read first.
  const entries = Array.from({ length: count }, (_, i) => keys[i]);
  const made = [];
  try {
    const handles = entries.map((key, i) => {
      const handle = masterHandle(key);
      if (handle !== undefined) return handle;
      made.push(importMaster(key, `keys[${i}]`));
      return made.at(-1);
    });
    engine();
    reserve(MAX_KEYS * HEX_LENGTH);
    handles.forEach((handle, index) => checked(wasm.master_expose(handle, index)));
    return checked(wasm.ring_new(count));
  } finally {
    made.forEach(release);
  }
}

for (const { prototype } of [MasterKey, KeyRing]) {
  if (!Symbol.dispose) break;
  Object.defineProperty(prototype, Symbol.dispose, {
    value: prototype.free,
    writable: true,
    configurable: true,
  });
}

/** Stages an address or a hash, calls, and reads the hash that is then staged. */
function hashed(text, most, exact, refused, call) {
  engine();
  reserve(HEX_LENGTH);
  const size = putAscii(text, most, exact, refused);
  const status = call(size);
  if (status < 0) clear(size);
  return takeAscii(checked(status));
}

export function hashIp(address) {
  const text = asString(address, 'address');
  return hashed(text, ADDRESS_LENGTH, false, ADDRESS, (size) => wasm.hash_ip(size));
}

export function hashIpKeyed(address, masterKey) {
  const text = asString(address, 'address');
  return withMasters(masterKey, (handle) =>
    hashed(text, ADDRESS_LENGTH, false, ADDRESS, (size) => wasm.hash_ip_keyed(handle, size)),
  );
}

export function upgradeIpHash(plainHash, masterKey) {
  const text = asString(plainHash, 'plain hash');
  return withMasters(masterKey, (handle) =>
    hashed(text, HEX_LENGTH, true, IP_HASH, (size) => wasm.upgrade_ip_hash(handle, size)),
  );
}

export function fingerprint(masterKey) {
  return withMasters(masterKey, (handle) => fingerprintAt(handle, 0));
}
