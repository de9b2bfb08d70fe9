// Tests sign-ins without a server: the plain file in PGlite, and the package for the rest.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { PGlite } from '@electric-sql/pglite';
import * as api from 'vetassist';
import { address, masterKey, tokens } from '../random.mjs';

const sql = readFileSync(createRequire(import.meta.url).resolve('vetassist/vetassist.sql'), 'utf8');
let cases = 0;
const equal = (found, expected, what) => {
  cases += 1;
  assert.deepEqual(found, expected, what);
};
const rejects = async (code, call) => {
  cases += 1;
  await assert.rejects(call, { code });
};

const db = new PGlite();
const differences = (schema = 'public') =>
  db.transaction(async (tx) => {
    await tx.exec('SET LOCAL search_path = pg_catalog');
    const { rows } = await tx.query(api.schemaQuery, [schema]);
    return api.checkSchema(rows);
  });
const problems = async (schema) => (await differences(schema)).map(({ object, problem }) => `${object}: ${problem}`);
const one = async (text, ...values) => {
  const { rows } = await db.query(text, values);
  assert.equal(rows.length, 1);
  return rows[0];
};

equal((await problems()).length, 13, 'an empty database');
await db.exec(sql);
equal(await differences(), [], 'the plain tables');
await db.exec(sql);
equal(await differences(), [], 'after a second run of the plain file');

// Each kind of drift that a plain database can have. It is rolled back afterwards.
for (const [change, expected] of [
  ['DROP TABLE vetassist_sessions', ['vetassist_sessions: missing']],
  ['ALTER TABLE vetassist_users ADD nickname text', ['vetassist_users.nickname: extra']],
  ['ALTER TABLE vetassist_users RENAME email TO mail', ['vetassist_users.email: missing', 'vetassist_users.mail: extra']],
  ['ALTER TABLE vetassist_users ALTER email TYPE text', ['vetassist_users.email: type']],
  ['ALTER TABLE vetassist_users ALTER email TYPE varchar(254)', ['vetassist_users.email: type']],
  ['ALTER TABLE vetassist_users ALTER is_active SET DEFAULT false', ['vetassist_users.is_active: default']],
  ['DROP INDEX idx_vetassist_sessions_user', ['idx_vetassist_sessions_user: missing']],
  ["UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'idx_vetassist_audit_type'::regclass", ['idx_vetassist_audit_type: valid']],
  ['COMMENT ON TABLE vetassist_users IS NULL', ['vetassist_users: comment']],
  [
    'ALTER TABLE vetassist_sessions DROP CONSTRAINT vetassist_sessions_user_id_fkey, ADD FOREIGN KEY (user_id) REFERENCES vetassist_users (id)',
    ['vetassist_sessions FOREIGN KEY (user_id): on delete'],
  ],
  ['DROP TRIGGER vetassist_auth_audit_append_only ON vetassist_auth_audit', ['vetassist_auth_audit trigger vetassist_auth_audit_append_only: missing']],
]) {
  await db.transaction(async (tx) => {
    await tx.exec(change);
    await tx.exec('SET LOCAL search_path = pg_catalog');
    const { rows } = await tx.query(api.schemaQuery, ['public']);
    const found = api.checkSchema(rows).map(({ object, problem }) => `${object}: ${problem}`);
    equal(found, expected, change);
    await tx.rollback();
  });
}
await db.exec('CREATE SCHEMA other');
equal((await differences('other')).map(({ found }) => found), Array(13).fill('in schema public'), 'another schema');

// A sign-in stores the user, both tokens sealed with the user's key, the session and the event.
const old = masterKey();
const ring = new api.KeyRing([old]);
const turned = new api.KeyRing([masterKey(), old]);
const expires = new Date(Date.now() + 3_600_000);
let number = 0;
const seen = [];
for (const token of tokens(200)) {
  number += 1;
  const ip = address();
  const signedIn = await db.transaction(async (tx) => {
    const [{ id }] = (
      await tx.query(
        'INSERT INTO vetassist_users (va_icn, email, last_login_at) VALUES ($1, $2, now()) RETURNING id',
        [`ICN${number}`, `${number}@example.com`],
      )
    ).rows;
    await tx.query(
      'INSERT INTO vetassist_va_tokens (user_id, access_token_encrypted, refresh_token_encrypted, expires_at) VALUES ($1, $2, $3, $4)',
      [id, ring.encryptToken(token, id), number % 3 ? ring.encryptToken(`${token}!`, id) : null, expires],
    );
    await tx.query('INSERT INTO vetassist_sessions (user_id, jwt_id, device_info, expires_at) VALUES ($1, $2, $3, $4)', [
      id,
      `jwt-${number}`,
      { agent: 'test', ip_hash: api.hashIp(ip) },
      expires,
    ]);
    await tx.query("INSERT INTO vetassist_auth_audit (user_id, event_type, event_data, ip_hash) VALUES ($1, 'login', $2, $3)", [
      id,
      { number },
      api.hashIp(ip),
    ]);
    return id;
  });
  seen.push([signedIn, token, ip]);
}

