// The fake token endpoint, as functions and over HTTP.

import { faults, waited } from './faults.js';
import { authority, oauthError } from './oauth.js';
import { listening } from './server.js';

export function provider(options) {
  const { rotate, lifetimeSeconds, answerMs = 0, scope } = options ?? {};
  const endpoint = authority({ rotate, lifetimeSeconds, scope });
  const wrong = faults();
  const { counts } = endpoint;

  /** Answers a request to the token endpoint, with the next fault. */
  async function carriedOut(answer, signal) {
    const fault = wrong.next();
    if (answerMs > 0 || fault.kind === 'slow') await waited(fault.kind === 'slow' ? fault.ms : answerMs, signal);
    switch (fault.kind) {
      case 'refused':
        throw oauthError('invalid_grant');
      case 'failed':
        throw oauthError('server_error', 500);
      case 'silent':
        return waited(2 ** 31 - 1, signal);
      case 'lost':
        await answer();
        throw Object.assign(new Error('the connection was lost after the answer was given'), { code: 'ECONNRESET', isLost: true });
      default:
        return answer();
    }
  }

  const made = {
    /** Exchanges a refresh token. Pass it to createClient as `refresh`. */
    refresh: (refreshToken, { signal } = {}) => carriedOut(async () => endpoint.exchange(refreshToken), signal),
    issue: endpoint.issue,
    revoke: endpoint.revoke,
    introspect: endpoint.introspect,
    expire: endpoint.expire,
    /** Loses the next responses after the exchange, so that the refresh token is used up. */
    lose: (times = 1) => wrong.order('lost', times),
    /** Refuses the next exchanges with a final error. */
    refuse: (times = 1) => wrong.order('refused', times),
    /** Lets the next exchanges fail with status 500. */
    fail: (times = 1) => wrong.order('failed', times),
    /** Never answers the next exchanges. */
    hang: (times = 1) => wrong.order('silent', times),
    /** Delays the next responses by so many milliseconds. */
    slow: (ms, times = 1) => wrong.order('slow', times, { ms }),
    /** The number of requested exchanges, including refused ones. */
    get exchanges() {
      return counts.exchanges;
    },
    /** The number of times that a refresh token was used again after its exchange. A number above 0 is a bug of the caller. */
    get reuse() {
      return counts.reuse;
    },
  };
  return Object.assign(made, {
    /** Serves the endpoint over HTTP, in Node, Deno or Bun. */
    listen: (where) => listening(endpoint, carriedOut, where),
  });
}
