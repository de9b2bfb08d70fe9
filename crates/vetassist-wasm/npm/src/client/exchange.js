// The exchange of a leased refresh token: it asks the provider once, and stores the response. The provider treats a refresh
// token that is presented twice as stolen, so an exchange is never repeated. Only the storing is repeated.

import { failure } from './failure.js';
import { boolean, dateOf, fromNow, parameters, quoted, select, text, uuid } from './statement.js';
import { readRefreshedTokens } from './tokens_given.js';
import { pause } from './waiting.js';

const LEASE_TIMEOUTS = 3;
// The pauses between attempts to store a response grow with the time spent. After a restart of the server each connection of a
// pool is broken, and each attempt removes only one of them.
const SHORTEST_PAUSE_MS = 20;
const LONGEST_PAUSE_MS = 1000;
/** The lifetime that is stored if none is known, so that the new refresh token is not lost. */
const UNKNOWN_LIFETIME = 0;

/** Returns the OAuth error code of an exception of `refresh`. The database stores an invalid code as `other`. */
const oauthCode = (cause) => (typeof cause?.error === 'string' ? cause.error : 'other');

export function exchanging({ schema, run, call, end, emit, defaultLifetime, refreshTimeoutMs, waitUntil }) {
  const leaseMs = LEASE_TIMEOUTS * refreshTimeoutMs;
  const read = (answer) => readRefreshedTokens(answer, defaultLifetime);
  const carry = (work) => {
    const carried = work.catch(() => {});
    waitUntil?.(carried);
    return work;
  };

  async function store(operation, lease, answer) {
    const { params, list } = parameters();
    // The tokens are sealed once, so that a second call to finish has the same arguments as the first, whose response may
    // have been lost.
    const args = {
      lease_id: uuid(lease.leaseId),
      access_token: end.token(answer.access, lease.userId),
      expires_at: fromNow(answer.lifetime ?? UNKNOWN_LIFETIME),
      refresh_token: end.token(answer.refresh, lease.userId),
      token_type: text(answer.type),
      scope: text(answer.scope),
    };
    const source = `${quoted(schema)}.${quoted(`vetassist_finish_refresh${end.twin}`)}(${list(args)}) AS r`;
    params.push(answer.lifetime ?? UNKNOWN_LIFETIME);
    const ends = `now() + $${params.length}::double precision * interval '1 second'`;
    const statement = select(`pg_catalog.jsonb_build_object('outcome', r, 'ends', ${ends})`, source);
    const started = Date.now();
    for (;;) {
      const spent = Date.now() - started;
      try {
        const [{ result }] = await run(operation, statement, params);
        return result;
      } catch (error) {
        const mayPass = error.retryable || (error.code === 'ERR_DATABASE' && (error.sqlstate ?? '08').startsWith('08'));
        if (!mayPass || spent > leaseMs) throw error;
        await pause(Math.min(Math.max(SHORTEST_PAUSE_MS, spent / 10), LONGEST_PAUSE_MS));
      }
    }
  }

  async function fail(operation, { leaseId }, code, isFinal) {
    const args = { lease_id: uuid(leaseId), error: text(code), is_final: boolean(isFinal) };
    try {
      const [row] = await call(operation, 'vetassist_fail_refresh', args);
      const retryAt = dateOf(row?.result.retry_at);
      return retryAt === null ? {} : { retryAt, waitMs: retryAt - dateOf(row.askedAt) };
    } catch {
      // The lease expires by itself, and the provider's error is more useful to the caller.
      return {};
    }
  }

  /** Stores a response, and returns the new token; undefined if other tokens were stored meanwhile. */
  async function finish(operation, lease, answer, started) {
    const about = { type: 'refresh', userId: lease.userId };
    let stored;
    try {
      stored = await store(operation, lease, answer);
    } catch (error) {
      emit({ ...about, outcome: 'uncertain', ms: Date.now() - started });
      throw error;
    }
    emit({ ...about, outcome: stored.outcome === 'stored' ? 'stored' : 'discarded', ms: Date.now() - started });
    if (stored.outcome !== 'stored') return undefined;
    await end.keys.note(operation);
    if (answer.lifetime === undefined) {
      throw failure('ERR_NO_LIFETIME', 'the refreshed tokens have no valid expires_in, and there is no defaultLifetimeSeconds: they were stored as expired, so that the refresh token is not lost', { userId: lease.userId });
    }
    return { token: answer.access, expiresAt: dateOf(stored.ends), expiresText: stored.ends, scope: answer.scope };
  }

  /** Asks the provider, and waits no longer than the timeout. A late response is still stored, unless it was superseded. */
  async function ask(operation, lease, refresh, started) {
    const stop = new AbortController();
    let timer;
    const late = failure('ERR_REFRESH_TIMEOUT', `the token endpoint did not answer within ${refreshTimeoutMs} ms`, { retryable: true, userId: lease.userId });
    const timeout = new Promise((_, reject) => {
      timer = setTimeout(() => {
        reject(late);
        stop.abort(late);
      }, refreshTimeoutMs);
    });
    const asked = (async () => refresh(lease.refreshToken, { userId: lease.userId, signal: stop.signal }))();
    try {
      return await Promise.race([asked, timeout]);
    } catch (cause) {
      if (cause === late) carry(asked.then((answer) => finish(operation, lease, read(answer), started)));
      throw cause;
    } finally {
      clearTimeout(timer);
    }
  }

  async function exchange(operation, lease, refresh) {
    const started = Date.now();
    const about = { type: 'refresh', userId: lease.userId };
    let answer;
    try {
      answer = read(await ask(operation, lease, refresh, started));
    } catch (cause) {
      const isTimeout = cause?.code === 'ERR_REFRESH_TIMEOUT';
      const isFinal = cause?.error === 'invalid_grant';
      const { retryAt } = await fail(operation, lease, isTimeout ? 'timeout' : oauthCode(cause), isFinal);
      emit({ ...about, outcome: isFinal ? 'rejected' : 'failed', ms: Date.now() - started });
      if (isFinal) {
        throw failure('ERR_SIGN_IN_AGAIN', 'the provider refused the refresh token: the veteran must sign in again', { cause, userId: lease.userId });
      }
      if (isTimeout) throw cause;
      throw failure('ERR_REFRESH_FAILED', 'the token endpoint refused or failed: the refresh is tried again later', {
        cause,
        retryable: true,
        userId: lease.userId,
        ...(retryAt && { retryAt }),
      });
    }
    return finish(operation, lease, answer, started);
  }

  return {
    /** The time of a lease, in seconds. */
    leaseSeconds: leaseMs / 1000,
    /** Exchanges a token and stores the response. Returns the new token; undefined if other tokens were stored meanwhile. */
    exchange: (operation, lease, refresh) => carry(exchange(operation, lease, refresh)),
    /** Records that a refresh token does not open. */
    unopenable: (operation, lease) => fail(operation, lease, 'unopenable', false),
  };
}