for (const [i, [id, token, ip]] of seen.entries()) {
  const user = api.parseUser(await one('SELECT * FROM vetassist_users WHERE id = $1', id));
  equal([user.id, user.va_icn, user.is_active], [id, `ICN${i + 1}`, true]);
  assert(user.created_at instanceof Date && user.last_login_at instanceof Date);
  const row = api.parseVaToken(await one('SELECT * FROM vetassist_va_tokens WHERE user_id = $1', id));
  equal(turned.decryptToken(row.access_token_encrypted, id), token, 'a token opens after a rotation');
  equal(+row.expires_at, +expires);
  if ((i + 1) % 3) equal(ring.decryptToken(row.refresh_token_encrypted, id), `${token}!`);
  else equal(row.refresh_token_encrypted, null);
  await rejects('ERR_OPEN_FAILED', async () => ring.decryptToken(row.access_token_encrypted, seen[(i + 1) % seen.length][0]));
  const session = api.parseSession(await one('SELECT * FROM vetassist_sessions WHERE jwt_id = $1', `jwt-${i + 1}`));
  equal([session.user_id, session.device_info.ip_hash, session.revoked_at], [id, api.hashIp(ip), null]);
  const event = api.parseAuthAudit(await one('SELECT * FROM vetassist_auth_audit WHERE user_id = $1', id));
  equal([event.id, event.event_type, event.event_data, event.ip_hash], [String(i + 1), 'login', { number: i + 1 }, api.hashIp(ip)]);
}

// Columns as text, as a gateway over HTTP returns them.
const id = seen[0][0];
const raw = await one('SELECT to_jsonb(t) AS row FROM vetassist_va_tokens AS t WHERE user_id = $1', id);
equal(typeof raw.row.access_token_encrypted, 'string');
equal(ring.decryptToken(api.parseVaToken(raw.row).access_token_encrypted, id), seen[0][1], 'from JSON');

// A refresh, a revocation, and the append-only trail.
await db.query('UPDATE vetassist_va_tokens SET access_token_encrypted = $2, refreshed_at = now() WHERE user_id = $1', [
  id,
  turned.encryptToken('a new token', id),
]);
const refreshed = api.parseVaToken(await one('SELECT * FROM vetassist_va_tokens WHERE user_id = $1', id));
equal(turned.decryptToken(refreshed.access_token_encrypted, id), 'a new token');
await rejects('ERR_OPEN_FAILED', async () => ring.decryptToken(refreshed.access_token_encrypted, id));
await db.query("UPDATE vetassist_sessions SET revoked_at = now() WHERE jwt_id = 'jwt-1'");
assert(api.parseSession(await one("SELECT * FROM vetassist_sessions WHERE jwt_id = 'jwt-1'")).revoked_at instanceof Date);
for (const statement of ['DELETE FROM vetassist_auth_audit', "UPDATE vetassist_auth_audit SET event_type = 'x'", 'TRUNCATE vetassist_auth_audit']) {
  await rejects('42501', () => db.exec(statement));
}
// A timestamp that Date cannot represent.
await db.query("UPDATE vetassist_sessions SET expires_at = 'infinity' WHERE jwt_id = 'jwt-2'");
const infinite = await one("SELECT * FROM vetassist_sessions WHERE jwt_id = 'jwt-2'");
await rejects('ERR_INVALID_ROW', async () => api.parseSession(infinite));
equal(await differences(), [], 'the tables are unchanged');

await db.close();
console.log(`PGlite, without a server: ${cases} cases agree`);
