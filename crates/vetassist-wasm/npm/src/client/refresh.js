// Valid access tokens: the stored token, or a new one. One caller refreshes; the others wait or use the old token while it is
// valid.

import { badArgument, failure } from './failure.js';
import { exchanging } from './exchange.js';
import { dateOf, integer, parameters, quoted, seconds, select, uuid } from './statement.js';
import { pause, refuseAborted, until } from './waiting.js';

const MIN_VALID_MS = 60_000;
const WAIT_MS = 10_000;
/** A lifetime in seconds that no access token has, so that it is always refreshed. */
const ALWAYS = 3_155_760_000;
/** The shortest time between two requests to the database. */
const SHORTEST_PAUSE_MS = 20;

export function refreshing(context) {
  const { schema, run, call, end, refresh: usual, refreshTimeoutMs } = context;
  const { exchange, unopenable, leaseSeconds: lease } = exchanging(context);
  // Running steps of this client. Calls that need the same step share it.
  const underway = new Map();

  const asFunction = (refresh) => {
    if (typeof refresh !== 'function') throw badArgument('pass a refresh function to createClient or to this call');
    return refresh;
  };

  /** Asks the database once for the state of the token. minimum is in seconds, or the expiry of a token that was rejected. */
  async function use(operation, userId, minimum) {
    const { params, add } = parameters();
    const id = add(uuid(userId));
    const least =
      typeof minimum === 'string'
        ? `greatest($${params.push(minimum)}::text::timestamptz - clock_timestamp(), interval '0')`
        : add(seconds(minimum));
    const source = `${quoted(schema)}.${quoted(`vetassist_use_token${end.twin}`)}(${id}, ${least}, ${add(seconds(lease))}) AS r`;
    const [{ askedAt, result }] = await run(operation, select('pg_catalog.to_jsonb(r)', source), params);
    return {
      state: result.state,
      token: end.open(result.access_token, userId),
      refreshToken: end.open(result.refresh_token, userId),
      leaseId: result.lease_id,
      expiresAt: dateOf(result.expires_at),
      expiresText: result.expires_at,
      // Both times are by the database's clock.
      waitMs: result.retry_at === null ? undefined : dateOf(result.retry_at) - dateOf(askedAt),
    };
  }

  /** Takes one step, and returns a token, or the state without one. */
  async function step(operation, userId, minimum, refresh) {
    let found = await use(operation, userId, minimum);
    if (found.state === 'ready' && found.token === undefined) {
      // A token that no key of the ring opens is treated as expired.
      found = await use(operation, userId, ALWAYS);
      if (found.state === 'ready') found.state = 'reconnect';
    }
    if (found.state !== 'refresh') return found;
    if (found.refreshToken === undefined) {
      const { waitMs = ALWAYS } = await unopenable(operation, found);
      return { ...found, state: 'wait', waitMs };
    }
    try {
      const got = await exchange(operation, { userId, leaseId: found.leaseId, refreshToken: found.refreshToken }, refresh);
      return got === undefined ? { state: 'again' } : { state: 'ready', ...got };
    } catch (error) {
      // The old token is used while it is valid.
      if (!error.retryable || found.token === undefined) throw error;
      return { ...found, state: 'wait', error };
    }
  }

  /** Lets calls of this client that need the same step share it. */
  function shared(operation, userId, minimum, refresh) {
    if (refresh !== usual) return step(operation, userId, minimum, refresh);
    const key = `${userId.toLowerCase()} ${minimum}`;
    let work = underway.get(key);
    if (work === undefined) {
      work = step(operation, userId, minimum, refresh).finally(() => underway.delete(key));
      underway.set(key, work);
    }
    return work;
  }

  /** Returns a token other than the rejected one; undefined if it cannot be refreshed. */
  async function obtain(operation, userId, minimum, { rejected, waitMs = WAIT_MS, signal, refresh = usual } = {}) {
    if (typeof userId !== 'string') throw badArgument('userId must be text');
    asFunction(refresh);
    const deadline = Date.now() + waitMs;
    for (;;) {
      const found = await until(shared(operation, userId, minimum, refresh), signal);
      if ((found.state === 'ready' || found.state === 'wait') && found.token !== undefined && found.token !== rejected) return found;
      switch (found.state) {
        case 'again':
          break;
        case 'ready':
          return undefined;
        case 'none':
          throw failure('ERR_NO_TOKENS', 'the user has no tokens', { userId });
        case 'reconnect':
          throw failure('ERR_SIGN_IN_AGAIN', 'the refresh token is missing or was refused: the veteran must sign in again', { userId });
        default: {
          if (found.error !== undefined) throw found.error;
          const wait = Math.max(found.waitMs ?? SHORTEST_PAUSE_MS, SHORTEST_PAUSE_MS);
          if (Date.now() + wait > deadline) {
            throw failure('ERR_REFRESH_TIMEOUT', 'another caller refreshes the token, or the last try failed: ask again', {
              retryable: true,
              userId,
              retryAt: new Date(Date.now() + wait),
            });
          }
          await pause(wait, signal);
        }
      }
    }
  }

  async function accessToken(userId, { minValidMs = MIN_VALID_MS, ...options } = {}) {
    const { token, expiresAt } = await obtain('accessToken', userId, minValidMs / 1000, options);
    return { token, expiresAt };
  }

  async function withToken(userId, request, options = {}) {
    if (typeof request !== 'function') throw badArgument('the second argument must be a function that makes the request');
    const first = await obtain('withToken', userId, MIN_VALID_MS / 1000, options);
    const response = await request(first.token);
    if (response?.status !== 401) return response;
    // The expiry identifies the rejected token: if another caller has refreshed it, the stored token expires later.
    const second = await obtain('withToken', userId, first.expiresText, { ...options, rejected: first.token });
    return second === undefined ? response : request(second.token);
  }

  async function refreshExpiring({ withinMs = 300_000, max = 10, concurrency = 4, signal, refresh = usual } = {}) {
    asFunction(refresh);
    refuseAborted(signal);
    const args = { within: seconds(withinMs / 1000), max_rows: integer(max), lease: seconds(lease) };
    // An exchange that begins later could outlast its lease. Then another caller would present the same token.
    const latest = Date.now() + 1000 * lease - refreshTimeoutMs;
    const rows = await call('refreshExpiring', `vetassist_claim_refreshes${end.twin}`, args);
    const outcome = { stored: 0, rejected: [], failed: [], more: rows.length >= max };
    const left = rows.map(({ result }) => result);
    const one = async ({ user_id: userId, lease_id: leaseId, refresh_token: given }) => {
      const refreshToken = end.open(given, userId);
      try {
        if (refreshToken === undefined) {
          await unopenable('refreshExpiring', { leaseId });
          throw failure('ERR_OPEN_FAILED', 'no key of the ring opens the refresh token', { userId });
        }
        const got = await exchange('refreshExpiring', { userId, leaseId, refreshToken }, refresh);
        if (got !== undefined) outcome.stored += 1;
      } catch (error) {
        if (error.code === 'ERR_SIGN_IN_AGAIN') outcome.rejected.push(userId);
        else outcome.failed.push({ userId, error });
      }
    };
    const worker = async () => {
      // After the signal, and when it is too late, claimed tokens whose exchange has not begun are free again when their leases
      // expire.
      while (left.length > 0 && !signal?.aborted && Date.now() <= latest) await one(left.shift());
    };
    await Promise.all(Array.from({ length: Math.max(1, Math.min(concurrency, rows.length)) }, worker));
    outcome.more ||= left.length > 0;
    return outcome;
  }

  return { accessToken, withToken, refreshExpiring };
}
