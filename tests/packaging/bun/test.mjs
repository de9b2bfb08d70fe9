// Tests the package in Bun: imported, and with `require`, which must give the same classes.
import { createRequire } from 'node:module';
import * as api from 'vetassist';
import * as metadata from 'vetassist/metadata';
import { run } from '../run.mjs';
import { usesTheFasterImplementation } from '../faster.mjs';

const required = createRequire(import.meta.url)('vetassist');
if (required.Key !== api.Key) throw new Error('import and require give two classes');
console.log(await run({ ...api, ...metadata }, `bun ${Bun.version}`));
await usesTheFasterImplementation(api, { byModule: [], byNodeCrypto: [0, 1, 32, 64, 300, 511, 5000, 50_000], promises: Infinity, odd: 127 });
