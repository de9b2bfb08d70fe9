// Rotates the client's key: reads pages of sealed tokens, opens them and seals them again, and stores those that have not
// changed.

import { badArgument, ofDriver } from './failure.js';
import { bytesOfDigits, digitsOf, integer, quoted, uuid } from './statement.js';
import { pause, refuseAborted } from './waiting.js';

const PAGE = 500;
const SHOWN = 100;
const LOCK_TIMEOUT = '500ms';

// A page is larger than the buffer of a socket. While a page is sealed, the driver sends the next part of the page before it
// after so many rows; otherwise the server would wait for it.
const SLICE = 32;
const othersRun = () => new Promise((resolve) => (globalThis.setImmediate ?? setTimeout)(resolve));

/** Returns the id before this one, so that a page can begin with this id. */
function before(userId) {
  const number = BigInt(`0x${userId.replaceAll('-', '')}`);
  if (number === 0n) return undefined;
  const hex = (number - 1n).toString(16).padStart(32, '0');
  return hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');
}

/**
 * Returns rows of hexadecimal values as parameters: all bytes as one value, and the beginning and the size of each value. The
 * size is NULL for a NULL. One value is faster, because a server reads an array of texts character by character.
 */
function packed(rows) {
  const [values, begins, sizes] = [[], [], []];
  let begin = 1;
  for (const value of rows.flat()) {
    const size = value === null ? 'NULL' : value.length / 2;
    begins.push(begin);
    sizes.push(size);
    if (value === null) continue;
    values.push(value);
    begin += size;
  }
  return [`\\x${values.join('')}`, `{${begins.join(',')}}`, `{${sizes.join(',')}}`];
}

/** Returns the position of the rotation: the last id that was read, and the ids to read again. */
const place = (last, again) => [last, ...again].join(' ');

function placeOf(after) {
  if (after === undefined || after === null) return [undefined, []];
  const [last, ...again] = String(after).split(' ');
  const isId = (id) => /^[\da-f]{8}(-[\da-f]{4}){3}-[\da-f]{12}$/i.test(id);
  if (!(isId(last) || last === '') || !again.every(isId)) throw badArgument('after must be the value of after that rotateTokens returned');
  return [last || undefined, again];
}

