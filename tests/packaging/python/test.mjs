// Tests that the package and Python's `cryptography` open each other's values. VETASSIST_TEST_PYTHON names a Python that has it.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { randomBytes, randomInt } from 'node:crypto';
import { fileURLToPath } from 'node:url';
import * as api from 'vetassist';
import { address, masterKey, tokens, user } from '../random.mjs';

const python = process.env.VETASSIST_TEST_PYTHON;
assert(python, 'VETASSIST_TEST_PYTHON must name a Python with cryptography');

const master = masterKey();
const ring = new api.KeyRing([master]);
const hex = (bytes) => Buffer.from(bytes).toString('hex');

const given = {
  master,
  fingerprint: api.fingerprint(master),
  tokens: [...tokens(1000)].map((token) => {
    const id = user();
    return { token, user: id, sealed: hex(ring.encryptToken(token, id)) };
  }),
  values: Array.from({ length: 300 }, (_, i) => {
    const [key, value, aad] = [32, i < 3 ? i : randomInt(70_000), i % 5 && randomInt(100)].map((size) => randomBytes(size));
    return { key: hex(key), value: hex(value), aad: hex(aad), sealed: hex(api.encrypt(value, key, aad)) };
  }),
  addresses: Array.from({ length: 500 }, () => {
    const one = address();
    return { address: one, hash: api.hashIp(one), keyed: api.hashIpKeyed(one, master) };
  }),
};
const answer = execFileSync(python, [fileURLToPath(new URL('other.py', import.meta.url))], {
  // Keys are passed through the pipe, because every user can read arguments.
  input: JSON.stringify(given),
  env: { ...process.env, PYTHONPATH: fileURLToPath(new URL('../../python', import.meta.url)), PYTHONDONTWRITEBYTECODE: '1' },
  maxBuffer: 2 ** 28,
  encoding: 'utf8',
});
const theirs = JSON.parse(answer);

const pairs = (name) => given[name].map((case_, i) => [case_, Buffer.from(theirs[name][i], 'hex')]);
for (const [{ token, user: id }, sealed] of pairs('tokens')) {
  assert.equal(ring.decryptToken(sealed, id), token);
  assert.throws(() => ring.decryptToken(sealed, user()), { code: 'ERR_OPEN_FAILED' });
}
for (const [{ key, value, aad }, sealed] of pairs('values')) {
  const opened = api.decrypt(sealed, Buffer.from(key, 'hex'), Buffer.from(aad, 'hex'));
  assert.equal(hex(opened), value);
}
const cases = 2 * (given.tokens.length + given.values.length) + given.addresses.length + 1;
console.log(`python, both ways: ${cases} cases agree`);
