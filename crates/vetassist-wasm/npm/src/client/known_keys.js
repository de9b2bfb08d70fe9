// The keys that sealed what is stored, by their fingerprints: a ring that knows none of them is another database's.

import { failure } from './failure.js';
import { bytesOf, integer, text } from './statement.js';

const LOOKED_AT = 16;

/** Returns how a ring is compared with the database: once a client, before it first seals. */
export function knownKeys({ ring, call, one }) {
  const [current] = ring.fingerprints();
  let isChecked = false;
  let isNoted = false;

  /** Judges the fingerprints that the database knows. */
  async function judge(operation, known) {
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
      // Who may not look at tokens goes by what is known.
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
    /** True as long as nothing was compared yet: then `judge` has to be given what the database knows. */
    isOpen: () => !isChecked,
    judge,
    /** Takes a ring as known, because it opened what is stored. */
    accept() {
      isChecked = true;
    },
    async check(operation) {
      if (isChecked) return;
      const rows = await call(operation, 'vetassist_known_keys', {}, { isRead: true });
      await judge(operation, rows.map(({ result }) => result));
    },
    /** Notes the current key, once something that it sealed is stored. */
    async note(operation) {
      if (isNoted) return;
      await one(operation, 'vetassist_note_key', { fingerprint: text(current) }, { result: "'true'" });
      isNoted = true;
    },
  };
}
