// Tests the package in Node: imported, with `require`, which must give the same classes, and against `node:crypto`.
import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto';
import { createRequire } from 'node:module';
import assert from 'node:assert/strict';
import * as api from 'vetassist';
import * as metadata from 'vetassist/metadata';
import * as slim from 'vetassist/slim';
import { together } from '../conformance.mjs';
import * as copy from '../node_modules/vetassist/dist/index.js';
import { run } from '../run.mjs';
import { usesTheFasterImplementation } from '../faster.mjs';

const said = await run({ ...api, ...metadata }, 'node, ESM');

const require = createRequire(import.meta.url);
assert.equal(require('vetassist').Key, api.Key, 'import and require share their classes');
assert.equal(require('vetassist/slim').Key, slim.Key, 'import and require of vetassist/slim share their classes');

// Another copy of the package, as after a hot reload.
assert.notEqual(copy.Key, api.Key);
together(api, copy);
together(copy, api);

for (const length of [0, 1, 16, 1000, 70_000]) {
  const raw = api.generateKey();
  const key = new api.Key(raw);
  const plaintext = randomBytes(length);
  const aad = randomBytes(length % 7);

  const sealed = key.seal(plaintext, aad);
  const decipher = createDecipheriv('aes-256-gcm', raw, sealed.subarray(0, 12));
  decipher.setAAD(aad).setAuthTag(sealed.subarray(-16));
  const opened = Buffer.concat([decipher.update(sealed.subarray(12, -16)), decipher.final()]);
  assert.deepEqual(opened, plaintext, 'node:crypto opens bytes that the package sealed');

  const iv = randomBytes(12);
  const cipher = createCipheriv('aes-256-gcm', raw, iv).setAAD(aad);
  const body = Buffer.concat([cipher.update(plaintext), cipher.final()]);
  const theirs = key.open(Buffer.concat([iv, body, cipher.getAuthTag()]), aad);
  assert.deepEqual(Buffer.from(theirs), plaintext, 'the package opens bytes that node:crypto sealed');
}
console.log(said);
// Newer versions are slower to accept a key.
const isSlow = Number.parseInt(process.versions.node) >= 24;
await usesTheFasterImplementation(api, {
  byModule: [0, 1, 32, 64, 80],
  byNodeCrypto: [300, 511, 5000, 50_000],
  odd: isSlow ? 255 : 127,
  limits: isSlow ? { bytes: 256, text: 256, tokens: 320 } : { bytes: 192, text: 192, tokens: 320 },
  promises: Infinity,
});
