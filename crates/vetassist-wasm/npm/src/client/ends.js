// The two ends that can seal tokens and hash addresses: this client, with a ring, or the server. All other code is the same.

import { hashDevice } from '#metadata';
import { hashIp, hashIpKeyed } from '#vetassist';
import { knownKeys } from './known_keys.js';
import { boolean, bytes, bytesOf, inet, json, text } from './statement.js';

/** Returns the address, or undefined if it is malformed, so that a sign-in does not fail because of a header. */
function addressOrNothing(ip, { operation, onBadAddress, emit }) {
  if (ip === undefined || ip === null) return undefined;
  try {
    hashIp(ip);
    return ip;
  } catch (error) {
    if (onBadAddress === 'throw') throw error;
    emit({ type: 'bad_address', operation });
    return undefined;
  }
}

/** Returns the end that seals in this client: the database gets sealed tokens and hashes. */
export function clientEnd({ ring, ipHash, onBadAddress, emit, call, one }) {
  const isKeyed = ipHash === 'keyed';
  const keys = knownKeys({ ring, call, one });
  return {
    twin: '_sealed',
    keys,
    token: (value, userId) => bytes(value === undefined ? undefined : ring.encryptToken(value, userId)),
    /** Returns the opened token; undefined if there is none, or if no key of the ring opens it. */
    open(sealed, userId) {
      if (sealed === null || sealed === undefined) return undefined;
      try {
        const token = ring.decryptToken(bytesOf(sealed), userId);
        keys.accept();
        return token;
      } catch (error) {
        if (error.code === 'ERR_FREED') throw error;
        return undefined;
      }
    },
    address(ip, operation) {
      const address = addressOrNothing(ip, { operation, onBadAddress, emit });
      const hash = address && (isKeyed ? hashIpKeyed(address, ring) : hashIp(address));
      return { ip_hash: text(hash), ip_hash_is_keyed: boolean(isKeyed) };
    },
    metadata: (value) => json(value === undefined ? undefined : hashDevice(value, isKeyed ? ring : undefined)),
  };
}

/** Returns the end that lets the server seal: it gets tokens and addresses in the clear. */
export function serverEnd({ onBadAddress, emit }) {
  return {
    twin: '',
    keys: { isOpen: () => false, compare() {}, accept() {}, async check() {}, async note() {} },
    token: (value) => text(value),
    open: (token) => token ?? undefined,
    address: (ip, operation) => ({ ip: inet(addressOrNothing(ip, { operation, onBadAddress, emit })) }),
    metadata: json,
  };
}
