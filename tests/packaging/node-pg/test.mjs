// Tests the example service in Node, as a role with only the tier `app`.
//
// VETASSIST_TEST_SOCKET and VETASSIST_TEST_RING as in ../sql/test.mjs.
import assert from 'node:assert/strict';
import pg from 'pg';
import { hashIp, KeyRing, parseVaToken } from 'vetassist';
import { provider } from 'vetassist/testing';
import { database } from '../database.mjs';
import { example } from '../example.mjs';

const { AccountInactive, Service } = await import(example('node-pg/service.mjs', import.meta.url));

const { VETASSIST_TEST_SOCKET: host, VETASSIST_TEST_RING: keys } = process.env;
assert(host && keys, 'VETASSIST_TEST_SOCKET and VETASSIST_TEST_RING must be set');

const superuser = await database('node_pg');
const admin = new pg.Client(superuser);
await admin.connect();
await admin.query('CREATE EXTENSION vetassist');
await admin.query('CREATE ROLE backend LOGIN');
await admin.query("SELECT vetassist_grant('backend', 'app')");
const pool = new pg.Pool({ ...superuser, user: 'backend' });
let cases = 0;
const equal = (found, expected, what) => {
  cases += 1;
  assert.deepEqual(found, expected, what);
};

// The service refuses to start if the tables have drifted, and names the differences.
await admin.query('DROP INDEX idx_vetassist_audit_type');
await assert.rejects(() => Service.start(pool), /drifted: idx_vetassist_audit_type: missing$/);
await assert.rejects(() => Service.start(pool, 'elsewhere'), /vetassist_users: missing/);
await admin.query('CREATE INDEX idx_vetassist_audit_type ON vetassist_auth_audit (event_type)');
cases += 2;
const service = await Service.start(pool);

const tokens = { access_token: 'the access token', refresh_token: 'the refresh token', scope: 'openid', expires_in: 3600 };
const signedIn = await service.signIn('node 1', tokens, '203.0.113.7', { agent: 'test' });
equal(await service.isSignedIn(signedIn.jwtId), true);
equal(await service.isSignedIn('another'), false);
equal(await service.accessToken(signedIn.userId), 'the access token');
const again = await service.signIn('node 1', { ...tokens, access_token: 'a newer token' }, '2001:db8::1');
equal(again.userId, signedIn.userId);
equal(await service.accessToken(signedIn.userId), 'a newer token');
const sessions = await service.sessions(signedIn.userId);
equal(sessions.map((session) => session.jwt_id), [again.jwtId, signedIn.jwtId]);
equal(await service.signOut(signedIn.jwtId, signedIn.userId), true);
equal(await service.signOut(signedIn.jwtId, signedIn.userId), false);
equal(await service.isSignedIn(signedIn.jwtId), false);
equal(await service.isSignedIn(again.jwtId), true);

// Concurrent requests and workers make one exchange. Each outcome of an exchange is handled.
const va = provider({ answerMs: 20 });
const { userId: busy } = await service.signIn('node 2', va.issue(), '203.0.113.7');
const expire = () => admin.query("UPDATE vetassist_va_tokens SET expires_at = now() - interval '1 s' WHERE user_id = $1", [busy]);
await expire();
const got = await Promise.all(Array.from({ length: 10 }, () => service.accessToken(busy, va.refresh)));
equal([new Set(got).size, va.exchanges, va.reuse], [1, 1, 0]);
equal(va.introspect(got[0]).active, true);
await expire();
equal((await Promise.all([service.refreshDue(va.refresh), service.refreshDue(va.refresh)])).sort(), [0, 1]);
equal([va.exchanges, va.reuse], [2, 0]);
va.fail();
await admin.query("UPDATE vetassist_va_tokens SET expires_at = now() + interval '30 s' WHERE user_id = $1", [busy]);
equal(va.introspect(await service.accessToken(busy, va.refresh)).active, true, 'the old token until it expires');
await admin.query('UPDATE vetassist_refresh_states SET retry_at = now()');
va.refuse();
await expire();
equal(await service.accessToken(busy, va.refresh), null, 'the veteran must sign in again');
equal([await service.refreshDue(va.refresh), va.exchanges, va.reuse], [0, 2, 0]);

// The tables hold sealed tokens, hashes and events.
const { rows } = await admin.query('SELECT * FROM vetassist_va_tokens WHERE user_id = $1', [signedIn.userId]);
const sealed = parseVaToken(rows[0]);
equal(new KeyRing(keys.split(',')).decryptToken(sealed.refresh_token_encrypted, signedIn.userId), 'the refresh token');
const logins = "SELECT event_type, ip_hash FROM vetassist_auth_audit WHERE user_id = $1 AND event_type = 'login' ORDER BY id";
const events = await admin.query(logins, [signedIn.userId]);
equal(events.rows, ['203.0.113.7', '2001:db8::1'].map((ip) => ({ event_type: 'login', ip_hash: hashIp(ip) })));

// An inactive account is refused, and the refusal is an event.
await admin.query('UPDATE vetassist_users SET is_active = false WHERE id = $1', [signedIn.userId]);
await assert.rejects(() => service.signIn('node 1', tokens, '203.0.113.9'), AccountInactive);
const refused = await admin.query("SELECT user_id, ip_hash FROM vetassist_auth_audit WHERE event_type = 'login_refused'");
equal(refused.rows, [{ user_id: signedIn.userId, ip_hash: hashIp('203.0.113.9') }]);
equal(await service.isSignedIn(again.jwtId), false, 'its sessions are no longer active');
await assert.rejects(() => service.signIn('node 3', { ...tokens, access_token: '' }, '203.0.113.7'), { code: '22023' });
for (const table of ['vetassist_va_tokens', 'vetassist_users']) {
  await assert.rejects(() => pool.query(`DELETE FROM ${table}`), { code: '42501' });
  cases += 1;
}

await pool.end();
await admin.end();
console.log(`the example service in Node: ${cases} cases agree`);
