// The fake provider: its functions, and the same over HTTP.

import { faults, waited } from './faults.js';
import { authority, oauthError } from './oauth.js';
import { listening } from './server.js';

export function provider(options) {
  const { rotate, lifetimeSeconds, answerMs = 0, scope } = options ?? {};
  const endpoint = authority({ rotate, lifetimeSeconds, scope });
  const wrong = faults();
  const { counts } = endpoint;

  /** Answers a request to the token endpoint as the next fault has it. */
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
    /** Exchanges a refresh token, as `refresh` of createClient. */
    refresh: (refreshToken, { signal } = {}) => carriedOut(async () => endpoint.exchange(refreshToken), signal),
    issue: endpoint.issue,
    revoke: endpoint.revoke,
    introspect: endpoint.introspect,
    expire: endpoint.expire,
    /** The next answers are lost after they were given: the refresh token is spent. */
    lose: (times = 1) => wrong.order('lost', times),
    /** The next exchanges are refused for good. */
    refuse: (times = 1) => wrong.order('refused', times),
    /** The next exchanges fail with status 500. */
    fail: (times = 1) => wrong.order('failed', times),
    /** The next exchanges are never answered. */
    hang: (times = 1) => wrong.order('silent', times),
    /** The next answers take so many milliseconds. */
    slow: (ms, times = 1) => wrong.order('slow', times, { ms }),
    /** The number of exchanges that were requested, including those that were refused. */
    get exchanges() {
      return counts.exchanges;
    },
    /** The number of times that a refresh token was shown after its exchange. Anything but 0 is a defect of the caller. */
    get reuse() {
      return counts.reuse;
    },
  };
  return Object.assign(made, {
    /** Serves the same over HTTP, in Node, Deno or Bun. */
    listen: (where) => listening(endpoint, carriedOut, where),
  });
}
