// Tests vetassist/client against a real server: one service with the ring in the client and with the ring in the server, over
// node-postgres and postgres.js; concurrent exchanges; rotation.
//
// VETASSIST_TEST_SOCKET and VETASSIST_TEST_RING as in ../sql/test.mjs.
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createServer as createHttpServer } from 'node:http';
import { createRequire } from 'node:module';
import { connect, createServer } from 'node:net';
import pg from 'pg';
import postgres from 'postgres';
import { generateKey, KeyRing } from 'vetassist';
import { createClient, fromPg, fromPostgres } from 'vetassist/client';
import { provider } from 'vetassist/testing';
import { service } from '../client/service.mjs';
import { example } from '../example.mjs';
import { worker } from '../workerd/miniflare.mjs';
import { rotations } from './rotation.mjs';

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
const workerKey = Buffer.from(generateKey()).toString('hex');

/** Creates a database with the extension, or with the plain file, which a role that is no superuser runs. */
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

if (process.env.VETASSIST_TEST_ROTATION) {
  // Only measures.
  const made = await database('rotation');
  await rotatedByBoth(made, { db: fromPg(made.pool()) });
  process.exit();
}

// The same service with the ring in the client and in the server.
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
    // postgres.js, with and without prepared statements, and with transformed names.
    for (const drive of [{}, { prepare: false }, { transform: postgres.camel }, { transform: postgres.toPascal }]) {
      cases += await service({ options: { ...given, db: fromPostgres(made.sql(drive)) }, rows: made.rows, keyed: true });
    }
    await usesTheClockOfTheDatabase(given);
    await returnsToALockedRow(made, given);
  }
  const rounds = ['read committed', 'repeatable read'].map((isolation) => thirtyRounds(made, given, isolation));
  await Promise.all(rounds);
  if (name === 'ring_at_server') {
    await rotatedByServer(given);
    await rotatedByBoth(made, given);
  }
  if (name === 'plain_by_pg') {
    const rows = await movesToTheExtension(name, given);
    cases += await service({ options: given, rows, keyed: true });
    await worksInWorkers(await database('in_workers'));
  }
}

// The extension adopts a plain installation while a client works, which keeps its ring, its role and its tokens. Returns a
// function that reads rows as a superuser.
async function movesToTheExtension(name, options) {
  const va = provider();
  const client = createClient({ ...options, refresh: va.refresh });
  const { userId, jwtId } = await client.signIn({ vaIcn: randomUUID(), tokens: va.issue(), session: { expiresInSeconds: 60 } });
  const before = await client.accessToken(userId);
  const superuser = new pg.Client({ host, user: 'postgres', database: name });
  await superuser.connect();
  open.push(superuser);
  await superuser.query("LOAD 'vetassist'; SET vetassist.adopt_from = 'plain_owner'; CREATE EXTENSION vetassist SCHEMA sealed");
  const owners = await superuser.query("SELECT DISTINCT relowner FROM pg_class WHERE relnamespace = 'sealed'::regnamespace");
  equal(owners.rows.length, 1, 'every table belongs to one role');
  // The former owner keeps its privileges, so a service that uses that role continues to work.
  await client.check({ allowRoles: ['plain_owner'] });
  equal((await client.accessToken(userId)).token, before.token, 'a token from before opens');
  equal((await client.session(jwtId)).userId, userId);
  const after = await client.accessToken(userId, { minValidMs: 10 * 3600 * 1000 });
  check(after.token !== before.token, 'a token from before is refreshed');
  return async (text, params) => (await superuser.query(text, params)).rows;
}

// 30 rounds of 50 callers, each with its own client, against a provider that responds in 2 ms, make 30 exchanges.
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

// The database's clock is used, not the client's.
async function usesTheClockOfTheDatabase(options) {
  const { now } = Date;
  Date.now = () => now() + 86_400_000;
  const made = await createClient(options).signIn({ vaIcn: randomUUID(), tokens: { access_token: 'x', expires_in: 60 }, session: { expiresInSeconds: 60 } });
  Date.now = now;
  check(made.expiresAt - Date.now() < 61_000, 'a session ends by the clock of the database');
}

// A rotation by the client visits a locked row again.
async function returnsToALockedRow(made, options) {
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
  const rotating = createClient({ ...options, ring: new KeyRing([generateKey(), ...bytes]) });
  let step = await rotating.rotateTokens({ maxMs: 3000 });
  equal([step.held, step.resealed], [1, 39], 'all rows except the locked one');
  check(step.after !== null, 'the rotation is not finished');
  setTimeout(() => made.rows('COMMIT', []), 300);
  step = await rotating.rotateTokens({ after: step.after });
  equal([step.after, step.held, step.resealed], [null, 0, 1]);
  const status = await rotating.rotationStatus();
  equal(status.map(({ sealedValues }) => sealedValues), [80, 0, 0]);
}

// If the server seals, the client calls its procedure.
async function rotatedByServer(options) {
  const client = createClient(options);
  const step = await client.rotateTokens();
  equal([step.after, step.held, step.resealed, step.unopened], [null, 0, 0, []]);
  equal((await client.rotationStatus())[0].fingerprint, new KeyRing([serverRing[0]]).fingerprints()[0]);
}

