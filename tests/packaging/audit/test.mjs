// Tests `npx vetassist audit` without a server: keys, and an export of a log in PGlite, which the package's command and the
// program verify. Both must have the same output and exit code.
//
// VETASSIST_TEST_AUDIT as in programs.mjs.
import assert from 'node:assert/strict';
import { createHash, createPrivateKey, createPublicKey, sign } from 'node:crypto';
import { chmodSync, copyFileSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PGlite } from '@electric-sql/pglite';
import { both, comparisons, ours, packageFolder, theirs, vetassist } from './programs.mjs';

const { resolve } = createRequire(import.meta.url);

const db = new PGlite();
await db.exec(readFileSync(resolve('vetassist/vetassist.sql'), 'utf8'));
const one = async (query) => Object.values((await db.query(query)).rows[0])[0];
const seal = () => db.exec('CALL vetassist_seal_audit()');
await db.exec(`INSERT INTO vetassist_users (va_icn) VALUES ('gone'), ('here');
  INSERT INTO vetassist_auth_audit (user_id, event_type, event_data, ip_hash)
  SELECT id, 'login', jsonb_build_object('n', n, 'text', E'\\u00fc\\U0001F600'), repeat('ab', 32) FROM vetassist_users, generate_series(1, 300) AS n ORDER BY n, id`);
await seal();
const early = await one('SELECT vetassist_audit_checkpoint()');
await db.exec("SELECT vetassist_erase_user(id) FROM vetassist_users WHERE va_icn = 'gone'");
await seal();
const checkpoint = await one('SELECT vetassist_audit_checkpoint()');
const [origin] = checkpoint.split('\n');

// Signed notes as C2SP describes them, which the watcher would make.
const key = createPrivateKey({ key: Buffer.concat([Buffer.from('302e020100300506032b657004220420', 'hex'), Buffer.alloc(32, 7)]), format: 'der', type: 'pkcs8' });
const publicKey = Buffer.concat([Buffer.from([1]), createPublicKey(key).export({ format: 'der', type: 'spki' }).subarray(-32)]);
const id = createHash('sha256').update(origin).update('\n').update(publicKey).digest().subarray(0, 4);
const verifier = `${origin}+${id.toString('hex')}+${publicKey.toString('base64')}`;
const note = (text) => `${text}\n\u2014 ${origin} ${Buffer.concat([id, sign(null, Buffer.from(text), key)]).toString('base64')}\n`;

// The lines of the export, as the program's documentation describes them.
const { rows } = await db.query('SELECT * FROM vetassist_audit_entries(0, 10000)');
const base64 = (bytes) => (bytes === null ? undefined : Buffer.from(bytes).toString('base64'));
const line = ({ data, leaf_hash: leaf, event_data_salt: first, ip_hash_salt: second, ...rest }) => ({
  ...Object.fromEntries(Object.entries(rest).filter(([, value]) => value !== null)),
  leaf_hash: base64(leaf),
  data: base64(data),
  event_data_salt: base64(first),
  ip_hash_salt: base64(second),
});
const lines = [
  { log: { format: 'vetassist audit export v1', checkpoint, exported_at: '2026-01-02T03:04:05Z' } },
  ...rows.map((row) => ({ entry: line(row) })),
  { end: { entries: rows.length, pending: 0 } },
].map((each) => JSON.stringify(each));

const folder = mkdtempSync(join(tmpdir(), 'vetassist-audit-'));
const file = (name, text) => {
  const path = join(folder, name);
  writeFileSync(path, text);
  return path;
};
const text = (some) => `${some.join('\n')}\n`;
const good = file('good', text(lines));
const at = lines.findIndex((each) => each.includes('"ip_hash":"'));
const changed = file('changed', text(lines.with(at, lines[at].replace('"ip_hash":"ab', '"ip_hash":"cd'))));
const whole = file('signed', note(checkpoint));
const first = file('first', note(early));
const other = file('rewritten', note(checkpoint.replace(/\n.{4}(.*\n)$/, '\nAAAA$1')));
const watched = file('watched', `${JSON.stringify({ seen_at: '2026-01-02T03:04:05Z', note: note(early) })}\n`);

