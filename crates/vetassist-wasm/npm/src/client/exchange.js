// One exchange of a leased refresh token: ask the provider once, and store what it answered. The provider takes a refresh token
// that is shown twice as stolen, so an exchange is never repeated; what is repeated is the storing, on a fresh call.

import { failure } from './failure.js';
import { boolean, dateOf, fromNow, parameters, quoted, select, text, uuid } from './statement.js';
import { given } from './tokens_given.js';
import { pause } from './waiting.js';

const STORING_ATTEMPTS = 5;
/** Where nobody says how long a refreshed token lives, its refresh token is kept all the same. */
const UNKNOWN_LIFETIME = 0;

/** Returns the OAuth error code of what a refresh threw. The database takes anything longer or stranger as `other`. */
const oauthCode = (cause) => (typeof cause?.error === 'string' ? cause.error : 'other');

export function exchanging({ schema, run, call, end, tell, defaultLifetime, refreshTimeoutMs, waitUntil }) {
  const carry = (work) => {
    const carried = work.catch(() => {});
    waitUntil?.(carried);
    return work;
  };

  async function store(operation, lease, answer) {
    const { params, list } = parameters();
    // Sealed once, so that a second finish is the same as the first, whose answer may have been lost.
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
    for (let attempt = 1; ; attempt++) {
      try {
        const [{ result }] = await run(operation, statement, params);
        return result;
      } catch (error) {
        const mayPass = error.retryable || (error.code === 'ERR_DATABASE' && (error.sqlstate ?? '08').startsWith('08'));
        if (!mayPass || attempt === STORING_ATTEMPTS) throw error;
        await pause(50 * 2 ** attempt);
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
      // The lease runs out by itself, and what the provider said counts for more.
      return {};
    }
  }

  /** Stores an answer, and returns it as callers get it; undefined where other tokens were stored meanwhile. */
  async function finish(operation, lease, tokens, started) {
    const about = { type: 'refresh', userId: lease.userId };
    const answer = given(tokens, defaultLifetime);
    let stored;
    try {
      stored = await store(operation, lease, answer);
    } catch (error) {
      tell({ ...about, outcome: 'uncertain', ms: Date.now() - started });
      throw error;
    }
    tell({ ...about, outcome: stored.outcome === 'stored' ? 'stored' : 'discarded', ms: Date.now() - started });
    if (stored.outcome !== 'stored') return undefined;
    await end.keys.note(operation);
    if (answer.lifetime === undefined) {
      throw failure('ERR_NO_LIFETIME', 'the refreshed tokens have no expires_in, and there is no defaultLifetimeSeconds: they were stored as expired, so that the refresh token is not lost', { userId: lease.userId });
    }
    return { token: answer.access, expiresAt: dateOf(stored.ends), expiresText: stored.ends, scope: answer.scope };
  }

  /** Asks the provider, and waits no longer than the time-out. A late answer is stored all the same, if it still fits. */
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
      if (cause === late) carry(asked.then((answer) => finish(operation, lease, answer, started)));
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
      answer = await ask(operation, lease, refresh, started);
      given(answer, defaultLifetime);
    } catch (cause) {
      const isTimeout = cause?.code === 'ERR_REFRESH_TIMEOUT';
      const isFinal = cause?.error === 'invalid_grant';
      const { retryAt } = await fail(operation, lease, isTimeout ? 'timeout' : oauthCode(cause), isFinal);
      tell({ ...about, outcome: isFinal ? 'rejected' : 'failed', ms: Date.now() - started });
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
    /** Exchanges, and stores: what callers get; undefined where other tokens were stored meanwhile. */
    exchange: (operation, lease, refresh) => carry(exchange(operation, lease, refresh)),
    /** Says that a refresh token does not open. */
    unopenable: (operation, lease) => fail(operation, lease, 'unopenable', false),
  };
}
