// Errors of the client. Errors of drivers contain ICNs, e-mail addresses and parameters, so only the SQLSTATE is passed on, and
// messages that contain no value.

import { VetassistError } from '#vetassist';

/** Returns an error of the client. All properties except the cause become properties of the error. */
export function failure(code, message, { cause, retryable = false, ...others } = {}) {
  const made = new VetassistError(code, message, cause === undefined ? undefined : { cause });
  return Object.assign(made, { retryable }, others);
}

export const badArgument = (message) => failure('ERR_INVALID_ARG_TYPE', message);

// The errors by SQLSTATE, or by its class. The third value is true if nothing was stored and the same call may be made again.
const CODES = {
  VA001: ['ERR_ACCOUNT_INACTIVE', 'the account is not active'],
  23503: ['ERR_NO_SUCH_USER', 'there is no such user'],
  23505: ['ERR_JWT_ID_USED', 'there is a session with this jwt id already'],
  22001: ['ERR_TEXT_TOO_LONG', 'a text is longer than its column'],
  42501: ['ERR_FORBIDDEN', 'the database does not permit the call'],
  42883: ['ERR_NOT_INSTALLED', 'the schema lacks a function of vetassist: install vetassist, or update it'],
  '42P01': ['ERR_NOT_INSTALLED', 'the schema lacks a table of vetassist: install vetassist, or update it'],
  '3F000': ['ERR_NOT_INSTALLED', 'there is no such schema'],
  F0000: ['ERR_SERVER_KEYS', "the server's key ring cannot be used: the reason is in the server's log"],
  39000: ['ERR_SERVER_KEYS', 'no key of the server opens the token'],
  '22P03': ['ERR_SERVER_KEYS', 'no key of the server opens the token'],
  22004: ['ERR_REFUSED', 'a required argument is missing'],
  22023: ['ERR_REFUSED', 'the database refused an argument'],
  '22P02': ['ERR_REFUSED', 'an argument is malformed, such as an id that is not a UUID'],
  54000: ['ERR_TOO_LARGE', 'metadata is longer than 64 kB, or nested more than 64 levels deep'],
  25006: ['ERR_DATABASE', 'the database is read-only: a standby, or a transaction', true],
  '55P03': ['ERR_DATABASE', 'a row is locked by another transaction', true],
  40: ['ERR_DATABASE', 'the transaction collided with another', true],
  53: ['ERR_DATABASE', 'the database lacks resources', true],
  57: ['ERR_DATABASE', 'the database ended the statement', true],
};

// SQLSTATEs whose messages come from vetassist, or contain no value.
const SAFE_MESSAGES = new Set(['22001', '22004', '22023', '23503', '25001', '42501', '54000']);

// The connection failed, so no statement was sent.
const UNREACHED = new Set(['ECONNREFUSED', 'ENOTFOUND', 'EAI_AGAIN', 'ENETUNREACH', 'EHOSTUNREACH', '08001', '08004']);

/** Returns the SQLSTATE of a driver's error. The codes of the operating system (EPIPE) have no digit. */
export const sqlstateOf = (error) =>
  typeof error?.code === 'string' && /^(?=.*\d)[0-9A-Z]{5}$/.test(error.code) ? error.code : undefined;

/** Returns the client's error for a driver's error. isRead is true if the statement changes nothing. */
export function ofDriver(error, isRead) {
  const sqlstate = sqlstateOf(error);
  if (sqlstate === undefined || sqlstate.startsWith('08')) {
    const named = typeof error?.code === 'string' && /^[A-Z][A-Z0-9_]{1,40}$/.test(error.code) ? ` (${error.code})` : '';
    const retryable = isRead || UNREACHED.has(error?.code);
    const unknown = retryable ? '' : '; the statement may have been executed';
    return failure('ERR_DATABASE', `the database did not answer${named}${unknown}`, { retryable, ...(sqlstate && { sqlstate }) });
  }
  const [code, message, retryable = false] = CODES[sqlstate] ?? CODES[sqlstate.slice(0, 2)] ?? ['ERR_DATABASE', `the database answered ${sqlstate}`];
  const said = SAFE_MESSAGES.has(sqlstate) && typeof error.message === 'string' ? `${message}: ${error.message}` : message;
  // Only the id that vetassist itself wrote is taken from the detail.
  const [, userId] = sqlstate === 'VA001' ? (/^user_id ([\da-f-]{36})$/.exec(error.detail) ?? []) : [];
  return failure(code, said, { retryable, sqlstate, ...(userId && { userId }) });
}
