// Tests the client as a service uses it: sign-ins, refreshes, sessions, erasures and events. Runs with the ring in the client or
// in the server, and with any database.
import { randomUUID } from 'node:crypto';
import { createClient } from 'vetassist/client';
import { provider } from 'vetassist/testing';
import { counted } from './cases.mjs';

const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

/**
 * Runs the service. rows(text, params) reads the tables as their owner. options are createClient's.
 */
export async function service({ options, rows, keyed, canSetActive = true }) {
  const { equal, check, rejects, total } = counted();

  const va = provider({ lifetimeSeconds: 3600 });
  const told = [];
  const client = createClient({ refresh: va.refresh, onEvent: (event) => told.push(event), ...options });
  const { schema = 'public' } = options;
  const table = (name) => `"${schema.replaceAll('"', '""')}".vetassist_${name}`;
  const expire = (userId, seconds = 0) =>
    rows(`UPDATE ${table('va_tokens')} SET expires_at = now() + $2::float8 * interval '1 second' WHERE user_id = $1 RETURNING user_id`, [userId, seconds]);
  const icn = () => `ICN ${randomUUID().slice(0, 30)}`;
  const signIn = (more = {}) => client.signIn({ vaIcn: icn(), tokens: va.issue(), session: { expiresInSeconds: 3600 }, ip: '203.0.113.7', ...more });
  const eventsOf = async (userId) => (await rows(`SELECT event_type FROM ${table('auth_audit')} WHERE user_id = $1 ORDER BY id`, [userId])).map((row) => row.event_type);

  // Sessions of an earlier run.
  await client.purgeSessions({ olderThanDays: 0 });

  // Signing in.
  const vaIcn = icn();
  const first = va.issue();
  const before = Date.now();
  const one = await signIn({
    vaIcn,
    tokens: first,
    profile: { email: 'one@example.com', firstName: 'One' },
    session: { expiresInSeconds: 3600, deviceInfo: { agent: 'test "quoted" \u00e9', ip: '198.51.100.9', version: '120.0.0.0', list: [1, null] } },
  });
  check(one.expiresAt - before > 3_590_000 && one.expiresAt - before < 3_700_000, 'a lifetime in seconds, by the clock of the database');
  const two = await signIn({ vaIcn, profile: { email: null } });
  equal(two.userId, one.userId, 'the same account');
  check(two.sessionId !== one.sessionId && two.jwtId !== one.jwtId, 'another session');
  const account = await client.user(one.userId);
  equal([account.email, account.firstName, account.vaIcn, account.isActive], ['one@example.com', 'One', vaIcn, true]);
  check(account.lastLoginAt instanceof Date, 'a date');
  equal(await client.user(randomUUID()), null);
  await rejects('ERR_JWT_ID_USED', () => signIn({ session: { expiresInSeconds: 60, jwtId: one.jwtId } }), { retryable: false, sqlstate: '23505' });
  await rejects('ERR_TEXT_TOO_LONG', () => signIn({ vaIcn: 'x'.repeat(51) }));
  await rejects('ERR_REFUSED', () => signIn({ vaIcn: ' ' }));
  const odd = await rejects('ERR_REFUSED', () => client.user('no-such-id'));
  check(!odd.message.includes('no-such-id'), 'no parameter in a message');

  // Without a lifetime no token and no account is stored.
  const { expires_in: _, ...endless } = va.issue();
  const nobody = icn();
  await rejects('ERR_NO_LIFETIME', () => signIn({ vaIcn: nobody, tokens: endless }));
  equal(await rows(`SELECT 1 FROM ${table('users')} WHERE va_icn = $1`, [nobody]), []);
  const lasting = createClient({ ...options, defaultLifetimeSeconds: 90 });
  const ninety = await lasting.signIn({ vaIcn: icn(), tokens: endless, session: { expiresInSeconds: 60 } });
  const { expiresAt } = await lasting.tokenStatus(ninety.userId);
  check(expiresAt - Date.now() > 60_000 && expiresAt - Date.now() < 91_000, 'the default lifetime');

  // A malformed address does not make a sign-in fail.
  told.length = 0;
  const bad = await signIn({ ip: 'unknown, 203.0.113.7' });
  equal(told.filter(({ type }) => type === 'bad_address'), [{ type: 'bad_address', operation: 'signIn' }]);
  equal(await rows(`SELECT ip_hash FROM ${table('auth_audit')} WHERE user_id = $1`, [bad.userId]), [{ ip_hash: null }]);
  const strict = createClient({ ...options, onBadAddress: 'throw' });
  await rejects('ERR_INVALID_ADDRESS', () => strict.signIn({ vaIcn: icn(), tokens: va.issue(), session: { expiresInSeconds: 60 }, ip: 'unknown' }));

  // Addresses are stored as hashes, and tokens are sealed.
  const stored = await rows(`SELECT device_info::text AS device, t.access_token_encrypted::text AS sealed
    FROM ${table('sessions')} AS s JOIN ${table('va_tokens')} AS t USING (user_id) WHERE s.id = $1`, [one.sessionId]);
  const device = JSON.parse(stored[0].device);
  check(!stored[0].device.includes('198.51.100.9') && /^[\da-f]{64}$/.test(device.ip_hash), 'the address of the device is hashed');
  equal([device.agent, device.version, device.list], ['test "quoted" \u00e9', '120.0.0.0', [1, null]]);
  check(!stored[0].sealed.includes(Buffer.from(first.access_token).toString('hex')), 'the token is sealed');
  const [{ ip_hash: hash }] = await rows(`SELECT ip_hash FROM ${table('auth_audit')} WHERE user_id = $1 AND event_type = 'login' LIMIT 1`, [one.userId]);
  const registered = await rows(`SELECT ip_hash FROM ${table('keyed_ip_hashes')} WHERE ip_hash = ANY (ARRAY[$1, $2])`, [hash, device.ip_hash]);
  equal(registered.length, keyed ? 2 : 0, 'keyed hashes are recorded as keyed');

  // Sessions.
  const active = await client.session(one.jwtId);
  equal([active.sessionId, active.userId, active.account.email], [one.sessionId, one.userId, 'one@example.com']);
  equal(await client.session('another'), null);
  const another = await client.newSession(one.userId, { expiresInSeconds: 60, ip: '2001:db8::1', deviceInfo: { agent: 'phone' } });
  equal(await client.extendSession(another.jwtId, one.userId, { expiresInSeconds: 7200 }), true);
  check((await client.session(another.jwtId)).expiresAt - Date.now() > 7_100_000, 'the session is extended');
  equal((await client.sessions(one.userId)).map(({ sessionId }) => sessionId).sort(), [one, two, another].map(({ sessionId }) => sessionId).sort());
  equal(await client.endSession({ jwtId: two.jwtId }, one.userId), true);
  equal(await client.endSession({ jwtId: two.jwtId }, one.userId), false, 'the session has ended');
  equal(await client.endSession({ sessionId: one.sessionId }, bad.userId), false, 'a session of another user is not ended');
  equal(await client.extendSession(two.jwtId, one.userId, { expiresInSeconds: 7200 }), false, 'an ended session is not extended');
  equal(await client.session(two.jwtId), null);
  equal(await client.endSessions(one.userId, { exceptJwtId: one.jwtId }), 1);
  equal((await client.sessions(one.userId)).filter(({ isActive }) => isActive).map(({ jwtId }) => jwtId), [one.jwtId]);
  check((await client.sessions(one.userId)).every(({ createdAt, revokedAt }) => createdAt instanceof Date && (revokedAt === null || revokedAt instanceof Date)));
  await rejects('ERR_NO_SUCH_USER', () => client.newSession(randomUUID(), { expiresInSeconds: 60 }));
  equal(await client.purgeSessions({ olderThanDays: 0 }), 2);

  // Accounts.
  equal(await client.updateUser(one.userId, { lastName: 'Two', email: 'two@example.com' }), true);
  equal(await client.updateUser(one.userId, { lastName: 'Two' }), false);
  equal((await client.user(one.userId)).email, 'two@example.com');

  // Access tokens are returned as stored, refreshed when due, and never exchanged twice.
  const good = await signIn();
  const asStored = await client.accessToken(good.userId);
  equal(await client.accessToken(good.userId), asStored);
  equal(va.exchanges, 0);
  await expire(good.userId, 30);
  const renewed = await client.accessToken(good.userId);
  check(renewed.token !== asStored.token && renewed.expiresAt - Date.now() > 3_500_000, 'renewed before it ended');
  equal([va.exchanges, (await client.accessToken(good.userId)).token], [1, renewed.token]);
  await expire(good.userId, 30);
  equal((await client.accessToken(good.userId, { minValidMs: 10_000 })).token, renewed.token, 'the token is valid for minValidMs');
  await expire(good.userId);
  told.length = 0;
  const many = await Promise.all(Array.from({ length: 50 }, () => client.accessToken(good.userId)));
  equal([new Set(many.map(({ token }) => token)).size, va.exchanges, va.reuse], [1, 2, 0], 'concurrent calls make one exchange');
  equal(told.filter(({ name }) => name === 'accessToken').length, 2, 'concurrent calls of one client share its two statements');
  await rejects('ERR_NO_TOKENS', () => client.accessToken(randomUUID()));

  // A 401 refreshes the rejected token once.
  const used = [];
  const request = (status) => async (token) => {
    used.push(token);
    return { status: status(token) };
  };
  const [{ token: revoked }] = many;
  equal(await client.withToken(good.userId, request((token) => (token === revoked ? 401 : 200))), { status: 200 });
  equal([used.length, va.exchanges], [2, 3]);
  // If new tokens were stored in the meantime, they are used, and no exchange is made.
  used.length = 0;
  const theirs = va.issue();
  equal(
    await client.withToken(good.userId, async (token) => {
      used.push(token);
      if (token !== theirs.access_token) await client.storeTokens(good.userId, { ...theirs, expires_in: 4000 });
      return { status: token === theirs.access_token ? 200 : 401 };
    }),
    { status: 200 },
  );
  equal([used.length, used[1], va.exchanges], [2, theirs.access_token, 3], 'the stored token is used');
  used.length = 0;
  equal(await client.withToken(good.userId, request(() => 401)), { status: 401 });
  equal([used.length, va.exchanges], [2, 4], 'a second 401 is returned');

  // A failed refresh backs off. The old token is returned until it expires.
  await expire(good.userId, 30);
  va.fail();
  const { token: current } = await client.accessToken(good.userId, { minValidMs: 0 });
  equal((await client.accessToken(good.userId)).token, current, 'the old token until it expires');
  equal((await client.accessToken(good.userId)).token, current, 'no exchange during the back-off');
  const failed = await client.tokenStatus(good.userId);
  equal([failed.state, failed.attempts, failed.lastError, failed.hasRefreshToken], ['wait', 1, 'server_error', true]);
  const exchangesBefore = va.exchanges;
  await expire(good.userId);
  const soon = await rejects('ERR_REFRESH_TIMEOUT', () => client.accessToken(good.userId, { waitMs: 50 }), { retryable: true, userId: good.userId });
  check(soon.retryAt instanceof Date, 'the error has retryAt');
  equal(va.exchanges, exchangesBefore, 'nothing was exchanged');
  await rows(`DELETE FROM ${table('refresh_states')} WHERE user_id = $1 RETURNING user_id`, [good.userId]);
  equal((await client.accessToken(good.userId)).token !== current, true, 'refreshing works again');

  const failing = await signIn();
  await expire(failing.userId);
  va.fail();
  const cause = await rejects('ERR_REFRESH_FAILED', () => client.accessToken(failing.userId), { retryable: true });
  equal(cause.cause.error, 'server_error');

  // invalid_grant is final, until new tokens are stored.
  const dead = await signIn();
  await expire(dead.userId);
  va.refuse();
  await rejects('ERR_SIGN_IN_AGAIN', () => client.accessToken(dead.userId), { retryable: false });
  const asked = va.exchanges;
  await rejects('ERR_SIGN_IN_AGAIN', () => client.accessToken(dead.userId));
  equal([va.exchanges, (await client.tokenStatus(dead.userId)).state], [asked, 'reconnect']);
  await client.storeTokens(dead.userId, va.issue());
  check((await client.accessToken(dead.userId)).token, 'new tokens');

  // An abort signal ends the wait, but not the exchange.
  const patient = await signIn();
  await expire(patient.userId);
  va.slow(300);
  const work = [];
  const carrying = createClient({ ...options, refresh: va.refresh, waitUntil: (carried) => work.push(carried) });
  const stop = new AbortController();
  setTimeout(() => stop.abort(), 50);
  await rejects('ERR_ABORTED', () => carrying.accessToken(patient.userId, { signal: stop.signal }), { retryable: true });
  equal(work.length, 1, 'waitUntil receives the exchange');
  await Promise.all(work);
  const asBefore = va.exchanges;
  check((await client.accessToken(patient.userId)).token.startsWith('access-'), 'the new token was stored');
  equal(va.exchanges, asBefore);

  // A late response is stored, and the exchange is not repeated.
  const late = await signIn();
  await expire(late.userId);
  va.slow(400);
  work.length = 0;
  const hasty = createClient({
    ...options,
    refreshTimeoutMs: 100,
    // This function ignores the signal.
    refresh: (token, { userId }) => va.refresh(token, { userId }),
    waitUntil: (carried) => work.push(carried),
  });
  await rejects('ERR_REFRESH_TIMEOUT', () => hasty.accessToken(late.userId), { retryable: true });
  await Promise.all(work);
  await Promise.all(work);
  equal((await client.tokenStatus(late.userId)).state, 'ready', 'the late response was stored');
  equal(va.reuse, 0);

  // If the result of vetassist_finish_refresh is lost, the client calls it again and does not repeat the exchange. After a restart of
  // the server each connection of a pool is broken.
  const lost = await signIn();
  await expire(lost.userId);
  let drops = 12;
  const losing = {
    query: async (text, params, given) => {
      const found = await options.db.query(text, params, given);
      if (text.includes('vetassist_finish_refresh') && drops-- > 0) throw Object.assign(new Error('the connection broke'), { code: 'ECONNRESET' });
      return found;
    },
  };
  const exchanged = va.exchanges;
  const kept = await createClient({ ...options, db: losing, refresh: va.refresh }).accessToken(lost.userId);
  equal([va.exchanges - exchanged, (await client.accessToken(lost.userId)).token], [1, kept.token]);

  // Malformed members of a response do not lose its tokens.
  for (const odd of [{ expires_in: 'soon' }, { expires_in: -1 }, { expires_in: 1e300 }, { scope: 'x'.repeat(501) }, { scope: ['a'] }, { token_type: 'a\0' }, { token_type: 7 }]) {
    const { userId } = await signIn();
    await expire(userId);
    const answering = createClient({ ...options, refresh: async (token, about) => ({ ...(await va.refresh(token, about)), ...odd }) });
    if ('expires_in' in odd) await rejects('ERR_NO_LIFETIME', () => answering.accessToken(userId));
    check((await client.accessToken(userId)).token, `stored with ${JSON.stringify(odd).slice(0, 30)}`);
    equal((await client.tokenStatus(userId)).attempts, 0);
  }
  equal(va.reuse, 0);

  // New tokens that are stored during an exchange stay.
  const overtaken = await signIn();
  await expire(overtaken.userId);
  const newer = va.issue();
  const told2 = [];
  const slow = createClient({
    ...options,
    onEvent: (event) => event.type === 'refresh' && told2.push(event.outcome),
    refresh: async (token, about) => {
      await client.storeTokens(overtaken.userId, newer);
      return va.refresh(token, about);
    },
  });
  equal((await slow.accessToken(overtaken.userId)).token, newer.access_token);
  equal(told2, ['discarded']);

  // refreshExpiring: of four claims one is refused and one fails.
  await rows(`UPDATE ${table('va_tokens')} SET expires_at = now() + interval '1 day' RETURNING user_id`, []);
  const due = [];
  for (let each = 0; each < 6; each++) due.push((await signIn()).userId);
  for (const userId of due) await expire(userId, 60);
  va.refuse();
  va.fail();
  const ahead = await client.refreshExpiring({ max: 4, concurrency: 1 });
  equal([ahead.stored, ahead.rejected.length, ahead.failed.length, ahead.more], [2, 1, 1, true]);
  equal([ahead.failed[0].error.code, ahead.failed[0].error.retryable], ['ERR_REFRESH_FAILED', true]);
  equal(await client.refreshExpiring({ max: 4 }), { stored: 2, rejected: [], failed: [], more: false });
  equal(va.reuse, 0);
  // No exchange begins so late that it could outlast its lease, which is three times the timeout.
  for (const userId of due.slice(0, 5)) await client.storeTokens(userId, va.issue()), await expire(userId, 60);
  const unhurried = createClient({ ...options, refreshTimeoutMs: 500, refresh: (token, about) => pause(350).then(() => va.refresh(token, about)) });
  const part = await unhurried.refreshExpiring({ concurrency: 1 });
  check(part.stored > 0 && part.stored < 5 && part.more, `${part.stored} exchanges during a lease`);
  await pause(1000);
  equal((await unhurried.refreshExpiring({ concurrency: 5 })).stored, 5 - part.stored);
  equal(va.reuse, 0);

  // The service's own events are written, and secrets in them are refused.
  check(/^\d+$/.test(await client.logEvent('login_failed', { ip: '203.0.113.9', data: { reason: 'expired', from: '198.51.100.77' } })), 'the id of an event');
  const secret = await rejects('ERR_SECRET_IN_METADATA', () => client.logEvent('login_failed', { data: { users: [{ password: 'hunter2' }] } }));
  equal(secret.path, 'event_data.users[0].password');
  await rejects('ERR_INVALID_EVENT_TYPE', () => client.logEvent('login'));
  await rejects('ERR_NO_SUCH_USER', () => client.logEvent('login_failed', { userId: randomUUID() }));
  const [{ data }] = await rows(`SELECT event_data::text AS data FROM ${table('auth_audit')} WHERE event_type = 'login_failed' ORDER BY id DESC LIMIT 1`, []);
  check(!data.includes('198.51.100.77') && data.includes('_hash'), 'addresses in metadata are hashed');

  // An inactive account is refused, and the refusal is an event.
  if (canSetActive) {
    equal(await client.setActive(one.userId, false, { reason: 'asked for it' }), true);
    equal(await client.setActive(one.userId, false), false);
    equal(await client.session(one.jwtId), null);
    await rejects('ERR_ACCOUNT_INACTIVE', () => signIn({ vaIcn }), { userId: one.userId, sqlstate: 'VA001', retryable: false });
    equal((await eventsOf(one.userId)).at(-1), 'login_refused');
    await rejects('ERR_ACCOUNT_INACTIVE', () => client.storeTokens(one.userId, va.issue()));
    await rejects('ERR_ACCOUNT_INACTIVE', () => client.accessToken(one.userId));
    equal(await client.setActive(one.userId, true), true);
  }

  // Disconnecting and erasing.
  const leaving = await signIn({ tokens: first });
  equal(await client.disconnect(leaving.userId), { accessToken: first.access_token, refreshToken: first.refresh_token });
  equal(await client.disconnect(leaving.userId), null);
  const last = va.issue();
  await client.storeTokens(leaving.userId, last);
  equal(await client.eraseUser(leaving.userId), { erased: true, tokens: { accessToken: last.access_token, refreshToken: last.refresh_token } });
  equal(await client.eraseUser(leaving.userId), { erased: false, tokens: null });
  equal(await client.user(leaving.userId).then(({ vaIcn: left, isActive }) => [left, isActive]), [null, false]);
  equal((await eventsOf(leaving.userId)).slice(-2), ['tokens_disconnected', 'user_erased']);

  // Events of onEvent hold no personal data and no token.
  const spoken = JSON.stringify(told);
  for (const value of [vaIcn, '203.0.113', 'two@example.com', 'access-', 'refresh-']) check(!spoken.includes(value), `an event holds ${value}`);
  check(told.some(({ type, name, sqlstate }) => type === 'statement' && name === 'signIn' && sqlstate === undefined), 'statements are events');
  const deaf = createClient({ ...options, onEvent() { throw new Error('a listener that throws'); } });
  check(await deaf.user(one.userId), 'an error in a listener is ignored');
  await pause(0);
  return total();
}
