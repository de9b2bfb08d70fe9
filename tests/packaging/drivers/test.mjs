// Tests rows that node-postgres and postgres.js return from a real server, and that JavaScript and SQL find the same differences
// of the tables.
//
// VETASSIST_TEST_SOCKET and VETASSIST_TEST_RING as in ../sql/test.mjs.
import assert from 'node:assert/strict';
import pg from 'pg';
import postgres from 'postgres';
import * as api from 'vetassist';
import { database } from '../database.mjs';
import { tokens } from '../random.mjs';

const { VETASSIST_TEST_SOCKET: host, VETASSIST_TEST_RING: keys } = process.env;
assert(host && keys, 'VETASSIST_TEST_SOCKET and VETASSIST_TEST_RING must be set');
const ring = new api.KeyRing(keys.split(','));

const superuser = await database('drivers');
const client = new pg.Client(superuser);
await client.connect();
const sql = postgres({ ...superuser, max: 1, onnotice() {} });
const DRIVERS = {
  'node-postgres': async (text, values = []) => (await client.query(text, values)).rows,
  'postgres.js': (text, values = []) => sql.unsafe(text, values),
};

let cases = 0;
const equal = (found, expected, what) => {
  cases += 1;
  assert.deepEqual(found, expected, what);
};

await client.query('CREATE EXTENSION vetassist');
let number = 0;
for (const [driver, query] of Object.entries(DRIVERS)) {
  for (const token of tokens(100)) {
    if (token === '') continue;
    number += 1;
    const device = { agent: driver, list: [number, null, 'x'] };
    const [{ user_id: user, session_id: session }] = await query(
      `SELECT * FROM vetassist_login($1, $2, '2030-01-02 03:04:05.678901+00', $3, '2030-01-02 08:00:00+05:30',
                                     email => $4, device_info => $5, ip => '203.0.113.7')`,
      [`driver ${number}`, token, `jwt ${driver} ${number}`, 'j\u00f6rg@example.com', driver === 'postgres.js' ? device : JSON.stringify(device)],
    );
    const row = async (table) => (await query(`SELECT * FROM ${table} WHERE ${table === 'vetassist_users' ? 'id' : 'user_id'} = $1`, [user]))[0];

    const account = api.parseUser(await row('vetassist_users'));
    equal([account.id, account.va_icn, account.email, account.first_name], [user, `driver ${number}`, 'j\u00f6rg@example.com', null]);
    equal(account.is_active, true);

    const sealed = api.parseVaToken(await row('vetassist_va_tokens'));
    equal(ring.decryptToken(sealed.access_token_encrypted, user), token, driver);
    equal([sealed.refresh_token_encrypted, sealed.token_type], [null, 'Bearer']);
    equal(sealed.expires_at.toISOString(), '2030-01-02T03:04:05.678Z', driver);

    const found = api.parseSession(await row('vetassist_sessions'));
    equal([found.id, found.jwt_id, found.device_info], [session, `jwt ${driver} ${number}`, device]);
    equal(found.expires_at.toISOString(), '2030-01-02T02:30:00.000Z', driver);

    const event = api.parseAuthAudit(await row('vetassist_auth_audit'));
    equal([event.event_type, event.event_data.session_id, event.ip_hash], ['login', session, api.hashIp('203.0.113.7')]);
    assert.match(event.id, /^\d+$/);
  }
  await query("UPDATE vetassist_sessions SET expires_at = 'infinity' WHERE jwt_id = $1", [`jwt ${driver} ${number}`]);
  const [infinite] = await query('SELECT * FROM vetassist_sessions WHERE jwt_id = $1', [`jwt ${driver} ${number}`]);
  assert.throws(() => api.parseSession(infinite), { code: 'ERR_INVALID_ROW', message: /expires_at/ });
  cases += 1;

  // JavaScript finds the same differences as the extension, in the same order.
  for (const changes of [
    [],
    ['ALTER TABLE vetassist_users ALTER email TYPE text'],
    ['ALTER TABLE vetassist_users ADD "odd, column" int', 'CREATE INDEX odd ON vetassist_users ("odd, column")'],
    ['DROP INDEX idx_vetassist_sessions_user', 'COMMENT ON COLUMN vetassist_sessions.jwt_id IS NULL'],
    ['SELECT vetassist_detach()', 'DROP TABLE vetassist_auth_audit'],
    // The guard refuses this. With the guard off, the comparison finds it.
    ['CREATE SCHEMA other', 'ALTER EVENT TRIGGER vetassist_guard_schema DISABLE', 'ALTER TABLE vetassist_users SET SCHEMA other'],
  ]) {
    const compare = async () => {
      for (const change of changes) await query(change);
      const rows = await query('SELECT object, problem, expected, found FROM vetassist_check_schema()');
      const theirs = rows.map((difference) => ({ ...difference }));
      await query('SET LOCAL search_path = pg_catalog');
      const ours = api.checkSchema(await query(api.schemaQuery, ['public']));
      equal(ours, theirs, `${driver}: ${changes}`);
      equal(ours.length > 0, changes.length > 0, `${driver}: ${changes}`);
    };
    await query('BEGIN');
    try {
      await compare();
    } finally {
      await query('ROLLBACK');
    }
  }
}

await client.end();
await sql.end();
console.log(`drivers of a real server: ${cases} cases agree`);
