// The response of a token endpoint.

import { badArgument, failure } from './failure.js';

/** Returns the checked tokens of a response. Their lifetime is in seconds, and undefined if it is unknown. */
export function readTokens(tokens, defaultLifetime) {
  if (typeof tokens?.access_token !== 'string' || tokens.access_token === '') {
    throw badArgument('tokens.access_token must be text: pass the response of the token endpoint');
  }
  const optional = (name) => {
    const value = tokens[name] ?? undefined;
    if (value !== undefined && typeof value !== 'string') throw badArgument(`tokens.${name} must be text if it is given`);
    return value;
  };
  return {
    access: tokens.access_token,
    // An empty refresh token counts as missing.
    refresh: optional('refresh_token') || undefined,
    type: optional('token_type'),
    scope: optional('scope'),
    lifetime: lifetime(tokens.expires_in) ?? defaultLifetime,
  };
}

// The lengths of the columns.
const LONGEST = { token_type: 20, scope: 500 };

/** Returns whether a value is text that can be stored in so many characters. */
const isStorable = (value, longest) =>
  typeof value === 'string' && value !== '' && !/[\0\p{Surrogate}]/u.test(value) && [...value].length <= longest;

/**
 * Returns the tokens of an exchange's response. Members that cannot be stored count as missing, because an error would lose the
 * new refresh token.
 */
export function readRefreshedTokens(tokens, defaultLifetime) {
  const { access_token, refresh_token, expires_in, ...rest } = tokens ?? {};
  const given = { access_token, refresh_token };
  for (const [name, longest] of Object.entries(LONGEST)) {
    if (isStorable(rest[name], longest)) given[name] = rest[name];
  }
  if (isDuration(asNumber(expires_in))) given.expires_in = expires_in;
  return readTokens(given, defaultLifetime);
}

/** Returns the same, and refuses tokens without a lifetime, before anything is stored. */
export function readLastingTokens(tokens, defaultLifetime) {
  const found = readTokens(tokens, defaultLifetime);
  if (found.lifetime === undefined) {
    throw failure('ERR_NO_LIFETIME', 'the tokens have no expires_in, and there is no defaultLifetimeSeconds: nothing was stored');
  }
  return found;
}

/** Returns a number that may be written as text, as some endpoints do. */
const asNumber = (value) => (typeof value === 'string' && /^\d+(\.\d+)?$/.test(value) ? Number(value) : value);

/** Returns the lifetime as a number. */
function lifetime(value) {
  if (value === undefined || value === null) return undefined;
  const number = asNumber(value);
  if (!isDuration(number)) throw badArgument('tokens.expires_in must be a number of seconds above 0');
  return number;
}

/** Returns whether a value is a number of seconds above 0 and of at most a hundred years. */
export const isDuration = (value) => typeof value === 'number' && value > 0 && value <= 3_155_760_000;

export function duration(value, name) {
  if (!isDuration(value)) throw badArgument(`${name} must be a number above 0`);
  return value;
}
