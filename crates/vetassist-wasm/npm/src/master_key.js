// Master keys.

import { asString, member, typeError } from './arguments.js';
import { define, isBranded, uncloneable } from './define.js';
import { checked, clear, engine, putAscii, release, reserve, take, takeAscii, wasm } from './engine.js';
import { error, KEY, USER_ID, wrongThis } from './errors.js';
import { freeHeld, hold, live } from './held.js';
import { Handle, importBytes, Key, KEY_BYTES } from './key.js';

const UUID_LENGTH = 36;
export const HEX_LENGTH = 64;

/** The method that returns the handle of a key or ring of this copy of the package. */
export const HANDLE = /* @__PURE__ */ Symbol('handle');
/** Those methods. A forged object may have another. */
export const handleMethods = /* @__PURE__ */ new Set();
/** The method for another copy of the package. It passes the bytes of each master key to a function, and wipes them. */
export const EACH_KEY = /* @__PURE__ */ Symbol.for('vetassist.eachKey');

/** Returns a handle to a new master key of 32 bytes, or of text of 64 hexadecimal digits. */
export function importMaster(value, what) {
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

/**
 * Returns the handle of the first master key of a branded object: that of this copy of the package, or a new one, which is added to
 * `made`. An object with a forged brand gets nothing: it is only asked for bytes of keys.
 */
export function handleOf(object, what, made) {
  const method = member(object, HANDLE, what);
  if (handleMethods.has(method)) return method.call(object);
  let first;
  try {
    object[EACH_KEY]((bytes) => {
      first ??= importMaster(bytes, what);
    });
  } catch (cause) {
    if (isBranded(cause, 'VetassistError')) throw cause;
    throw error('ERR_INVALID_ARG_TYPE', `${what} is not a key or ring of this package`, { cause });
  } finally {
    if (first !== undefined) made.push(first);
  }
  if (first === undefined) throw error('ERR_INVALID_ARG_TYPE', `${what} is not a key or ring of this package`);
  return first;
}

/** Calls a function with the handle of a master key in any form. A handle that was made for this call is wiped after it. */
export function withMaster(value, what, call) {
  const made = [];
  try {
    // A ring may be given instead of a key. Its current key, the first, is used.
    if (isBranded(value, 'MasterKey') || isBranded(value, 'KeyRing')) return call(handleOf(value, what, made));
    made.push(importMaster(value, what));
    return call(made[0]);
  } finally {
    made.forEach(release);
  }
}

/** Passes the bytes of each master key of a handle to a function, and wipes them. Returns the function's results. */
export function eachKey(handle, receive) {
  if (typeof receive !== 'function') throw typeError('the argument', 'a function', receive);
  engine();
  const count = checked(wasm.master_count(handle));
  return Array.from({ length: count }, (_, position) => {
    reserve(KEY_BYTES);
    checked(wasm.master_expose(handle, position, 0));
    const bytes = take(0, KEY_BYTES);
    clear(KEY_BYTES);
    try {
      return receive(bytes);
    } finally {
      bytes.fill(0);
    }
  });
}

/** Returns the fingerprint of the key at this position of the ring that the handle names. */
export function fingerprintAt(handle, position) {
  reserve(HEX_LENGTH);
  return takeAscii(checked(wasm.fingerprint(handle, position)));
}

/** Stages a user's id, with room after it. */
export function stageUserId(userId, room) {
  reserve(UUID_LENGTH + room);
  putAscii(userId, UUID_LENGTH, true, USER_ID);
  return UUID_LENGTH;
}

export const MasterKey = /* @__PURE__ */ define(
  'MasterKey',
  () => {
    let heldBy;
    const working = (self) => live(heldBy(self), 'MasterKey');

    return class MasterKey extends uncloneable({ *MasterKey() {} }.MasterKey) {
      #held;

      static {
        heldBy = (self) => {
          try {
            return self.#held;
          } catch {
            throw wrongThis('MasterKey');
          }
        };
        handleMethods.add(this.prototype[HANDLE]);
      }

      constructor(key) {
        super();
        this.#held = hold(this, importMaster(key, 'master key'));
      }

      [HANDLE]() {
        return working(this).handle;
      }

      [EACH_KEY](receive) {
        return eachKey(working(this).handle, receive);
      }

      deriveUserKey(userId) {
        const { handle } = working(this);
        stageUserId(asString(userId, 'userId'), 0);
        return new Key(new Handle(checked(wasm.derive_user_key(handle))));
      }

      fingerprint() {
        return fingerprintAt(working(this).handle, 0);
      }

      free() {
        freeHeld(heldBy(this));
      }
    };
  },
);

export function fingerprint(masterKey) {
  return withMaster(masterKey, 'master key', (handle) => fingerprintAt(handle, 0));
}
