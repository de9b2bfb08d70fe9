// The packed package in Node, imported; and that `require` gives the same classes.
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { webcrypto, createCipheriv, createDecipheriv, randomBytes } from 'node:crypto';
import * as api from 'vetassist';
import { conformance } from './conformance.mjs';

const cases = await conformance(api, JSON.parse(readFileSync(process.argv[2], 'utf8')));
const required = createRequire(import.meta.url)('vetassist');
if (required.Key !== api.Key) throw new Error('import and require give two classes named Key');

// Both ways with the runtime's own implementations.
for (const length of [0, 1, 16, 1000, 70000]) {
  const raw = api.generateKey();
  const key = new api.Key(raw);
  const plaintext = randomBytes(length);
  const same = (found) => {
    if (Buffer.compare(Buffer.from(found), plaintext)) throw new Error(`${length} bytes differ`);
  };
  const imported = await webcrypto.subtle.importKey('raw', raw, 'AES-GCM', false, ['encrypt', 'decrypt']);
  const sealed = key.seal(plaintext);
  same(await webcrypto.subtle.decrypt({ name: 'AES-GCM', iv: sealed.subarray(0, 12) }, imported, sealed.subarray(12)));
  const iv = randomBytes(12);
  const theirs = new Uint8Array(await webcrypto.subtle.encrypt({ name: 'AES-GCM', iv }, imported, plaintext));
  same(key.open(Buffer.concat([iv, theirs])));
  const decipher = createDecipheriv('aes-256-gcm', raw, sealed.subarray(0, 12)).setAuthTag(sealed.subarray(-16));
  same(Buffer.concat([decipher.update(sealed.subarray(12, -16)), decipher.final()]));
  const cipher = createCipheriv('aes-256-gcm', raw, iv);
  const body = Buffer.concat([cipher.update(plaintext), cipher.final()]);
  same(key.open(Buffer.concat([iv, body, cipher.getAuthTag()])));
}
console.log(`node, ESM: ${cases} cases agree`);
