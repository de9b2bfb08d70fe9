// Rows of the four tables, from the rows of drivers.

import { asBytes, member, typeError } from './arguments.js';
import { columns, kinds } from './columns.js';
import { error } from './errors.js';

const OVERHEAD = 28;

const matching = (value, pattern) =>
  typeof value === 'string' && pattern.test(value) ? value : undefined;

function time(value, pattern) {
  let milliseconds;
  if (typeof value === 'string') {
    const [, date, clock, fraction = '', zone] = pattern.exec(value) ?? [];
    milliseconds = Date.parse(`${date}T${clock}${fraction}${zone?.length === 3 ? `${zone}:00` : zone}`);
  } else {
    try {
      milliseconds = Date.prototype.getTime.call(value);
    } catch {
      return undefined;
    }
  }
  return Number.isNaN(milliseconds) ? undefined : new Date(milliseconds);
}

function sealed(value, pattern) {
  if (typeof value === 'string') {
    if (!pattern.test(value)) return undefined;
    return Uint8Array.from({ length: value.length / 2 - 1 }, (_, at) =>
      Number.parseInt(value.slice(2 * at + 2, 2 * at + 4), 16),
    );
  }
  try {
    // The bytes are copied, because a driver's Buffer may be part of a larger pool.
    const bytes = new Uint8Array(asBytes(value, 'it'));
    return bytes.length < OVERHEAD ? undefined : bytes;
  } catch {
    return undefined;
  }
}

function digits(value, pattern) {
  const exact = typeof value === 'bigint' || Number.isSafeInteger(value) ? String(value) : value;
  return matching(exact, pattern);
}

// The conversion of each kind of value. It returns undefined for a malformed value.
const CONVERT = {
  uuid: (value, pattern) => matching(value, pattern)?.toLowerCase(),
  text: (value) => (typeof value === 'string' ? value : undefined),
  hash: matching,
  bool: (value) => (typeof value === 'boolean' ? value : undefined),
  digits,
  time,
  sealed,
  json: (value) => (['function', 'symbol', 'bigint'].includes(typeof value) ? undefined : value),
};

function parse(table, row) {
  if (typeof row !== 'object' || row === null) throw typeError('the row', 'an object', row);
  const parsed = Object.entries(columns[table]).map(([name, kind]) => {
    const value = member(row, name, `${table}.${name}`);
    const known = kind.replace('?', '');
    const [expected, pattern] = kinds[known];
    const converted = value === null ? null : CONVERT[known](value, pattern);
    if (converted === undefined || (converted === null && !kind.endsWith('?'))) {
      // The message does not contain the value, because it may be personal data.
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
