// Tests that SQL in a real server opens values that JavaScript sealed, and the reverse.
//
// VETASSIST_TEST_SOCKET names the folder of the socket of a server with the extension's files. VETASSIST_TEST_RING has the two
// keys of its ring, the current one first.
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import pg from 'pg';
import * as api from 'vetassist';
import { database } from '../database.mjs';
import { address, masterKey, tokens, user } from '../random.mjs';

const COUNT = 3000;

const { VETASSIST_TEST_SOCKET: host, VETASSIST_TEST_RING: text } = process.env;
assert(host && text, 'VETASSIST_TEST_SOCKET and VETASSIST_TEST_RING must be set');
const keys = text.split(',');
assert.equal(keys.length, 2);
const ring = new api.KeyRing(keys);
const turned = new api.KeyRing(keys.toReversed());
const [current, old] = keys.map((key) => new api.KeyRing([key]));

const db = new pg.Client(await database('by_sql'));
await db.connect();
const column = async (sql, ...values) => (await db.query({ text: sql, values, rowMode: 'array' })).rows.flat();
const one = async (sql, ...values) => (await column(sql, ...values))[0];
let cases = 0;
const equal = (found, expected, what) => {
  cases += 1;
  assert.deepEqual(found, expected, what);
};
const sqlRefuses = async (code, sql, ...values) => {
  cases += 1;
  await assert.rejects(() => db.query(sql, values), { code });
};
const refuses = (code, call) => {
  cases += 1;
  assert.throws(call, { name: 'VetassistError', code });
};

await db.query('CREATE EXTENSION vetassist');

const SEALS = 'SELECT vetassist_encrypt_token(token, id) FROM unnest($1::text[], $2::uuid[]) WITH ORDINALITY AS t (token, id, n) ORDER BY n';
const OPENS = 'SELECT vetassist_decrypt_token(sealed, id) FROM unnest($1::bytea[], $2::uuid[]) WITH ORDINALITY AS t (sealed, id, n) ORDER BY n';
{
  const all = [...tokens(COUNT)];
  const users = all.map(user);
  const sizes = all.map((token) => Buffer.byteLength(token));
  assert(Math.min(...sizes) === 0 && sizes.includes(1) && Math.max(...sizes) === 4096);

  // Sealed with the current key of the ring, and with the old one.
  for (const seals of [ring, turned]) {
    const sealed = all.map((token, i) => Buffer.from(seals.encryptToken(token, users[i])));
    const opened = await column(OPENS, sealed, users);
    assert.equal(opened.length, COUNT);
    opened.forEach((token, i) => equal(token, all[i], 'SQL opens a token that JavaScript sealed'));
    await sqlRefuses('39000', 'SELECT vetassist_decrypt_token($1, $2)', sealed[0], user());
  }
  const sealed = await column(SEALS, all, users);
  assert.equal(sealed.length, COUNT);
  sealed.forEach((bytes, i) => {
    equal(bytes.length, sizes[i] + 28, 'the length of a sealed value');
    for (const opens of [ring, turned, current]) {
      equal(opens.decryptToken(bytes, users[i]), all[i], 'JavaScript opens a token that SQL sealed');
    }
    refuses('ERR_OPEN_FAILED', () => old.decryptToken(bytes, users[i]));
    refuses('ERR_OPEN_FAILED', () => ring.decryptToken(bytes, user()));
  });
}

// Values sealed with the caller's keys and AAD, and the derivation of users' keys.
for (let i = 0; i < 300; i++) {
  const [key, value, aad] = [32, i < 3 ? i : i * 7, i % 4].map((size) => randomBytes(size));
  const sealed = Buffer.from(api.encrypt(value, key, aad));
  equal(await one('SELECT vetassist_decrypt($1, $2, $3)', sealed, key, aad), value);
  const theirs = await one('SELECT vetassist_encrypt($1::bytea, $2, $3)', value, key, aad);
  equal(Buffer.from(api.decrypt(theirs, key, aad)), value);
  await sqlRefuses('39000', 'SELECT vetassist_decrypt($1, $2, $3)', sealed, key, Buffer.concat([aad, aad, key]));

  const [master, id] = [masterKey(), user()];
  const derived = await one('SELECT vetassist_derive_user_key($1, $2)', Buffer.from(master, 'hex'), id);
  const mine = new api.MasterKey(master).deriveUserKey(id);
  equal(new api.Key(derived).openText(mine.seal('x')), 'x', 'the same user key');
}

// SQL text cannot hold NUL, and neither side accepts bytes that are not UTF-8 as text.
{
  const id = user();
  const key = new api.MasterKey(keys[0]).deriveUserKey(id);
  const bytes = Buffer.from(key.seal(Uint8Array.of(0xc3, 0x28)));
  await sqlRefuses('22021', 'SELECT vetassist_decrypt_token($1, $2)', bytes, id);
  refuses('ERR_NOT_UTF8', () => ring.decryptToken(bytes, id));
  const nul = Buffer.from(ring.encryptToken('a\0b', id));
  await sqlRefuses('22021', 'SELECT vetassist_decrypt_token($1, $2)', nul, id);
  equal(ring.decryptToken(nul, id), 'a\0b');
  const short = Buffer.alloc(27);
  await sqlRefuses('22P03', 'SELECT vetassist_decrypt_token($1, $2)', short, id);
  refuses('ERR_SEALED_TOO_SHORT', () => ring.decryptToken(short, id));
}

// Hashes, and the fingerprints of the keys.
for (let i = 0; i < 1000; i++) {
  const ip = address();
  const plain = api.hashIp(ip);
  equal(await one('SELECT vetassist_hash_ip($1)', ip), plain, ip);
  const keyed = await one('SELECT vetassist_hash_ip_keyed($1)', ip);
  equal(keyed, api.hashIpKeyed(ip, ring), ip);
  equal(keyed, api.upgradeIpHash(plain, keys[0]), ip);
  equal(await one('SELECT vetassist_upgrade_ip_hash($1)', plain), keyed, ip);
}
equal(await column('SELECT fingerprint FROM vetassist_keys() ORDER BY position'), ring.fingerprints());

await db.end();
console.log(`sql, both ways: ${cases} cases agree`);
