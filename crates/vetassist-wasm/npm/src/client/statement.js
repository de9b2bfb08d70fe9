// One statement: its text, its parameters, its rows, and what is told of it.
//
// Drivers differ in what they make of types, so no column and no parameter is left to them: each parameter is cast, and a row
// comes as one JSON text.

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
/** A time that many seconds from now, by the database's clock. */
export const fromNow = kind((at) => `now() + $${at}::double precision * interval '1 second'`);
/** postgres.js would encode JSON a second time, if it were told that the parameter is JSON. */
export const json = (value) => ({ sql: (at) => `$${at}::text::jsonb`, value: value === undefined ? undefined : JSON.stringify(value) });
/** Bytes as PostgreSQL's own text of them, which every driver hands on as it is. */
export const bytes = (value) => ({ sql: (at) => `$${at}::text::bytea`, value: value && hexOf(value) });

const DIGITS = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, '0'));

/** Returns the hexadecimal digits of bytes. Buffer makes and reads them in a twentieth of the time, where there is one. */
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

/** Returns the bytes of a text that to_jsonb made of a bytea; null for null. */
export const bytesOf = (hex) => (hex === null || hex === undefined ? null : bytesOfDigits(hex.slice(2)));

const LAST = 8.64e15;

/** Returns the time that to_jsonb wrote; the first or last that a Date can be for an infinite one. */
export function dateOf(written) {
  if (written === null || written === undefined) return null;
  const at = Date.parse(written);
  return new Date(Number.isNaN(at) ? (written.startsWith('-') ? -LAST : LAST) : at);
}

export const quoted = (name) => `"${name.replaceAll('"', '""')}"`;

/** Collects parameters. Left out is what is undefined, so that SQL's default counts. */
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
 * A SELECT that a cache does not answer, because it holds now(). result is an expression, and source what stands behind FROM.
 */
export const select = (result, source) =>
  `SELECT pg_catalog.to_jsonb(now())::text AS asked_at, (${result})::text AS result FROM ${source}`;

// Nothing was stored when one of these comes.
const COLLISIONS = new Set(['40001', '40P01']);
const ATTEMPTS = 6;

/** Returns the function that carries out statements: it resolves to the rows' results and when they were asked for. */
export function runner({ db, schema, tell, isTransaction }) {
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
        tell({ ...about, ms: Date.now() - started, rows: rows.length });
        // In the order of the columns: a driver may be told to spell names in another way.
        return Array.from(rows, (row) => {
          const [asked, found] = Object.values(row);
          return { askedAt: JSON.parse(asked), result: found === null ? null : JSON.parse(found) };
        });
      } catch (cause) {
        if (cause?.code === 'ERR_ABORTED' && cause.retryable) throw cause;
        const error = ofDriver(cause, isRead);
        tell({ ...about, ms: Date.now() - started, rows: 0, ...(error.sqlstate && { sqlstate: error.sqlstate }) });
        if (isTransaction || !COLLISIONS.has(error.sqlstate) || attempt === ATTEMPTS) throw error;
        await pause(Math.random() * 10 * 2 ** attempt, signal);
      }
    }
  }

  /** Calls a function of vetassist, and returns the result of its first row; undefined where there is none. */
  const one = async (...args) => (await call(...args))[0]?.result;

  return { call, one, run };
}
