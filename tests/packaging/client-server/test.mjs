// vetassist/client against a real server: one service with the ring here and with the ring at the server, over node-postgres and
// postgres.js; exchanges under contention; rotation.
//
// VETASSIST_TEST_SOCKET and VETASSIST_TEST_RING as in ../sql/test.mjs.
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import pg from 'pg';
import postgres from 'postgres';
import { generateKey, KeyRing } from 'vetassist';
import { createClient, fromPg, fromPostgres } from 'vetassist/client';
import { provider } from 'vetassist/testing';
import { service } from '../client/service.mjs';

const { VETASSIST_TEST_SOCKET: host, VETASSIST_TEST_RING: keys } = process.env;
assert(host && keys, 'VETASSIST_TEST_SOCKET and VETASSIST_TEST_RING must be set');
const serverRing = keys.split(',');

let cases = 0;
const equal = (found, expected, what) => {
  cases += 1;
  assert.deepEqual(found, expected, what);
};
const check = (is, what) => {
  cases += 1;
  assert(is, what);
};

const first = new pg.Client({ host, user: 'postgres', database: 'postgres' });
await first.connect();
await first.query("CREATE ROLE service LOGIN");
await first.query("CREATE ROLE plain_owner LOGIN");
const open = [];

/** Makes a database with the extension, or with the plain installation by a role that is no superuser. */
async function database(name, { isPlain = false } = {}) {
  await first.query(`CREATE DATABASE ${name} OWNER ${isPlain ? 'plain_owner' : 'postgres'}`);
  const admin = new pg.Client({ host, user: isPlain ? 'plain_owner' : 'postgres', database: name });
  await admin.connect();
  open.push(admin);
  if (isPlain) {
    await admin.query("CREATE SCHEMA sealed; SELECT set_config('vetassist_plain.schema', 'sealed', false)");
    await admin.query(readFileSync(createRequire(import.meta.url).resolve('vetassist/vetassist.sql'), 'utf8'));
    await admin.query("SELECT sealed.vetassist_grant('service', 'app'), sealed.vetassist_grant('service', 'admin')");
  } else {
    await admin.query("CREATE EXTENSION vetassist; SELECT vetassist_grant('service', 'app'), vetassist_grant('service', 'admin')");
  }
  return {
    rows: async (text, params) => (await admin.query(text, params)).rows,
    pool: (more = {}) => {
      const pool = new pg.Pool({ host, user: 'service', database: name, max: 20, ...more });
      open.push(pool);
      return pool;
    },
    sql: (more = {}) => {
      const sql = postgres({ host, user: 'service', database: name, max: 5, onnotice() {}, ...more });
      open.push(sql);
      return sql;
    },
  };
}

// One service, both ways.
const ring = new KeyRing([generateKey()]);
for (const [name, more, options] of [
  ['ring_here', {}, { ring }],
  ['ring_at_server', {}, {}],
  ['plain_by_pg', { isPlain: true }, { ring, schema: 'sealed' }],
]) {
  const made = await database(name, more);
  const given = { db: fromPg(made.pool()), ...options };
  await createClient(given).check();
  cases += await service({ options: given, rows: made.rows, keyed: options.ring !== undefined });
  await createClient(given).check();
  if (name === 'ring_here') {
    // postgres.js, with and without prepared statements, and with names spelt otherwise.
    for (const drive of [{}, { prepare: false }, { transform: postgres.camel }, { transform: postgres.toPascal }]) {
      cases += await service({ options: { ...given, db: fromPostgres(made.sql(drive)) }, rows: made.rows, keyed: true });
    }
    await theClock(given);
    await held(made, given);
  }
  for (const isolation of ['read committed', 'repeatable read']) {
    await thirtyRounds(made, given, isolation);
  }
  if (name === 'ring_at_server') await rotatedByServer(given);
}

// 30 rounds of 50 callers, each with a client of its own, against a provider that answers in 2 ms: 30 exchanges.
async function thirtyRounds(made, options, isolation) {
  const va = provider({ answerMs: 2 });
  const pool = made.pool({ max: 25, options: `-c default_transaction_isolation=${isolation.replace(' ', '\\ ')}` });
  const own = { ...options, db: fromPg(pool), refresh: va.refresh };
  const { schema = 'public' } = options;
  const { userId } = await createClient(own).signIn({ vaIcn: randomUUID(), tokens: va.issue(), session: { expiresInSeconds: 60 } });
  for (let round = 1; round <= 30; round++) {
    await made.rows(`UPDATE ${schema}.vetassist_va_tokens SET expires_at = now() WHERE user_id = $1`, [userId]);
    const callers = Array.from({ length: 50 }, () => createClient(own).accessToken(userId));
    const got = await Promise.all(callers).catch((cause) => {
      throw new Error(`${isolation}, round ${round}: ${va.exchanges} exchanges, ${va.reuse} reused`, { cause });
    });
    equal(new Set(got.map(({ token }) => token)).size, 1);
    equal([va.exchanges, va.reuse], [round, 0], `${isolation}, round ${round}`);
  }
}

// The clock that counts is the database's.
async function theClock(options) {
  const { now } = Date;
  Date.now = () => now() + 86_400_000;
  const made = await createClient(options).signIn({ vaIcn: randomUUID(), tokens: { access_token: 'x', expires_in: 60 }, session: { expiresInSeconds: 60 } });
  Date.now = now;
  check(made.expiresAt - Date.now() < 61_000, 'a session ends by the clock of the database');
}

// Turning a client's key while somebody holds a row: it is visited again, and done is done.
async function held(made, options) {
  const va = provider();
  const client = createClient(options);
  await made.rows('DELETE FROM vetassist_va_tokens', []);
  const owners = [];
  for (let each = 0; each < 40; each++) {
    owners.push((await client.signIn({ vaIcn: randomUUID(), tokens: va.issue(), session: { expiresInSeconds: 60 } })).userId);
  }
  await made.rows('BEGIN', []);
  await made.rows('SELECT 1 FROM vetassist_va_tokens WHERE user_id = $1 FOR UPDATE', [owners[5]]);
  const bytes = [];
  ring[Symbol.for('vetassist.eachKey')]((key) => bytes.push(key.slice()));
  const turning = createClient({ ...options, ring: new KeyRing([generateKey(), ...bytes]) });
  let step = await turning.rotateTokens({ maxMs: 3000 });
  equal([step.held, step.resealed], [1, 39], 'all but the row that is held');
  check(step.after !== null, 'so it is not done');
  setTimeout(() => made.rows('COMMIT', []), 300);
  step = await turning.rotateTokens({ after: step.after });
  equal([step.after, step.held, step.resealed], [null, 0, 1]);
  const status = await turning.rotationStatus();
  equal(status.map(({ sealedValues }) => sealedValues), [80, 0, 0]);
}

// Where the server seals, its procedure does it.
async function rotatedByServer(options) {
  const client = createClient(options);
  const step = await client.rotateTokens();
  equal([step.after, step.held, step.resealed, step.unopened], [null, 0, 0, []]);
  equal((await client.rotationStatus())[0].fingerprint, new KeyRing([serverRing[0]]).fingerprints()[0]);
}

for (const each of open) await each.end();
await first.end();
console.log(`the client against a server: ${cases} cases agree`);
