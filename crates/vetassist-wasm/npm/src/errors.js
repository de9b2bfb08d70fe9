// The errors with their codes. `index.d.ts` describes the codes.

import { define } from './define.js';

export const VetassistError = /* @__PURE__ */ define(
  'VetassistError',
  () => {
    class VetassistError extends Error {
      constructor(code, message, options) {
        super(message, options);
        this.code = code;
      }
    }
    // It is a property of the prototype, so that it is not listed among the error's own properties.
    Object.defineProperty(VetassistError.prototype, 'name', {
      value: 'VetassistError',
      writable: true,
      configurable: true,
    });
    return VetassistError;
  },
);

export const error = (code, message, options) => new VetassistError(code, message, options);

export const unavailable = (cause) =>
  typeof WebAssembly === 'object'
    ? error('ERR_WASM_UNAVAILABLE', 'the WebAssembly module could not be started', { cause })
    : error('ERR_WASM_UNAVAILABLE', 'this runtime has no WebAssembly, and this package does not run without it');

export const freed = (what) => error('ERR_FREED', `this ${what} has been freed`);

/** Returns the error for a method that was called on something other than its object. */
export const wrongThis = (what) =>
  error(
    'ERR_INVALID_THIS',
    `this method was not called on a ${what}: call it as a method of the object itself, not through a Proxy (such as Vue's reactive or MobX)`,
  );

export const tooLarge = (options) =>
  error(
    'ERR_TOO_LARGE',
    'the input is larger than 1 GiB, or there is not enough memory for it',
    options,
  );

// Negative results of the module, by the numbers of `status.rs`.
export const KEY = -2;
export const USER_ID = -3;
export const ADDRESS = -4;
export const IP_HASH = -5;
export const RING = -6;
export const TOO_SHORT = -7;
export const REFUSED = -8;
export const INTERRUPTED = -11;
const TOO_LARGE = -9;

const FAILURES = {
  '-2': ['ERR_INVALID_KEY', 'a master key is 32 bytes, or text of 64 hexadecimal digits'],
  '-3': ['ERR_INVALID_USER_ID', 'a user id is a UUID in its hyphenated form of 36 characters'],
  '-4': ['ERR_INVALID_ADDRESS', 'not the IPv4 or IPv6 address of one host'],
  '-5': ['ERR_INVALID_IP_HASH', 'a plain IP hash is 64 lower-case hexadecimal digits'],
  '-6': ['ERR_INVALID_KEY_RING', 'the key ring was refused'],
  '-7': ['ERR_SEALED_TOO_SHORT', 'a sealed value is at least 28 bytes long'],
  '-8': [
    'ERR_OPEN_FAILED',
    'the sealed value does not open: wrong key, wrong user, wrong AAD, or altered',
  ],
  '-10': [
    'ERR_NO_RANDOMNESS',
    'the runtime returned no random bytes (Cloudflare Workers return none at module scope)',
  ],
  '-11': [
    'ERR_INTERNAL',
    'a stack overflow has interrupted a call of the module, which cannot be used any more: start the process again',
  ],
};

/** Returns the error for a negative result of the module. */
export function failure(status, detail) {
  if (status === TOO_LARGE) return tooLarge();
  const known = FAILURES[status];
  if (known === undefined) return error('ERR_INTERNAL', `the module returned the unknown status ${status}`);
  return error(known[0], detail ? `${known[1]}: ${detail}` : known[1]);
}