export function rotation({ schema, ring, run, call, end, emit }) {
  const operation = 'rotateTokens';

  // One JSON string a row, which needs no escapes: to_jsonb(r) takes 10 µs for each value of 800 bytes, and this 3 µs.
  const asString = `pg_catalog.concat('"', pg_catalog.concat_ws(' ', r.user_id, pg_catalog.encode(r.access_token, 'hex'), pg_catalog.encode(r.refresh_token, 'hex')), '"')`;
  const page = async (name, after, most, signal) => {
    const args = { after_user_id: uuid(after), max_rows: integer(most) };
    const rows = await call(name, 'vetassist_sealed_page', args, { result: asString, isRead: true, signal });
    return rows.map(({ result }) => {
      const [user_id, access_token, refresh_token = null] = result.split(' ');
      return { user_id, access_token, refresh_token };
    });
  };

  /** Returns the opened token and the position in the ring of the key that sealed it; undefined if no key opens it. */
  function opened(sealed, userId) {
    if (sealed === null) return { position: 0 };
    try {
      return ring.decryptToken(bytesOfDigits(sealed), userId, { withPosition: true });
    } catch (error) {
      if (error.code === 'ERR_FREED') throw error;
      return undefined;
    }
  }

  /** Returns the values to store for a row; undefined if the current key sealed all of them already. */
  function resealed(row) {
    const { user_id, access_token: access, refresh_token: refresh } = row;
    const sealedAnew = (sealed) => {
      const found = opened(sealed, user_id);
      if (found === undefined) return { sealed, isUnopened: true };
      return found.position === 0 ? { sealed } : { sealed: digitsOf(ring.encryptToken(found.token, user_id)), isNew: true };
    };
    const [first, second] = [sealedAnew(access), sealedAnew(refresh)];
    return {
      isUnopened: Boolean(first.isUnopened || second.isUnopened),
      put:
        first.isNew || second.isNew
          ? { user_id, old_access: access, new_access: first.sealed, old_refresh: refresh, new_refresh: second.sealed }
          : undefined,
    };
  }

  // The limit for waiting for a lock is set before the first row is read, because the rows depend on it. Locked rows are
  // skipped; the function waits only for locks of their leases.
  const columns = ['old_access', 'new_access', 'old_refresh', 'new_refresh'];
  const column = (at) => `ARRAY(SELECT pg_catalog.substr(given.bytes, v.first, v.size)
        FROM ROWS FROM (pg_catalog.unnest($3::text::integer[]), pg_catalog.unnest($4::text::integer[])) WITH ORDINALITY AS v (first, size, place)
        WHERE (v.place - 1) % ${columns.length} = ${at} ORDER BY v.place)`;
  const statement = `SELECT pg_catalog.to_jsonb(now())::text AS asked_at, pg_catalog.to_jsonb(r)::text AS result
FROM (SELECT pg_catalog.set_config('lock_timeout', '${LOCK_TIMEOUT}', true) IS NOT NULL AS is_set, $2::text::bytea AS bytes OFFSET 0) AS given
CROSS JOIN LATERAL ${quoted(schema)}.vetassist_reseal_page(CASE WHEN given.is_set THEN $1::text::uuid[] END,
    ${columns.map((_, at) => column(at)).join(', ')}) AS r`;

  /** Stores rows, and returns the ids of those that are locked or have changed. */
  async function putBack(rows, signal) {
    if (rows.length === 0) return [];
    try {
      const users = `{${rows.map((row) => row.user_id).join(',')}}`;
      const params = [users, ...packed(rows.map((row) => columns.map((name) => row[name])))];
      const done = new Set((await run(operation, statement, params, { signal })).map(({ result }) => result));
      return rows.map((row) => row.user_id).filter((userId) => !done.has(userId));
    } catch (error) {
      if (error.sqlstate !== '55P03' && error.sqlstate !== '40P01' && error.sqlstate !== '40001') throw error;
      if (rows.length === 1) return [rows[0].user_id];
      // A row is locked. The rows are stored in halves, until the locked row is alone.
      const middle = rows.length >> 1;
      return [...(await putBack(rows.slice(0, middle), signal)), ...(await putBack(rows.slice(middle), signal))];
    }
  }

  async function rotateTokens({ after, maxRows = Infinity, maxMs = Infinity, onProgress, signal } = {}) {
    refuseAborted(signal);
    const deadline = Date.now() + maxMs;
    let [last, again] = placeOf(after);
    await end.keys.check(operation);
    const total = { seen: 0, resealed: 0, unopened: [] };
    const isOver = () => total.seen >= maxRows || Date.now() >= deadline;

    /** Seals rows again, and resolves to the values to store. */
    const sealAnew = async (rows) => {
      const puts = [];
      for (const [at, row] of rows.entries()) {
        if (at % SLICE === 0) await othersRun();
        const { isUnopened, put } = resealed(row);
        if (put) puts.push(put);
        if (isUnopened && total.unopened.length < SHOWN && !total.unopened.includes(row.user_id)) total.unopened.push(row.user_id);
      }
      total.seen += rows.length;
      return puts;
    };

    /** Stores the values, and returns the ids of the rows to read again. */
    const store = async (puts) => {
      const held = await putBack(puts, signal);
      if (puts.length > held.length) await end.keys.note(operation);
      total.resealed += puts.length - held.length;
      const progress = { seen: total.seen, resealed: total.resealed, unopened: total.unopened.length };
      emit({ type: 'rotation', ...progress });
      onProgress?.(progress);
      return held;
    };

    /** Asks for the rows after the last one, at most a page and at most as many as are left of maxRows after `seen`. */
    const readNext = (seen) => {
      const most = Math.min(PAGE, maxRows - seen);
      const rows = most > 0 ? page(operation, last, most, signal) : Promise.resolve([]);
      // An error is thrown where the promise is awaited.
      rows.catch(() => {});
      return { most, rows };
    };

    /** Waits until at most so many pages are being stored. */
    const settle = async (most) => {
      while (storing.length > most) again.push(...(await storing.shift()));
    };

    // While this client opens and seals a page, the database reads the next page and stores the two before: sending one and
    // storing it take longer together than sealing.
    let next = readNext(0);
    const storing = [];
    for (let isAtEnd = false; !isAtEnd && !isOver(); ) {
      const rows = await next.rows;
      isAtEnd = rows.length < next.most;
      last = rows.at(-1)?.user_id ?? last;
      if (!isAtEnd && !isOver()) next = readNext(total.seen + rows.length);
      const puts = await sealAnew(rows);
      await settle(1);
      const stored = store(puts);
      stored.catch(() => {});
      storing.push(stored);
      if (isAtEnd) {
        await settle(0);
        for (let wait = 50; again.length > 0 && !isOver(); wait = Math.min(2 * wait, 1000)) {
          const still = [];
          for (const userId of again) {
            const found = (await page(operation, before(userId), 1, signal)).filter((row) => row.user_id === userId);
            still.push(...(await store(await sealAnew(found))));
          }
          again = still;
          if (again.length > 0) await pause(Math.min(wait, Math.max(0, deadline - Date.now())), signal);
        }
        if (again.length === 0) return { after: null, ...total, held: 0 };
      }
    }
    await settle(0);
    await next.rows.catch(() => {});
    return { after: place(last ?? '', again), ...total, held: again.length };
  }

  async function rotationStatus({ signal } = {}) {
    const counts = new Map();
    const unopened = [];
    let last;
    for (;;) {
      const rows = await page('rotationStatus', last, PAGE, signal);
      for (const { user_id: userId, access_token: access, refresh_token: refresh } of rows) {
        for (const sealed of [access, refresh]) {
          if (sealed === null) continue;
          const position = opened(sealed, userId)?.position;
          counts.set(position, (counts.get(position) ?? 0) + 1);
          if (position === undefined && unopened.length < SHOWN && unopened.at(-1) !== userId) unopened.push(userId);
        }
      }
      if (rows.length < PAGE) break;
      last = rows.at(-1).user_id;
    }
    return [
      ...ring.fingerprints().map((fingerprint, at) => ({ fingerprint, isCurrent: at === 0, sealedValues: counts.get(at) ?? 0, userIds: null })),
      { fingerprint: null, isCurrent: null, sealedValues: counts.get(undefined) ?? 0, userIds: unopened },
    ];
  }

  return { rotateTokens, rotationStatus };
}