try {
  const verify = (path, ...more) => both(['verify', path, '--key', verifier, ...more]);
  const intact = await verify(good, '--since', whole, '--watched', watched, '--retention', '90d');
  assert.equal(intact.status, 0, intact.stdout + intact.stderr);
  assert.match(intact.stdout, /^disclosed: erasure, entry 600/);
  assert.match(intact.stdout, new RegExp(`^${rows.length} entries, 601 rows, 0 changes pending\n${rows.length} entries covered by signed checkpoints\n`, 'm'));
  assert.match(intact.stdout, /\nintact\n$/);
  const found = await verify(changed, '--since', first);
  assert.deepEqual([found.status, found.stdout.includes(`problem: changed, entry ${at - 1}, row ${at}: `)], [1, true], found.stdout);
  assert.match((await verify(good, '--since', other)).stdout, /^problem: rewritten/m);
  for (const [name, some, said] of [
    ['short', lines.slice(0, -1), 'not whole'],
    ['late', [...lines, lines.at(-1)], 'not whole'],
    ['swapped', [lines[0], lines[2], lines[1], ...lines.slice(3)], 'line 2 '],
    ['none', ['{}'], 'not an export'],
    ['empty', [], 'not an export'],
  ]) {
    const refused = await verify(file(name, text(some)));
    assert.equal(refused.status, 2);
    assert.ok(refused.stderr.startsWith(`vetassist-audit: ${join(folder, name)}: `) && refused.stderr.includes(said), refused.stderr);
  }
  assert.match((await verify(join(folder, 'missing'))).stderr, /No such file or directory \(os error 2\)\n$/);
  assert.match((await verify(folder)).stderr, /Is a directory \(os error 21\)\n$/);
  assert.equal((await verify(good, '--since', join(folder, 'missing'))).status, 2);
  assert.equal((await verify(good, '--watched', good)).status, 2);
  assert.equal((await verify(good, '--retention', '1y')).status, 2);
  assert.equal((await both(['verify', good])).status, 2);
  assert.equal((await both(['verify', good, '--key', 'none'])).status, 2);
  assert.equal((await both(['verify', '--help'])).status, 0);
  const statusOf = async (...args) => (await vetassist(args)).status;
  for (const args of [[], ['nonsense'], ['audit'], ['audit', 'nonsense']]) assert.equal(await statusOf(...args), 2, args);
  for (const args of [['--help'], ['audit', '--help'], ['audit', '--version']]) assert.equal(await statusOf(...args), 0, args);

  // Keys: what one makes the other reads.
  for (const [name, makes, reads] of [
    ['ours', ours, theirs],
    ['theirs', theirs, ours],
  ]) {
    const keyFile = join(folder, name);
    const about = ['--key-file', keyFile, '--origin', origin];
    const made = await makes(['keygen', ...about]);
    assert.deepEqual([made.status, made.stderr, statSync(keyFile).mode & 0o777], [0, '', 0o600]);
    assert.deepEqual(await reads(['verifier', ...about]), made);
    assert.match(readFileSync(keyFile, 'utf8'), /^[0-9a-f]{64}\n$/);
    const kept = readFileSync(keyFile, 'utf8');
    assert.match((await both(['keygen', ...about])).stderr, /File exists \(os error 17\)\n$/);
    assert.equal(readFileSync(keyFile, 'utf8'), kept);
    chmodSync(keyFile, 0o640);
    assert.match((await both(['verifier', ...about])).stderr, /chmod 600/);
    chmodSync(keyFile, 0o600);
    for (const wrong of [`${kept}00`, kept.slice(2), '\u00fc', '']) {
      writeFileSync(keyFile, wrong);
      const refused = await both(['verifier', ...about]);
      assert.equal(refused.status, 2);
      assert(!refused.stderr.includes(kept.slice(0, 8)), refused.stderr);
    }
  }
  assert.equal((await both(['verifier', '--key-file', join(folder, 'missing'), '--origin', origin])).status, 2);
  assert.equal((await both(['keygen', '--key-file', join(folder, 'missing/key'), '--origin', origin])).status, 2);
  assert.equal((await both(['keygen', '--key-file', join(folder, 'key'), '--origin', 'none'])).status, 2);
  for (const command of ['keygen', 'verifier', 'watch', 'export']) {
    assert.equal((await both([command, '--help'])).status, 0);
    assert.equal((await both([command])).status, 2);
  }

  // Where node-postgres is not installed, one line says how to install it.
  const bare = join(folder, 'bare');
  mkdirSync(bare);
  for (const name of readdirSync(join(packageFolder, 'dist'))) {
    if (/audit|^bin\.js$/.test(name)) copyFileSync(join(packageFolder, 'dist', name), join(bare, name));
  }
  writeFileSync(join(bare, 'package.json'), '{"type": "module"}');
  const without = await ours(['export', join(folder, 'export'), '--database', 'host=/nowhere'], { bin: join(bare, 'bin.js') });
  assert.equal(without.status, 2);
  assert.match(without.stderr, /^vetassist-audit: .*npm install pg.*\n$/);
} finally {
  rmSync(folder, { recursive: true });
}
console.log(`npx vetassist audit: ${comparisons()} cases agree with the program`);
