// Rows of the four tables, from what drivers return.

import { asBytes, typeError } from './arguments.js';
import { columns } from './columns.js';
import { error } from './errors.js';

const OVERHEAD = 28;
const UUID = /^[\da-f]{8}(?:-[\da-f]{4}){3}-[\da-f]{12}$/i;
const HASH = /^[\da-f]{64}$/;
const DIGITS = /^-?\d{1,19}$/;
const HEX = /^\\x(?:[\da-f]{2})*$/i;
// As PostgreSQL writes it under `DateStyle = ISO`, or as RFC 3339 has it; a Date has milliseconds.
const TIME = /^(\d{4}-\d\d-\d\d)[ T](\d\d:\d\d:\d\d(?:\.\d{1,3})?)\d*(Z|[+-]\d\d(?::\d\d)?)$/;

function time(value) {
  let milliseconds;
  if (typeof value === 'string') {
    const [, date, clock, zone] = TIME.exec(value) ?? [];
    milliseconds = Date.parse(`${date}T${clock}${zone?.length === 3 ? `${zone}:00` : zone}`);
  } else {
    try {
      milliseconds = Date.prototype.getTime.call(value);
    } catch {
      return undefined;
    }
  }
  return Number.isNaN(milliseconds) ? undefined : new Date(milliseconds);
}

function sealed(value) {
  let bytes;
  if (typeof value === 'string') {
    if (!HEX.test(value)) return undefined;
    bytes = Uint8Array.from({ length: value.length / 2 - 1 }, (_, at) =>
      Number.parseInt(value.slice(2 * at + 2, 2 * at + 4), 16),
    );
  } else {
    try {
      // A copy: a driver's Buffer may lie in a pool.
      bytes = new Uint8Array(asBytes(value, 'it'));
    } catch {
      return undefined;
    }
  }
  return bytes.length < OVERHEAD ? undefined : bytes;
}

const matching = (value, pattern) =>
  typeof value === 'string' && pattern.test(value) ? value : undefined;

function digits(value) {
  const exact = typeof value === 'bigint' || Number.isSafeInteger(value) ? String(value) : value;
  return matching(exact, DIGITS);
}

// What a column must be, and how it becomes what it is in JavaScript: undefined if it cannot.
const KINDS = {
  uuid: ['a UUID', (value) => matching(value, UUID)?.toLowerCase()],
  text: ['text', (value) => (typeof value === 'string' ? value : undefined)],
  hash: ['64 lower-case hexadecimal digits', (value) => matching(value, HASH)],
  bool: ['a boolean', (value) => (typeof value === 'boolean' ? value : undefined)],
  digits: ['an integer', digits],
  time: ['a Date or a timestamp with its zone, and finite', time],
  sealed: ['bytes, at least 28', sealed],
  json: ['JSON', (value) => (['function', 'symbol', 'bigint'].includes(typeof value) ? undefined : value)],
};

function parse(table, row) {
  if (typeof row !== 'object' || row === null) throw typeError('the row', 'an object', row);
  const parsed = Object.entries(columns[table]).map(([name, kind]) => {
    const value = row[name];
    const [expected, convert] = KINDS[kind.replace('?', '')];
    const converted = value === null ? null : convert(value);
    if (converted === undefined || (converted === null && !kind.endsWith('?'))) {
      // Never the value: it may be a person's.
      const found = value === undefined ? ', and is missing' : value === null ? ', and is NULL' : '';
      throw error('ERR_INVALID_ROW', `${table}.${name} must be ${expected}${found}`);
    }
    return [name, converted];
  });
  return Object.fromEntries(parsed);
}

export const parseUser = (row) => parse('vetassist_users', row);
export const parseVaToken = (row) => parse('vetassist_va_tokens', row);
export const parseSession = (row) => parse('vetassist_sessions', row);
export const parseAuthAudit = (row) => parse('vetassist_auth_audit', row);
