// Key rings.

import { asBytes, asData, asString, asTextData, checkText, isArray, member, sizeOf, typeError } from './arguments.js';
import { define, isBranded, uncloneable } from './define.js';
import { checked, clear, clearStack, current, engine, finish, mostBytes, place, put, release, reserve, take, takeText, wasm } from './engine.js';
import { error, wrongThis } from './errors.js';
import { freeHeld, hold, live } from './held.js';
import { asText, draw, forget, Handle, KEY_BYTES, NONCE_BYTES, OVERHEAD, takeKey } from './key.js';
import { EACH_KEY, eachKey, fingerprintAt, HANDLE, handleMethods, handleOf, HEX_LENGTH, importMaster, stageUserId } from './master_key.js';
import * as nodeCrypto from './node_crypto.js';

const MAX_KEYS = 16;

// Inside of the class its name must not be used, because esbuild would then rename it.
const ringOf = (handle) => new KeyRing(new Handle(handle));

export const KeyRing = /* @__PURE__ */ define(
  'KeyRing',
  () => {
    let heldBy;
    const working = (self) => live(heldBy(self), 'KeyRing');

    return class KeyRing extends uncloneable({ *KeyRing() {} }.KeyRing) {
      #held;

      static {
        heldBy = (self) => {
          try {
            return self.#held;
          } catch {
            throw wrongThis('KeyRing');
          }
        };
        handleMethods.add(this.prototype[HANDLE]);
      }

      constructor(keys) {
        super();
        this.#held = hold(this, Handle.is(keys) ? keys.value : importRing(keys));
      }

      static parse(text) {
        const data = asData(text, 'text');
        engine();
        const most = mostBytes(data);
        reserve(Math.max(most, HEX_LENGTH));
        const status = wasm.ring_parse(put(data, 0));
        clearStack();
        return ringOf(finish(status, most, 0, (_, handle) => handle));
      }

      [HANDLE]() {
        return working(this).handle;
      }

      [EACH_KEY](receive) {
        return eachKey(working(this).handle, receive);
      }

      encryptToken(token, userId) {
        const { handle } = working(this);
        const isFaster = typeof token === 'string' && nodeCrypto.isFasterForText('sealToken', token.length);
        if (isFaster) checkText(token, 'token');
        const data = isFaster ? token : asTextData(token, 'token');
        const id = asString(userId, 'userId');
        const sealText = () => withUserKey(handle, 0, id, (key) => nodeCrypto.sealText(key, token, '', draw));
        if (isFaster) return sealText();
        try {
          if (typeof data !== 'string' && nodeCrypto.isFaster('sealToken', sizeOf(data), 0)) {
            return withUserKey(handle, 0, id, (key) => nodeCrypto.seal(key, sizeOf(data), '', draw, () => data));
          }
          const most = mostBytes(data) + OVERHEAD;
          const start = stageUserId(id, most);
          const size = put(data, start + NONCE_BYTES);
          if (nodeCrypto.isFaster('sealToken', size, 0)) {
            clear(start + most);
            return sealText();
          }
          return finish(wasm.encrypt_token(handle, size), start + most, start, take);
        } finally {
          forget(data, token);
        }
      }

      decryptToken(sealed, userId, options) {
        const { handle } = working(this);
        // Reading the options may run code of the caller, so it comes first.
        const answer = isWithPosition(options) ? (token, position) => ({ token, position }) : (token) => token;
        const bytes = asBytes(sealed, 'sealed');
        const id = asString(userId, 'userId');
        const held = working(this);
        const size = sizeOf(bytes);
        if (size >= OVERHEAD && nodeCrypto.isFaster('openToken', size - OVERHEAD, 0)) {
          return answer(...openByNodeCrypto(held, bytes, size, id));
        }
        const start = stageUserId(id, size);
        put(bytes, start);
        const status = wasm.decrypt_token(held.handle, size);
        return finish(status, start + size, start + NONCE_BYTES, (offset, length) => {
          const position = current()[place];
          return answer(takeText(offset, length), position);
        });
      }

      fingerprints() {
        const { handle } = working(this);
        const count = checked(wasm.master_count(handle));
        return Array.from({ length: count }, (_, position) => fingerprintAt(handle, position));
      }

      free() {
        freeHeld(heldBy(this));
      }
    };
  },
);

/** Calls a function with a user's key under the master key at this position, and wipes the key. */
function withUserKey(handle, position, userId, call) {
  const start = stageUserId(userId, KEY_BYTES);
  checked(wasm.user_key_expose(handle, position));
  const key = takeKey(start);
  try {
    return call(key);
  } finally {
    key.fill(0);
  }
}

/** Opens a token. Tries the key that opened last first, because a rotation opens many values of one old key, and a key that
 * does not open costs more time than one that does. */
function openByNodeCrypto(held, bytes, size, userId) {
  const { handle, position: last = 0 } = held;
  const count = checked(wasm.master_count(handle));
  for (let tried = 0; ; tried++) {
    // The key that opened last comes first, and then the others in their order.
    const position = tried === 0 ? last : tried <= last ? tried - 1 : tried;
    try {
      const token = asText(withUserKey(handle, position, userId, (key) => nodeCrypto.open(key, bytes, size, '')));
      held.position = position;
      return [token, position];
    } catch (cause) {
      if (cause.code !== 'ERR_OPEN_FAILED' || tried + 1 === count) throw cause;
    }
  }
}

const isWithPosition = (options) =>
  options !== undefined && options !== null && member(options, 'withPosition', 'options') === true;

function importRing(keys) {
  if (typeof keys === 'string') {
    throw error('ERR_INVALID_ARG_TYPE', 'keys must be an array of master keys, not a string: KeyRing.parse reads text');
  }
  if (!isArray(keys)) throw typeError('keys', 'an array of master keys', keys);
  const refuse = (detail) =>
    error('ERR_INVALID_KEY_RING', `the key ring was refused: ${detail}`);
  const count = member(keys, 'length', 'keys');
  if (count > MAX_KEYS) throw refuse(`it holds more than ${MAX_KEYS} keys`);
  // Reading an array may run code of the caller, which may free keys. So all entries are read first.
  const entries = Array.from({ length: count }, (_, i) => member(keys, i, `keys[${i}]`));
  const made = [];
  try {
    const handles = entries.map((key, i) => {
      const what = `keys[${i}]`;
      if (isBranded(key, 'MasterKey')) return handleOf(key, what, made);
      made.push(importMaster(key, what));
      return made.at(-1);
    });
    engine();
    reserve(MAX_KEYS * HEX_LENGTH);
    handles.forEach((handle, index) => checked(wasm.master_expose(handle, 0, index)));
    const status = wasm.ring_new(count);
    clearStack();
    return checked(status);
  } finally {
    made.forEach(release);
  }
}
