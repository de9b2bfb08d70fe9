// Statements: their text, parameters, rows and events.
//
// Drivers convert types in different ways. So each parameter is cast in the statement, and a row is returned as one JSON
// text.

import { ofDriver } from './failure.js';
import { pause, refuseAborted, until } from './waiting.js';

const kind = (sql) => (value) => ({ sql, value });

export const uuid = kind((at) => `$${at}::uuid`);
export const text = kind((at) => `$${at}::text`);
export const integer = kind((at) => `$${at}::integer`);
export const boolean = kind((at) => `$${at}::boolean`);
export const inet = kind((at) => `$${at}::text::inet`);
export const time = kind((at) => `$${at}::text::timestamptz`);
export const seconds = kind((at) => `$${at}::double precision * interval '1 second'`);
/** A time so many seconds from now, by the database's clock. */
export const fromNow = kind((at) => `now() + $${at}::double precision * interval '1 second'`);
/** A JSON value as text, because postgres.js would encode a JSON parameter a second time. */
export const json = (value) => ({ sql: (at) => `$${at}::text::jsonb`, value: value === undefined ? undefined : JSON.stringify(value) });
/** Bytes in PostgreSQL's hexadecimal format, which every driver passes on unchanged. */
export const bytes = (value) => ({ sql: (at) => `$${at}::text::bytea`, value: value && hexOf(value) });

const DIGITS = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, '0'));

/** Returns the hexadecimal digits of bytes. Buffer, if the runtime has it, takes a twentieth of the time. */
export function digitsOf(value) {
  const { Buffer } = globalThis;
  if (Buffer?.from) return Buffer.from(value.buffer, value.byteOffset, value.byteLength).toString('hex');
  let digits = '';
  for (const byte of value) digits += DIGITS[byte];
  return digits;
}

const hexOf = (value) => `\\x${digitsOf(value)}`;

const digit = (code) => code - (code > 57 ? 87 : 48);

/** Returns the bytes of hexadecimal digits. */
export function bytesOfDigits(digits) {
  const { Buffer } = globalThis;
  if (Buffer?.from) return Buffer.from(digits, 'hex');
  const made = new Uint8Array(digits.length / 2);
  for (let at = 0; at < made.length; at++) made[at] = 16 * digit(digits.charCodeAt(2 * at)) + digit(digits.charCodeAt(2 * at + 1));
  return made;
}

/** Returns the bytes of the text that to_jsonb writes for a bytea; null for null. */
export const bytesOf = (hex) => (hex === null || hex === undefined ? null : bytesOfDigits(hex.slice(2)));

const LAST = 8.64e15;

/** Returns the time that to_jsonb wrote. An infinite time becomes the first or the last possible Date. */
export function dateOf(written) {
  if (written === null || written === undefined) return null;
  const at = Date.parse(written);
  return new Date(Number.isNaN(at) ? (written.startsWith('-') ? -LAST : LAST) : at);
}

export const quoted = (name) => `"${name.replaceAll('"', '""')}"`;

/** Collects parameters. Leaves out undefined values, so that SQL's defaults apply. */
export function parameters() {
  const params = [];
  const add = ({ sql, value }) => sql(params.push(value));
  const list = (args) =>
    Object.entries(args)
      .filter(([, arg]) => arg !== undefined && arg.value !== undefined)
      .map(([name, arg]) => `${name} => ${add(arg)}`)
      .join(', ');
  return { params, add, list };
}

/**
 * Returns a SELECT of an expression from a source. It contains now(), so that no cache answers it.
 */
export const select = (result, source) =>
  `SELECT pg_catalog.to_jsonb(now())::text AS asked_at, (${result})::text AS result FROM ${source}`;

// After one of these errors, nothing was stored.
const COLLISIONS = new Set(['40001', '40P01']);
const ATTEMPTS = 6;

/** Returns the functions that run statements. They resolve to the results of the rows, with the time of the statement. */
export function runner({ db, schema, emit, isTransaction }) {
  /** Calls a function of vetassist. */
  const call = (operation, name, args = {}, { result = 'pg_catalog.to_jsonb(r)', isRead = false, signal } = {}) => {
    const { params, list } = parameters();
    return run(operation, select(result, `${quoted(schema)}.${quoted(name)}(${list(args)}) AS r`), params, { isRead, signal });
  };

  async function run(operation, statement, params, { isRead = false, signal } = {}) {
    refuseAborted(signal);
    for (let attempt = 1; ; attempt++) {
      const started = Date.now();
      const about = { type: 'statement', name: operation, attempt };
      try {
        const rows = await until(db.query(statement, params, signal === undefined ? undefined : { signal }), signal);
        emit({ ...about, ms: Date.now() - started, rows: rows.length });
        // Columns are read by their order, because a driver may be configured to change names.
        return Array.from(rows, (row) => {
          const [asked, found] = Object.values(row);
          return { askedAt: JSON.parse(asked), result: found === null ? null : JSON.parse(found) };
        });
      } catch (cause) {
        if (cause?.code === 'ERR_ABORTED' && cause.retryable) throw cause;
        const error = ofDriver(cause, isRead);
        emit({ ...about, ms: Date.now() - started, rows: 0, ...(error.sqlstate && { sqlstate: error.sqlstate }) });
        if (isTransaction || !COLLISIONS.has(error.sqlstate) || attempt === ATTEMPTS) throw error;
        await pause(Math.random() * 10 * 2 ** attempt, signal);
      }
    }
  }

  /** Calls a function of vetassist, and returns the result of its first row; undefined if there is none. */
  const one = async (...args) => (await call(...args))[0]?.result;

  return { call, one, run };
}
