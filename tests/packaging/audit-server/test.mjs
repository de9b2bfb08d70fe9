// npx vetassist audit and the program over one server: they watch in turns, refuse alike, and export the same bytes.
//
// VETASSIST_TEST_SOCKET as in ../sql/test.mjs, VETASSIST_TEST_AUDIT as in ../audit/programs.mjs.
import assert from 'node:assert/strict';
import { copyFileSync, existsSync, mkdtempSync, openSync, readFileSync, rmSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { both, comparisons, ours, theirs } from '../audit/programs.mjs';
import { certificate, proxy } from './proxy.mjs';

const { VETASSIST_TEST_SOCKET: host } = process.env;
assert(host, 'VETASSIST_TEST_SOCKET must be set');
const folder = mkdtempSync(join(tmpdir(), 'vetassist-audit-server-'));
const path = (name) => join(folder, name);
const preload = (name) => ({ NODE_OPTIONS: `--import ${new URL(`preload-${name}.mjs`, import.meta.url)}` });
const open = [];
const connected = async (database) => {
  const client = new pg.Client({ host, user: 'postgres', database });
  await client.connect();
  open.push(client);
  return client;
};

let cases = 0;
const equal = (found, expected, what) => {
  cases += 1;
  assert.deepEqual(found, expected, what);
};
const matches = (text, pattern) => {
  cases += 1;
  assert.match(text, pattern);
};

const first = await connected('postgres');
await first.query("CREATE ROLE auditor LOGIN; ALTER ROLE auditor SET lock_timeout = '30s'");
await first.query('CREATE ROLE stranger LOGIN');
async function filled(database) {
  await first.query(`CREATE DATABASE ${database}`);
  const db = await connected(database);
  await db.query("CREATE EXTENSION vetassist; SELECT vetassist_grant('auditor', 'auditor')");
  return db;
}
const db = await filled('audited');
const one = async (query) => Object.values((await db.query(query)).rows[0])[0];
const seal = () => db.query('CALL vetassist_seal_audit()');
const grow = async (rows) => {
  await db.query("INSERT INTO vetassist_auth_audit (event_type) SELECT 'login' FROM generate_series(1, $1)", [rows]);
  await seal();
};
const watches = () => one("SELECT count(*)::int FROM vetassist_auth_audit WHERE event_type = 'audit_watched'");

const list = `host=${host} user=auditor dbname=audited`;
const url = `postgresql://auditor@/audited?host=${encodeURIComponent(host)}`;
const [key, other, watched] = ['audit.key', 'other.key', 'watched.jsonl'].map(path);
const watch = (...more) => ['watch', '--database', list, '--key-file', key, '--watched', watched, ...more];
const kept = () => readFileSync(watched, 'utf8');
const notes = () => kept().trimEnd().split('\n').map((line) => JSON.parse(line).note);

/** Both refuse, in the same words, and leave everything as it is. */
async function refused(status, pattern, args, options) {
  const before = [existsSync(watched) && kept(), await watches()];
  const said = await both(args, options);
  equal([said.status, said.stdout], [status, ''], said.stderr);
  matches(said.stderr, pattern);
  equal([before[0] && kept(), await watches()], before);
}

try {
  // What one of them made, the other takes: the key, the file.
  const origin = (await one('SELECT vetassist_audit_checkpoint()'))?.split('\n')[0];
  equal(origin, undefined, 'nothing is sealed');
  equal((await ours(['keygen', '--key-file', key, '--origin', 'vetassist/00000000-0000-0000-0000-000000000000'])).status, 0);
  equal((await theirs(['keygen', '--key-file', other, '--origin', 'vetassist/00000000-0000-0000-0000-000000000000'])).status, 0);
  await refused(1, /nothing is sealed yet/, watch());
  const printed = [];
  for (const [turn, [run, ...more]] of [
    [ours],
    [theirs],
    [ours, '--database', url],
    [theirs, '--schema', 'public'],
    [ours, '--max-age', '90m'],
    [theirs],
  ].entries()) {
    await grow(turn + 3);
    const checkpoint = await one('SELECT vetassist_audit_checkpoint()');
    const args = more[0] === '--database' ? watch().map((arg) => (arg === list ? url : arg)) : watch(...more);
    const { status, stdout, stderr } = await run(args);
    equal([status, stderr], [0, '']);
    assert(stdout.startsWith(`${checkpoint}\n\u2014 vetassist/`), stdout);
    printed.push(stdout);
    equal(notes(), printed);
    equal(statSync(watched).mode & 0o777, 0o600);
  }
  equal(await watches(), 6);
  const byVariable = watch().filter((arg) => arg !== '--database' && arg !== list);
  // Nothing was sealed since: the same note, and no new line.
  equal((await both(byVariable, { env: { DATABASE_URL: url } })).stdout, printed.at(-1));
  equal(notes(), printed);
  equal(await one("SELECT DISTINCT event_data ->> 'by' FROM vetassist_auth_audit WHERE event_type = 'audit_watched'"), 'auditor');

  // A log that stands still is signed all the same, and told of.
  const still = await both(watch('--max-age', '0s'));
  equal([still.status, still.stdout], [1, printed.at(-1)]);
  matches(still.stderr, /the log has not grown since .*: is vetassist_seal_audit\(\) still called\?\n$/);

  // Keys: rotated by signing with both; another one alone is refused.
  await refused(2, /the last watched checkpoint cannot be verified/, watch().map((arg) => (arg === key ? other : arg)));
  await grow(5);
  const rotated = await ours(watch('--key-file', other));
  equal([rotated.status, rotated.stdout.match(/^\u2014 /gm).length], [0, 2]);
  await grow(5);
  equal((await theirs(watch().map((arg) => (arg === key ? other : arg)))).status, 0);
  equal((await ours(watch('--key-file', other))).status, 0);

  // Stopped after the disk had the line and before anything was printed: the next run prints what was kept.
  await grow(5);
  const cut = await ours(watch(), { env: preload('killed') });
  equal([cut.signal, cut.stdout], ['SIGKILL', '']);
  const afterCut = kept();
  equal((await both(watch())).stdout, notes().at(-1));
  equal(kept(), afterCut);
  for (const run of [ours, theirs]) {
    await grow(5);
    const lines = notes().length;
    const full = await run(watch(), { stdout: openSync('/dev/full', 'w') });
    equal(full.status, 2);
    matches(full.stderr, /^vetassist-audit: cannot write the watched checkpoint: No space left on device \(os error 28\)\n$/);
    equal([notes().length, (await both(watch())).stdout], [lines + 1, notes().at(-1)]);
  }
  // Stopped within the line: it is written anew.
  const whole = statSync(watched).size;
  for (const run of [ours, theirs]) {
    truncateSync(watched, whole - 9);
    const { status, stdout } = await run(watch());
    equal([status, notes().at(-1)], [0, stdout]);
  }
  // A whole line that is none is refused.
  copyFileSync(watched, path('copy'));
  writeFileSync(watched, '{}\n');
  await refused(2, /watched\.jsonl: line 1 is not that of a watched checkpoint\n$/, watch());
  copyFileSync(path('copy'), watched);

  // One watcher at a time, whichever it is; the lock ends with the process.
  for (const run of [ours, theirs]) {
    const blocker = await connected('audited');
    await blocker.query('BEGIN; LOCK TABLE vetassist_audit_head IN ACCESS EXCLUSIVE MODE');
    const waiting = run(watch());
    const waits = "SELECT count(*)::int FROM pg_stat_activity WHERE application_name = 'vetassist-audit' AND wait_event_type = 'Lock'";
    while ((await first.query(waits)).rows[0].count === 0) await sleep(20);
    await refused(2, /watched\.jsonl: another watcher has the file open\n$/, watch());
    waiting.child.kill('SIGKILL');
    equal((await waiting).signal, 'SIGKILL');
    await blocker.query('ROLLBACK');
    await blocker.query('BEGIN; LOCK TABLE vetassist_audit_head IN ACCESS EXCLUSIVE MODE');
    const cutOff = run(watch());
    while ((await first.query(waits)).rows[0].count === 0) await sleep(20);
    await first.query("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'vetassist-audit'");
    equal((await cutOff).status, 2);
    matches((await cutOff).stderr, /^vetassist-audit: the database did not answer: (?:terminating connection due to administrator command \(57P01\)|connection closed)\n$/);
    await blocker.query('ROLLBACK');
    equal((await both(watch())).status, 0);
  }

  // What goes wrong with the database is said alike.
  const at = (database) => watch().map((arg) => (arg === list ? database : arg));
  await refused(2, /permission denied for function vetassist_audit_checkpoint \(42501\)\n$/, at(list.replace('auditor', 'stranger')));
  await refused(2, /database "none" does not exist \(3D000\)\n$/, at(list.replace('audited', 'none')));
  await refused(2, /role "nobody here" does not exist \(28000\)\n$/, at(list.replace('auditor', "'nobody here'")));
  await refused(2, /error connecting to server: Connection refused \(os error 111\)\n$/, at('postgresql://auditor:pa55word@127.0.0.1:1/audited?connect_timeout=5'));
  await refused(2, /error connecting to server: No such file or directory \(os error 2\)\n$/, at('host=/nonexistent user=auditor'));
  for (const nonsense of ['nonsense pa55word', 'host=x pa55word', 'postgresql://x:pa55word@y/?z', 'host=x sslmode=pa55word', 'port=pa55word']) {
    await refused(2, /neither a URL nor a list of settings\n$/, at(nonsense));
  }
  await refused(2, /cannot read .*missing: No such file or directory \(os error 2\)\n$/, watch('--tls-authority', path('missing')));
  equal((await both(at(`host=/nonexistent,${host} user=auditor dbname=audited`))).status, 0);
  equal((await both(at(`${list} target_session_attrs=read-write`))).status, 0);

  // Passwords, however they are written.
  const password = "p@ss :/?#%'\\+";
  await first.query(`CREATE ROLE guarded LOGIN PASSWORD ${pg.escapeLiteral(password)}`);
  await db.query("SELECT vetassist_grant('guarded', 'auditor')");
  const rules = pg.escapeLiteral((await first.query('SHOW hba_file')).rows[0].hba_file);
  await first.query(`CREATE TEMP TABLE rules AS
    SELECT 0 AS place, 'local all guarded scram-sha-256' AS rule UNION ALL
    SELECT place, rule FROM regexp_split_to_table(pg_read_file(${rules}), '\n') WITH ORDINALITY AS t (rule, place);
    COPY (SELECT rule FROM rules ORDER BY place) TO ${rules}`);
  equal((await first.query('SELECT 1 FROM pg_hba_file_rules WHERE error IS NOT NULL')).rows, []);
  await first.query('SELECT pg_reload_conf()');
  const guarded = list.replace('auditor', 'guarded');
  while ((await ours(at(guarded))).status === 0) await sleep(20);
  const encoded = encodeURIComponent(password);
  equal((await both(at(url.replace('auditor', `guarded:${encoded}`)))).status, 0);
  equal((await both(at(`postgres://guarded:${encoded}@${encodeURIComponent(host)}/audited`))).status, 0);
  equal((await both(at(`${guarded} password = '${password.replaceAll(/['\\]/g, '\\$&')}'`))).status, 0);
  equal((await both(at(guarded), { env: { PGPASSWORD: password } })).status, 0);
  await refused(2, /password authentication failed for user "guarded" \(28P01\)\n$/, at(`${guarded} password=another`));
  for (const run of [ours, theirs]) {
    const started = Date.now();
    equal((await run(at(guarded))).status, 2);
    equal(Date.now() - started < 30_000, true, 'a command without a password ends at once');
  }

  // Encryption.
  const [good, another] = ['good', 'another'].map((name) => certificate(folder, name));
  const [encrypts, plain] = [await proxy(`${host}/.s.PGSQL.5432`, good), await proxy(`${host}/.s.PGSQL.5432`)];
  const tcp = (name, { port }, more = '') => `host=${name} port=${port} user=auditor dbname=audited ${more}`;
  for (const [what, database, authority, status, encrypted] of [
    ['preferred', tcp('localhost', encrypts), undefined, 0, 2],
    ['required', tcp('127.0.0.1', encrypts, 'sslmode=require'), undefined, 0, 2],
    ['as a URL', `postgresql://auditor@127.0.0.1:1,localhost:${encrypts.port}/audited?sslmode=require`, undefined, 0, 2],
    ['disabled', tcp('localhost', encrypts, 'sslmode=disable'), undefined, 0, 0],
    ['verified', tcp('localhost', encrypts), good.cert, 0, 2],
    ['another authority', tcp('localhost', encrypts), another.cert, 2, undefined],
    ['another name', tcp('127.0.0.1', encrypts), good.cert, 2, undefined],
    ['preferred in vain', tcp('localhost', plain), undefined, 0, 0],
    ['required in vain', tcp('localhost', plain, 'sslmode=require'), undefined, 2, 0],
    ['verified in vain', tcp('localhost', plain), good.cert, 2, 0],
    ['no certificate', tcp('localhost', encrypts), key, 2, 0],
  ]) {
    const before = encrypts.encrypted;
    const args = at(database).concat(authority === undefined ? [] : ['--tls-authority', authority]);
    const ended = [await ours(args), await theirs(args)];
    equal(ended.map((each) => each.status), [status, status], `${what}: ${ended.map((each) => each.stderr)}`);
    if (encrypted !== undefined) equal(encrypts.encrypted - before, encrypted, what);
  }
  encrypts.close();
  plain.close();

  // Exports: several pages, every kind of value, what is pending; the same bytes but for the time, verified by the other.
  await db.query(`INSERT INTO vetassist_users (va_icn) VALUES ('gone'), ('pending');
    INSERT INTO vetassist_auth_audit (user_id, event_type, event_data, ip_hash)
    SELECT id, 'login', jsonb_build_object('n', n, 'text', E'\\u00fc\\U0001F600"\\\\'), repeat('ab', 32) FROM vetassist_users, generate_series(1, 100) AS n`);
  await grow(20_500);
  await db.query("SELECT vetassist_erase_user(id) FROM vetassist_users WHERE va_icn = 'gone'");
  await seal();
  await db.query("SELECT vetassist_erase_user(id) FROM vetassist_users WHERE va_icn = 'pending'");
  equal((await ours(watch())).status, 0);
  const size = Number((await one('SELECT vetassist_audit_checkpoint()')).split('\n')[1]);
  const progress = [10_000, 20_000, size].map((done) => `${done} of ${size} entries\n`).join('');
  const exports = {};
  for (const [name, run] of Object.entries({ ours, theirs })) {
    const { status, stdout, stderr } = await run(['export', path(name), '--database', list]);
    equal([status, stdout, stderr], [0, '', `${progress}${size} entries are in ${path(name)}\n`]);
    equal(statSync(path(name)).mode & 0o777, 0o600);
    exports[name] = readFileSync(path(name), 'utf8').replace(/"exported_at":"[^"]+"/, '');
    const taken = await both(['export', path(name), '--database', list]);
    equal([taken.status, taken.stderr], [2, `vetassist-audit: ${path(name)}: File exists (os error 17)\n`]);
  }
  cases += 1;
  assert(exports.ours === exports.theirs, 'the exports differ');
  matches(exports.ours, /"pending":/);
  const [name] = notes()[0].split('\n');
  const verifiers = [];
  for (const keyFile of [key, other]) verifiers.push((await both(['verifier', '--key-file', keyFile, '--origin', name])).stdout.trim());
  for (const file of ['ours', 'theirs']) {
    const found = await both(['verify', path(file), '--watched', watched, ...verifiers.flatMap((verifier) => ['--key', verifier])]);
    equal(found.status, 0, found.stdout);
    matches(found.stdout, new RegExp(`^${size} entries covered by signed checkpoints\n(?:.*\n)*intact\n$`, 'm'));
  }

  // One snapshot, whatever is sealed meanwhile.
  const snapshot = await ours(['export', path('snapshot'), '--database', list], { env: { ...preload('sealing'), VETASSIST_TEST_SEALS: 'audited' } });
  equal([snapshot.status, snapshot.stderr.includes(`${size} entries are in `)], [0, true], snapshot.stderr);
  assert(Number((await one('SELECT vetassist_audit_checkpoint()')).split('\n')[1]) >= size + 20_000, 'it was sealed');
  equal(readFileSync(path('snapshot'), 'utf8').replace(/"exported_at":"[^"]+"/, '') === exports.ours, true);

  // Memory does not grow with the log: Node takes 80 MB itself, and collects late.
  const large = await filled('large');
  await large.query("INSERT INTO vetassist_auth_audit (event_type, event_data) SELECT 'x', jsonb_build_object('x', repeat('x', 1000000)) FROM generate_series(1, 200)");
  await large.query('CALL vetassist_seal_audit()');
  const measured = { env: { ...preload('sealing'), VETASSIST_TEST_MEMORY: path('memory') } };
  equal((await ours(['export', path('large'), '--database', list.replace('audited', 'large')], measured)).status, 0);
  const [bytes, kB] = [statSync(path('large')).size, Number(readFileSync(path('memory'), 'utf8'))];
  assert(bytes > 200_000_000 && kB < 260_000, `an export of ${bytes} bytes took ${kB} kB`);
  cases += 1;

  // A log that does not continue is neither signed nor kept.
  await seal();
  equal((await both(watch())).status, 0);
  await db.query('CREATE TEMP TABLE head AS SELECT size, root FROM vetassist_audit_head');
  const revert = () => db.query('UPDATE vetassist_audit_head SET size = head.size, root = head.root FROM head');
  await db.query("UPDATE vetassist_audit_head SET root = sha256('x')");
  await refused(1, /the log has as many entries as before, but other ones/, watch());
  await revert();
  await db.query('UPDATE vetassist_audit_head SET size = size - 1');
  await refused(1, /the log has \d+ entries, and had \d+: entries were removed/, watch());
  await revert();
  equal((await both(watch())).status, 0);
  await db.query(`ALTER TABLE vetassist_auth_audit DISABLE TRIGGER ALL; DELETE FROM vetassist_auth_audit WHERE id = 3;
    TRUNCATE vetassist_audit_leaves, vetassist_audit_nodes;
    UPDATE vetassist_audit_head SET size = 0, root = sha256(''), recent_id = 0, swept_id = 0, swept_at = NULL`);
  await grow(100);
  await refused(1, /the log does not continue the last checkpoint, it was rewritten/, watch());
  await db.query("SELECT vetassist_new_audit_log('to hide something')");
  await seal();
  await refused(1, /this is another log than the one watched so far/, watch());
} finally {
  for (const client of open) await client.end();
  rmSync(folder, { recursive: true });
}
console.log(`npx vetassist audit over a server: ${cases + comparisons()} cases agree with the program`);
