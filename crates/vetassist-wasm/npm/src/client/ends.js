// The two ends at which tokens are sealed and addresses hashed: here, with a ring, or at the server. All else is the same.

import { hashDevice } from '#metadata';
import { hashIp, hashIpKeyed } from '#vetassist';
import { knownKeys } from './known_keys.js';
import { boolean, bytes, bytesOf, inet, json, text } from './statement.js';

/** Returns the address, or undefined where it is none: a sign-in is not lost for a malformed header. */
function addressOrNothing(ip, { operation, onBadAddress, tell }) {
  if (ip === undefined || ip === null) return undefined;
  try {
    hashIp(ip);
    return ip;
  } catch (error) {
    if (onBadAddress === 'throw') throw error;
    tell({ type: 'bad_address', operation });
    return undefined;
  }
}

/** Seals here: the database gets sealed tokens and hashes. */
export function hereEnd({ ring, ipHash, onBadAddress, tell, call, one }) {
  const isKeyed = ipHash === 'keyed';
  const keys = knownKeys({ ring, call, one });
  return {
    twin: '_sealed',
    keys,
    token: (value, userId) => bytes(value === undefined ? undefined : ring.encryptToken(value, userId)),
    /** Returns a token; undefined where there is none, or where no key of the ring opens it. */
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
      const address = addressOrNothing(ip, { operation, onBadAddress, tell });
      const hash = address && (isKeyed ? hashIpKeyed(address, ring) : hashIp(address));
      return { ip_hash: text(hash), ip_hash_is_keyed: boolean(isKeyed) };
    },
    metadata: (value) => json(value === undefined ? undefined : hashDevice(value, isKeyed ? ring : undefined)),
  };
}

/** Leaves sealing to the server: it gets tokens and addresses as they are. */
export function serverEnd({ onBadAddress, tell }) {
  return {
    twin: '',
    keys: { isOpen: () => false, judge() {}, accept() {}, async check() {}, async note() {} },
    token: (value) => text(value),
    open: (token) => token ?? undefined,
    address: (ip, operation) => ({ ip: inet(addressOrNothing(ip, { operation, onBadAddress, tell })) }),
    metadata: json,
  };
}
