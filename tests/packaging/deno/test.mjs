// Tests the package in Deno without permissions.
import { createRequire } from 'node:module';
import * as api from 'vetassist';
import * as metadata from 'vetassist/metadata';
import { run } from '../run.mjs';
import { usesTheFasterImplementation } from '../faster.mjs';

for (const name of ['read', 'write', 'net', 'env', 'sys', 'run', 'ffi']) {
  const { state } = await Deno.permissions.query({ name });
  if (state === 'granted') throw new Error(`this has the permission ${name}, so it proves nothing`);
}
const required = createRequire(import.meta.url)('vetassist');
if (required.Key !== api.Key) throw new Error('import and require give two classes');
console.log(await run({ ...api, ...metadata }, `deno ${Deno.version.deno}, without permissions`));
await usesTheFasterImplementation(api, { byModule: [0, 1, 32, 64, 80], byNodeCrypto: [300, 511, 5000], promises: 16 * 1024, odd: 255, limits: { bytes: 256, text: 256, tokens: 320 } });
