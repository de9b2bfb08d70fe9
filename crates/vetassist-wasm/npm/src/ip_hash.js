// Hashes of IP addresses.

import { asString } from './arguments.js';
import { checked, clear, engine, putAscii, reserve, takeAscii, wasm } from './engine.js';
import { ADDRESS, error, IP_HASH } from './errors.js';
import { HEX_LENGTH, withMaster } from './master_key.js';

// The longest text of an address has 45 characters. The module refuses text that is a little longer.
const ADDRESS_LENGTH = 64;

/** Stages an address or a hash, calls the module, and returns the hash that it has staged. */
function hashed(text, most, exact, refused, call) {
  engine();
  reserve(HEX_LENGTH);
  const size = putAscii(text, most, exact, refused);
  const status = call(size);
  if (status < 0) clear(size);
  return takeAscii(checked(status));
}

/** Does the same with a key, and wipes what the call left on the stack. */
function hashedWithKey(...given) {
  try {
    return hashed(...given);
  } finally {
    clear(HEX_LENGTH);
  }
}

// Likely mistakes in addresses. No message contains the address, because it is personal data.
const MISTAKES = [
  [/^$/, 'it is empty'],
  [/,|;|=/, 'this is a list or a whole header: addressOf(value, { trustedHops }) finds the one address in it'],
  [/\s/, 'leave out the blanks'],
  [/:\/\//, 'this is a URL: pass only the address of its host'],
  [/%/, 'this one has a zone: leave out % and what follows'],
  [/\//, 'this is a range: leave out the prefix, / and what follows'],
  [/^\[.*\]:|^[\d.]+:\d*$|\.\d+:\d*$/, 'this one has a port: addressOf(value) leaves it out'],
  [/^\[/, 'this one is in brackets: addressOf(value) leaves them out'],
];

/** Calls a function, and adds the likely mistake to the error for a refused address. */
function withReason(text, call) {
  try {
    return call();
  } catch (cause) {
    const mistake = cause.code === 'ERR_INVALID_ADDRESS' && MISTAKES.find(([pattern]) => pattern.test(text));
    if (!mistake) throw cause;
    throw error(cause.code, `${cause.message}; ${mistake[1]}`);
  }
}

export function hashIp(address) {
  const text = asString(address, 'address');
  return withReason(text, () => hashed(text, ADDRESS_LENGTH, false, ADDRESS, (size) => wasm.hash_ip(size)));
}

export function hashIpKeyed(address, masterKey) {
  const text = asString(address, 'address');
  return withReason(text, () =>
    withMaster(masterKey, 'master key', (handle) =>
      hashedWithKey(text, ADDRESS_LENGTH, false, ADDRESS, (size) => wasm.hash_ip_keyed(handle, size)),
    ),
  );
}

export function upgradeIpHash(plainHash, masterKey) {
  const text = asString(plainHash, 'plain hash');
  return withMaster(masterKey, 'master key', (handle) =>
    hashedWithKey(text, HEX_LENGTH, true, IP_HASH, (size) => wasm.upgrade_ip_hash(handle, size)),
  );
}
