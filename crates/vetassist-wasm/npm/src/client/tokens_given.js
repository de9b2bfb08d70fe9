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

/** Returns the same, and refuses tokens without a lifetime, before anything is stored. */
export function readLastingTokens(tokens, defaultLifetime) {
  const found = readTokens(tokens, defaultLifetime);
  if (found.lifetime === undefined) {
    throw failure('ERR_NO_LIFETIME', 'the tokens have no expires_in, and there is no defaultLifetimeSeconds: nothing was stored');
  }
  return found;
}

/** Returns the lifetime as a number, because some endpoints write it as text. */
function lifetime(value) {
  if (value === undefined || value === null) return undefined;
  const number = typeof value === 'string' && /^\d+(\.\d+)?$/.test(value) ? Number(value) : value;
  if (!isDuration(number)) throw badArgument('tokens.expires_in must be a number of seconds above 0');
  return number;
}

/** Returns whether a value is a number of seconds above 0 and of at most a hundred years. */
export const isDuration = (value) => typeof value === 'number' && value > 0 && value <= 3_155_760_000;

export function duration(value, name) {
  if (!isDuration(value)) throw badArgument(`${name} must be a number above 0`);
  return value;
}
