// Tests vetassist/client without a server, in PGlite with the plain file and a ring.
import assert from 'node:assert/strict';
import { generateKey, KeyRing } from 'vetassist';
import { pglite } from 'vetassist/testing';
import { rules } from './rules.mjs';
import { service } from './service.mjs';

let cases = 0;
for (const [schema, ipHash] of [
  ['public', 'keyed'],
  ['a "schema" of my own', 'sha256'],
]) {
  const db = await pglite({ schema });
  const options = { db, schema, ipHash, ring: new KeyRing([generateKey()]) };
  const rows = async (text, params) => (await db.database.query(text, params)).rows;
  cases += await service({ options, rows, keyed: ipHash === 'keyed' });
  if (schema !== 'public') assert.equal((await rows("SELECT 1 FROM pg_tables WHERE schemaname = 'public'", [])).length, 0);
  cases += await rules({ options, rows });
  await db.close();
}
console.log(`the client in PGlite: ${cases} cases agree`);
