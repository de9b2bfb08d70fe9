// Tests the client's rules, each with the mistake that it prevents.
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { generateKey, hashIp, hashIpKeyed, KeyRing } from 'vetassist';
import * as module from 'vetassist/client';
import { provider } from 'vetassist/testing';
import { counted } from './cases.mjs';

const { clientAddress, createClient } = module;

/** Tests the rules in a PGlite with the plain file. rows(text, params) reads and changes the tables as their owner. */
export async function rules({ options, rows }) {
  const { equal, check, rejects, total } = counted();
  const { db, ring, schema = 'public' } = options;
  const quoted = `"${schema.replaceAll('"', '""')}"`;
  const va = provider();
  const client = createClient({ ...options, refresh: va.refresh });
  const icn = () => `ICN ${randomUUID().slice(0, 30)}`;
  const signIn = (by = client, more = {}) => by.signIn({ vaIcn: icn(), tokens: va.issue(), session: { expiresInSeconds: 60 }, ...more });
  const expire = (userId) => rows(`UPDATE ${quoted}.vetassist_va_tokens SET expires_at = now() WHERE user_id = $1 RETURNING 1`, [userId]);

  // Each operation is one statement outside a transaction. It casts every parameter, names the schema and contains now().
  const said = [];
  const spy = { query: (text, params) => (said.push([text, params]), db.query(text, params)) };
  const spied = createClient({ ...options, db: spy, refresh: va.refresh });
  const one = await signIn(spied);
  equal(said.length, 2, 'a sign-in is two statements: find the id to seal for, and sign in');
  const { userId, jwtId } = one;
  const device = { agent: 'x' };
  for (const [operation, most, call] of [
    ['signIn', 2, () => signIn(spied, { profile: { email: 'a@example.com' }, ip: '192.0.2.1', session: { expiresInSeconds: 9, deviceInfo: device } })],
    ['session', 1, () => spied.session(jwtId)],
    ['sessions', 1, () => spied.sessions(userId)],
    ['newSession', 1, () => spied.newSession(userId, { expiresInSeconds: 60, deviceInfo: device, ip: '::1' })],
    ['extendSession', 1, () => spied.extendSession(jwtId, userId, { expiresInSeconds: 90 })],
    ['endSession', 1, () => spied.endSession({ jwtId: 'none' }, userId)],
    ['endSessions', 1, () => spied.endSessions(userId, { exceptJwtId: jwtId })],
    ['purgeSessions', 1, () => spied.purgeSessions({ max: 10 })],
    ['user', 1, () => spied.user(userId)],
    ['updateUser', 1, () => spied.updateUser(userId, { firstName: 'X' })],
    ['setActive', 1, () => spied.setActive(userId, true)],
    ['storeTokens', 1, () => spied.storeTokens(userId, va.issue())],
    ['tokenStatus', 1, () => spied.tokenStatus(userId)],
    ['accessToken', 1, () => spied.accessToken(userId)],
    ['accessToken that is due', 2, async () => { await expire(userId); await spied.accessToken(userId); }],
    ['refreshExpiring', 1, () => spied.refreshExpiring()],
    ['logEvent', 1, () => spied.logEvent('looked_at', { userId, data: device })],
    ['rotationStatus', 1, () => spied.rotationStatus()],
    ['rotateTokens', 1, () => spied.rotateTokens()],
    ['check', 1, () => spied.check()],
    ['disconnect', 1, () => spied.disconnect(userId)],
    ['eraseUser', 1, () => spied.eraseUser(userId)],
  ]) {
    said.length = 0;
    await call();
    equal(said.length, most, `${operation} takes ${said.length} statements`);
    for (const [text, params] of said) {
      check(text.startsWith('SELECT ') && text.includes('now()'), `a cache could store ${text}`);
      check(!/\$\d+(?!\d|::)/.test(text), `a parameter is not cast in ${text}`);
      check(/\bset_config\('search_path'|"[^ ]*"\."?vetassist_|vetassist_/.test(text) && !/(?<![."\w])vetassist_\w+\(/.test(text), `no schema is named in ${text}`);
      check(params.every((param) => param === null || ['string', 'number', 'boolean'].includes(typeof param)), 'drivers handle the type of a parameter differently');
      equal(Math.max(0, ...Array.from(text.matchAll(/\$(\d+)/g), ([, at]) => Number(at))), params.length);
    }
  }

  // A driver that transforms the names of columns, and another search_path.
  const camel = { query: async (text, params) => (await db.query(text, params)).map((row) => Object.fromEntries(Object.entries(row).map(([name, value]) => [name.toUpperCase(), value]))) };
  const two = await signIn(createClient({ ...options, db: camel }));
  await rows("SELECT set_config('search_path', 'pg_temp', false)", []);
  check((await client.session(two.jwtId)) !== null, 'another search_path');
  await client.check();
  equal(await rows("SELECT current_setting('search_path') AS path", []), [{ path: 'pg_temp' }], 'check leaves the search_path as it was');
  await rows(`SELECT set_config('search_path', $1, false)`, [quoted]);
  await client.check();
  total(2);

  // The client's errors do not hold the driver's details. They say whether the call may be repeated.
  const leaky = { message: 'value "ICN 1" of jane@example.com', detail: 'Key (va_icn)=(ICN 1)', where: 'PL/pgSQL', hint: 'jane@example.com', parameters: ['ICN 1'], query: 'SELECT' };
  for (const [code, expected, retryable] of [
    ['VA001', 'ERR_ACCOUNT_INACTIVE', false], ['23503', 'ERR_NO_SUCH_USER', false], ['23505', 'ERR_JWT_ID_USED', false],
    ['42501', 'ERR_FORBIDDEN', false], ['42883', 'ERR_NOT_INSTALLED', false], ['22023', 'ERR_REFUSED', false], ['22P02', 'ERR_REFUSED', false],
    ['F0000', 'ERR_SERVER_KEYS', false], ['39000', 'ERR_SERVER_KEYS', false], ['54000', 'ERR_TOO_LARGE', false],
    ['25006', 'ERR_DATABASE', true], ['53300', 'ERR_DATABASE', true], ['57014', 'ERR_DATABASE', true], ['55P03', 'ERR_DATABASE', true],
    ['XX000', 'ERR_DATABASE', false], ['22021', 'ERR_DATABASE', false], ['ECONNREFUSED', 'ERR_DATABASE', true], ['ECONNRESET', 'ERR_DATABASE', false], ['EPIPE', 'ERR_DATABASE', false],
  ]) {
    const isOurs = ['22023', '42501', '54000', '23503'].includes(code);
    const failing = { query: () => Promise.reject(Object.assign(new Error(isOurs ? 'a message of ours' : leaky.message), { ...leaky, message: undefined, code }, { message: isOurs ? 'a message of ours' : leaky.message })) };
    const error = await rejects(expected, () => createClient({ ...options, db: failing }).endSessions(userId), { retryable });
    const whole = JSON.stringify([error.message, { ...error }, error.cause ?? null]);
    check(!/jane|ICN 1|PL\/pgSQL|Key/.test(whole), `the error of ${code} holds details: ${whole}`);
    equal(error.sqlstate, /^E[A-Z]+$/.test(code) ? undefined : code);
    check(error.cause === undefined && error.name === 'VetassistError');
  }
  const broken = { query: () => Promise.reject(Object.assign(new Error('x'), { code: 'ECONNRESET' })) };
  await rejects('ERR_DATABASE', () => createClient({ ...options, db: broken }).user(userId), { retryable: true });

  // A serialization failure is retried, except in the caller's transaction, which cannot continue.
  let collisions = 3;
  const colliding = { query: (text, params) => (collisions-- > 0 ? Promise.reject(Object.assign(new Error('x'), { code: '40001' })) : db.query(text, params)) };
  const attempts = [];
  equal(await createClient({ ...options, db: colliding, onEvent: ({ attempt }) => attempts.push(attempt) }).user(randomUUID()), null);
  equal(attempts, [1, 2, 3, 4]);
  collisions = 3;
  await rejects('ERR_DATABASE', () => createClient({ ...options, db }).with(colliding).user(userId), { retryable: true, sqlstate: '40001' });
  equal(collisions, 2);

  // A ring that opens none of the stored tokens is refused before it seals.
  const stranger = createClient({ ...options, ring: new KeyRing([generateKey()]), refresh: va.refresh });
  const nobody = icn();
  await rejects('ERR_UNKNOWN_KEYS', () => signIn(stranger, { vaIcn: nobody }));
  await rejects('ERR_UNKNOWN_KEYS', () => stranger.storeTokens(two.userId, va.issue()));
  equal(await rows(`SELECT 1 FROM ${quoted}.vetassist_users WHERE va_icn = $1`, [nobody]), [], 'nothing was stored');
  const key = generateKey();
  const [old] = [ring];
  const bytesOfOld = [];
  old[Symbol.for('vetassist.eachKey')]((bytes) => bytesOfOld.push(bytes.slice()));
  const turned = createClient({ ...options, ring: new KeyRing([key, ...bytesOfOld]), refresh: va.refresh });
  const third = await signIn(turned);
  const known = (await rows(`SELECT ${quoted}.vetassist_known_keys() AS key`, [])).map((row) => row.key);
  equal(known.sort(), [...new KeyRing([key, ...bytesOfOld]).fingerprints()].sort(), 'a key is recorded when it first seals');
  // Another backend stored tokens without recording its key. A ring that opens one of them is accepted.
  await rows(`DELETE FROM ${quoted}.vetassist_key_fingerprints RETURNING 1`, []);
  await rejects('ERR_UNKNOWN_KEYS', () => signIn(stranger));
  await signIn(createClient(options));
  total(1);

  // Another sign-in created the account at the same time with another id. The client tries again, and the tokens open.
  const raced = icn();
  let isRaced = false;
  const racing = {
    query: async (text, params) => {
      const found = await db.query(text, params);
      if (text.includes('vetassist_find_user') && !isRaced) {
        isRaced = true;
        await rows(`INSERT INTO ${quoted}.vetassist_users (va_icn) VALUES ($1) RETURNING id`, [raced]);
      }
      return found;
    },
  };
  const tokens = va.issue();
  const winner = await signIn(createClient({ ...options, db: racing }), { vaIcn: raced, tokens });
  equal((await client.accessToken(winner.userId)).token, tokens.access_token);
  equal(await rows(`SELECT id FROM ${quoted}.vetassist_users WHERE va_icn = $1`, [raced]), [{ id: winner.userId }]);

  // A token that the client did not seal is refused, and so is an address that it did not hash.
  const jwt = 'eyJhbGciOiJSUzI1NiIsInR5cCI6IkpXVCJ9.e30.c2lnbmF0dXJl';
  const careless = { fingerprints: () => ring.fingerprints(), encryptToken: () => new TextEncoder().encode(jwt), decryptToken: () => '' };
  const refused = await rejects('ERR_REFUSED', () => createClient({ ...options, ipHash: 'sha256', ring: careless }).storeTokens(two.userId, va.issue()));
  check(!refused.message.includes('eyJ'), 'the error holds no byte of the token');

  // In the caller's transaction no operation exchanges tokens, and a rollback undoes everything.
  const within = client.with(db);
  for (const name of ['accessToken', 'withToken', 'refreshExpiring', 'rotateTokens', 'check', 'with']) check(!(name in within), `${name} in a transaction`);
  const gone = icn();
  await options.db.database.transaction(async (tx) => {
    const bound = client.with(module.fromPglite(tx));
    const made = await bound.signIn({ vaIcn: gone, tokens: va.issue(), session: { expiresInSeconds: 60 } });
    check((await bound.session(made.jwtId)) !== null, 'the session exists in the transaction');
    await tx.rollback();
  });
  equal(await rows(`SELECT 1 FROM ${quoted}.vetassist_users WHERE va_icn = $1`, [gone]), []);

  // check() finds drift, other privileges and missing functions.
  await client.check();
  await rows(`DROP INDEX ${quoted}.idx_vetassist_audit_type`, []);
  const drifted = await rejects('ERR_DRIFTED', () => client.check());
  equal(drifted.differences, [{ object: 'idx_vetassist_audit_type', problem: 'missing', expected: drifted.differences[0].expected, found: null }]);
  await rows(`CREATE INDEX idx_vetassist_audit_type ON ${quoted}.vetassist_auth_audit (event_type)`, []);
  const role = `anon_${randomUUID().slice(0, 8)}`;
  await rows(`CREATE ROLE ${role}`, []);
  await rows(`GRANT SELECT ON ${quoted}.vetassist_va_tokens TO ${role}`, []);
  const exposed = await rejects('ERR_DRIFTED', () => client.check());
  equal(exposed.differences.map(({ problem, found }) => [problem, found]), [[`rights of ${role}`, 'SELECT']]);
  await client.check({ allowRoles: [role] });
  await rows(`REVOKE ALL ON ${quoted}.vetassist_va_tokens FROM ${role}`, []);
  await rows(`GRANT USAGE ON SCHEMA ${quoted} TO ${role}`, []);
  await rows(`SET ROLE ${role}`, []);
  const powerless = await rejects('ERR_DRIFTED', () => client.check());
  check(powerless.differences.some(({ object, problem }) => object === 'function vetassist_login_sealed' && problem === 'no right to execute'), 'a missing privilege is found');
  await rejects('ERR_FORBIDDEN', () => client.session('x'), { sqlstate: '42501' });
  await rows('RESET ROLE', []);
  await rows(`REVOKE ALL ON SCHEMA ${quoted} FROM ${role}`, []);
  await rows(`ALTER FUNCTION ${quoted}.vetassist_session RENAME TO session_elsewhere`, []);
  await rejects('ERR_DRIFTED', () => client.check());
  await rejects('ERR_NOT_INSTALLED', () => client.session('x'));
  await rows(`ALTER FUNCTION ${quoted}.session_elsewhere RENAME TO vetassist_session`, []);
  await rejects('ERR_DRIFTED', () => createClient({ ...options, schema: 'nowhere' }).check());
  await client.check();
  total(3);

  // A rotation in bounded steps visits a changed row again. A token that no key opens does not stop it.
  await rows(`DELETE FROM ${quoted}.vetassist_va_tokens RETURNING 1`, []);
  const owners = [];
  for (let each = 0; each < 25; each++) owners.push((await signIn()).userId);
  owners.sort();
  const lostUser = owners[7];
  const foreign = new KeyRing([generateKey()]);
  const asHex = (bytes) => `\\x${Buffer.from(bytes).toString('hex')}`;
  await rows(`UPDATE ${quoted}.vetassist_va_tokens SET access_token_encrypted = $2::text::bytea, refresh_token_encrypted = NULL WHERE user_id = $1 RETURNING 1`, [lostUser, asHex(foreign.encryptToken('lost', lostUser))]);
  const newRing = new KeyRing([key, ...bytesOfOld]);
  let isChanged = false;
  const changing = {
    query: async (text, params) => {
      const found = await db.query(text, params);
      if (text.includes('vetassist_sealed_page') && !isChanged && params.length > 0) {
        isChanged = true;
        // A service with the old ring refreshes the tokens between reading and resealing.
        await client.storeTokens(owners[3], va.issue());
      }
      return found;
    },
  };
  const turning = createClient({ ...options, db: changing, ring: newRing });
  const progress = [];
  let step = { after: undefined };
  let resealed = 0;
  for (let steps = 0; step.after !== null && steps < 20; steps++) {
    step = await turning.rotateTokens({ after: step.after, maxRows: 10, onProgress: (each) => progress.push(each) });
    check(step.seen <= 11, 'a step is bounded');
    resealed += step.resealed;
  }
  equal([step.after, step.held, resealed], [null, 0, 24]);
  check(progress.length > 2 && isChanged);
  const status = await turning.rotationStatus();
  equal(status.map(({ isCurrent, sealedValues }) => [isCurrent, sealedValues]), [[true, 48], [false, 0], [null, 1]]);
  equal(status.at(-1).userIds, [lostUser]);
  equal(await turning.rotateTokens(), { after: null, seen: 25, resealed: 0, unopened: [lostUser], held: 0 });
  await rejects('ERR_INVALID_ARG_TYPE', () => turning.rotateTokens({ after: "'; --" }));
  const { after } = await turning.rotateTokens({ maxMs: 0 });
  check(after !== null, 'without time the rotation does not finish');
  const opened = newRing.decryptToken((await rows(`SELECT access_token_encrypted AS sealed FROM ${quoted}.vetassist_va_tokens WHERE user_id = $1`, [owners[0]]))[0].sealed, owners[0], { withPosition: true });
  check(opened.position === 0 && opened.token.startsWith('access-'), 'the first key opened the token');

  // An access token that no key opens counts as expired. A refresh token that no key opens is a failed refresh.
  await rejects('ERR_SIGN_IN_AGAIN', () => client.accessToken(lostUser));
  await rows(`UPDATE ${quoted}.vetassist_va_tokens SET refresh_token_encrypted = access_token_encrypted WHERE user_id = $1 RETURNING 1`, [lostUser]);
  await rejects('ERR_REFRESH_TIMEOUT', () => client.accessToken(lostUser, { waitMs: 100 }), { retryable: true });
  equal((await client.tokenStatus(lostUser)).lastError, 'unopenable');

  // A freed ring causes ERR_FREED, not ERR_SIGN_IN_AGAIN.
  const freed = new KeyRing([generateKey()]);
  freed.free();
  await assert.rejects(async () => createClient({ ...options, ring: freed }).accessToken(owners[0]), { code: 'ERR_FREED' });

  // Addresses of requests.
  const headers = new Headers({ 'CF-Connecting-IP': '203.0.113.7', 'X-Forwarded-For': '198.51.100.1, 203.0.113.9, 192.0.2.1', 'X-Real-IP': 'unknown' });
  equal(clientAddress(headers, 'cf-connecting-ip'), '203.0.113.7');
  equal(clientAddress(headers, 'x-real-ip'), undefined);
  equal(clientAddress(headers, { forwardedFor: { trustedHops: 2 } }), '203.0.113.9');
  equal(clientAddress({ forwarded: 'for="[2001:db8::1]:4711"' }, { forwarded: { trustedHops: 1 } }), '2001:db8::1');
  equal(clientAddress(new Headers(), { forwardedFor: { trustedHops: 1 } }), undefined);
  assert.throws(() => clientAddress(headers, 'x-forwarded-for'), { code: 'ERR_INVALID_ARG_TYPE' });
  const [{ ip_hash: hash }] = await rows(`SELECT ip_hash FROM ${quoted}.vetassist_auth_audit WHERE id = $1`, [await client.logEvent('looked_at', { ip: '203.0.113.7' })]);
  equal(hash, options.ipHash === 'sha256' ? hashIp('203.0.113.7') : hashIpKeyed('203.0.113.7', ring));

  // Creating a client sends no statement.
  said.length = 0;
  createClient({ ...options, db: spy });
  equal(said.length, 0);
  for (const wrong of [null, {}, { db: {} }, { ...options, ring: 'key' }, { ...options, schema: '' }, { ...options, refresh: 1 }, { ...options, ipHash: 'md5' }, { ...options, refreshTimeoutMs: 0 }]) {
    total(1);
    assert.throws(() => createClient(wrong), { code: 'ERR_INVALID_ARG_TYPE' });
  }
  const { proxy, revoke } = Proxy.revocable({}, {});
  revoke();
  const throwing = new Proxy({}, { get: () => { throw new RangeError('no'); } });
  for (const wrong of [proxy, throwing, { ...options, db: proxy }, { ...options, db: throwing }, { ...options, ring: proxy }]) {
    assert.throws(() => createClient(wrong), { code: 'ERR_INVALID_ARG_TYPE' });
  }
  for (const wrong of [null, proxy]) {
    assert.throws(() => client.with(wrong), { code: 'ERR_INVALID_ARG_TYPE' });
    for (const name of Object.keys(client).filter((each) => each !== 'with')) {
      await rejects('ERR_INVALID_ARG_TYPE', () => client[name](wrong));
      await rejects('ERR_INVALID_ARG_TYPE', () => client[name](third.userId, wrong));
    }
  }
  await rejects('ERR_INVALID_ARG_TYPE', () => createClient(options).accessToken(third.userId));
  await rejects('ERR_INVALID_ARG_TYPE', () => signIn(client, { tokens: { access_token: '' } }));
  await rejects('ERR_INVALID_ARG_TYPE', () => signIn(client, { tokens: { ...va.issue(), expires_in: 'soon' } }));
  await rejects('ERR_INVALID_ARG_TYPE', () => signIn(client, { session: { expiresInSeconds: Number.NaN } }));
  await rejects('ERR_ABORTED', () => client.user(userId, { signal: AbortSignal.abort() }), { retryable: true });
  return total();
}