// The client's rotation needs bounded memory for any number of rows. VETASSIST_TEST_ROTATION sets the number for a measurement.
async function rotatedByBoth(made, options) {
  const users = Number(process.env.VETASSIST_TEST_ROTATION ?? 3000);
  const { server, own, grown } = await rotations({ rows: made.rows, options, serverRing, users });
  const said = `rotation of ${users} users: ${server.toFixed(1)} s by the server, ${own.toFixed(1)} s by the client, the heap grew by ${Math.round(grown / 1e6)} MB`;
  if (process.env.VETASSIST_TEST_ROTATION) console.error(said);
  check(grown < 30e6, said);
}

// Workers: concurrent and successive requests, each with its own client.
async function worksInWorkers(made) {
  const va = provider({ answerMs: 2 });
  const web = await va.listen();
  const proxy = createServer((socket) => {
    const behind = connect(`${host}/.s.PGSQL.5432`);
    socket.pipe(behind).pipe(socket);
    for (const end of [socket, behind]) end.on('error', () => socket.destroy());
  });
  await new Promise((resolve) => proxy.listen(0, '127.0.0.1', resolve));
  const flare = await worker(new URL('worker.mjs', import.meta.url), {
    compatibilityFlags: ['nodejs_compat'],
    bindings: { HOST: '127.0.0.1', PORT: String(proxy.address().port), DATABASE: 'in_workers', PROVIDER: web.origin, VETASSIST_MASTER_KEY: workerKey },
  });
  const ask = async (operation, ...given) => {
    const response = await flare.dispatchFetch('http://localhost/', { method: 'POST', body: JSON.stringify({ operation, given }) });
    const { result, ...wrong } = await response.json();
    assert.equal(response.status, 200, JSON.stringify(wrong));
    return result;
  };
  try {
    const { userId, jwtId } = await ask('signIn', { vaIcn: randomUUID(), tokens: va.issue(), session: { expiresInSeconds: 60 }, ip: '203.0.113.7' });
    equal((await ask('session', jwtId)).userId, userId, 'successive requests');
    for (let round = 1; round <= 3; round++) {
      await made.rows('UPDATE vetassist_va_tokens SET expires_at = now() WHERE user_id = $1', [userId]);
      const got = await Promise.all(Array.from({ length: 10 }, () => ask('accessToken', userId)));
      equal([new Set(got.map(({ token }) => token)).size, va.exchanges, va.reuse], [1, round, 0], 'concurrent requests');
    }
    equal((await ask('eraseUser', userId)).erased, true);
    await exampleWorks(made, { va, web, port: proxy.address().port });
  } finally {
    await flare.dispose();
    await web.close();
    proxy.close();
  }
}

// The example, from the sign-in to the erasure, with the requests of a browser.
async function exampleWorks(made, { va, web, port }) {
  const api = createHttpServer((request, response) => {
    const [, token] = /^Bearer (.+)$/.exec(request.headers.authorization ?? '') ?? [];
    response.writeHead(va.introspect(token).active ? 200 : 401).end('records');
  });
  await new Promise((resolve) => api.listen(0, '127.0.0.1', resolve));
  const flare = await worker(example('cloudflare-worker-postgres/worker.mjs', import.meta.url), {
    compatibilityFlags: ['nodejs_compat'],
    bindings: {
      HYPERDRIVE: { connectionString: `postgres://service@127.0.0.1:${port}/in_workers` },
      VETASSIST_KEYS: workerKey,
      COOKIE_KEY: Buffer.from(generateKey()).toString('hex'),
      VA_ORIGIN: web.origin,
      VA_API: `http://127.0.0.1:${api.address().port}/`,
      CLIENT_ID: 'service',
    },
  });
  const jar = new Map();
  const go = async (path, method = 'GET') => {
    const Cookie = [...jar].map(([name, value]) => `${name}=${value}`).join('; ');
    const response = await flare.dispatchFetch(new URL(path, 'http://service.example'), { method, redirect: 'manual', headers: { Cookie, 'CF-Connecting-IP': '203.0.113.7' } });
    const [, name, value] = /^([\w-]+)=([\w-]+)/.exec(response.headers.get('Set-Cookie') ?? '') ?? [];
    if (name) jar.set(name, value);
    return response;
  };
  try {
    equal((await go('/records')).status, 401);
    const sent = await go('/sign-in');
    const there = await fetch(sent.headers.get('Location'), { redirect: 'manual' });
    equal((await go('/callback?code=x&state=y')).status, 400, 'a wrong state');
    const back = new URL(there.headers.get('Location'));
    equal((await go(back.pathname + back.search)).headers.get('Location'), '/records');
    equal(await (await go('/records')).text(), 'records');
    const exchanges = va.exchanges;
    va.expire();
    equal([(await go('/records')).status, va.exchanges - exchanges], [200, 1], 'a 401 refreshes once');
    await made.rows('UPDATE vetassist_va_tokens SET expires_at = now()', []);
    await (await flare.getWorker()).scheduled({});
    equal([(await go('/records')).status, va.exchanges - exchanges, va.reuse], [200, 2, 0], 'the cron');
    equal(await (await go('/erase', 'POST')).json(), { erased: true });
    equal((await go('/records')).status, 401);
    equal(await made.rows('SELECT va_icn FROM vetassist_users WHERE va_icn IS NOT NULL', []), []);
  } finally {
    await flare.dispose();
    api.close();
  }
}

for (const each of open) await each.end();
await first.end();
console.log(`the client against a server: ${cases} cases agree`);
