// The fingerprints of the keys that sealed the stored tokens. A ring without any of these keys belongs to another database.

import { failure } from './failure.js';
import { bytesOf, integer, text } from './statement.js';

const LOOKED_AT = 16;

/** Returns the functions that compare a ring with the database. A client calls them once, before it first seals. */
export function knownKeys({ ring, call, one }) {
  const [current] = ring.fingerprints();
  let isChecked = false;
  let isNoted = false;

  /** Compares the ring with the fingerprints that the database knows, and throws if it belongs to another database. */
  async function compare(operation, known) {
    isNoted = known.includes(current);
    if (!ring.fingerprints().some((fingerprint) => known.includes(fingerprint)) && !(await opens(operation, known))) {
      throw failure('ERR_UNKNOWN_KEYS', 'the ring has no key that this database knows, and opens none of its tokens: nothing was sealed');
    }
    isChecked = true;
  }

  /** Returns whether the ring opens one of a few stored tokens, or there are none. */
  async function opens(operation, known) {
    let rows;
    try {
      rows = await call(operation, 'vetassist_sealed_page', { max_rows: integer(LOOKED_AT) }, { isRead: true });
    } catch (error) {
      // A role that may not read tokens relies on the known fingerprints.
      if (error.code !== 'ERR_FORBIDDEN') throw error;
      return known.length === 0;
    }
    return rows.length === 0 || rows.some(({ result }) => opensIt(result));
  }

  function opensIt({ user_id: userId, access_token: sealed }) {
    try {
      ring.decryptToken(bytesOf(sealed), userId);
      return true;
    } catch {
      return false;
    }
  }

  return {
    /** Returns true until the ring was compared. Then the caller must pass the known fingerprints to `compare`. */
    isOpen: () => !isChecked,
    compare,
    /** Accepts the ring as known, because it opened a stored token. */
    accept() {
      isChecked = true;
    },
    async check(operation) {
      if (isChecked) return;
      const rows = await call(operation, 'vetassist_known_keys', {}, { isRead: true });
      await compare(operation, rows.map(({ result }) => result));
    },
    /** Stores the fingerprint of the current key, after a value that it sealed was stored. */
    async note(operation) {
      if (isNoted) return;
      await one(operation, 'vetassist_note_key', { fingerprint: text(current) }, { result: "'true'" });
      isNoted = true;
    },
  };
}