/** Returns the same operations for a client without a ring: the server's procedure rotates to the end. */
export function serverRotation({ schema, db, call }) {
  return {
    async rotateTokens({ after, signal } = {}) {
      refuseAborted(signal);
      if (after !== undefined && after !== null) throw badArgument('after must not be passed: without a ring, the server rotates all tokens');
      const before = await sealedByOthers(call);
      await callProcedure(db, schema);
      const left = await sealedByOthers(call);
      return { after: null, seen: before.all, resealed: before.old - left.old, unopened: left.userIds, held: 0 };
    },
    async rotationStatus({ signal } = {}) {
      const rows = await call('rotationStatus', 'vetassist_rotation_status', {}, { isRead: true, signal });
      return rows.map(({ result: row }) => ({ fingerprint: row.fingerprint, isCurrent: row.is_current, sealedValues: row.sealed_values, userIds: row.user_ids }));
    },
  };
}

async function sealedByOthers(call) {
  const rows = (await call('rotateTokens', 'vetassist_rotation_status', {}, { isRead: true })).map(({ result }) => result);
  const sum = (some) => some.reduce((all, { sealed_values: values }) => all + values, 0);
  return {
    all: sum(rows),
    old: sum(rows.filter((row) => row.is_current === false)),
    userIds: rows.find((row) => row.fingerprint === null)?.user_ids ?? [],
  };
}

async function callProcedure(db, schema) {
  try {
    await db.query(`CALL ${quoted(schema)}.vetassist_rotate_tokens()`, []);
  } catch (cause) {
    throw ofDriver(cause, false);
  }
}
