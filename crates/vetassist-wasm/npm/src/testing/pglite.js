// A database in the process: PGlite with the plain file installed.

import { fromPglite } from '#client';
import { plainFile } from '#plain_file';
import { optional } from './optional.js';

/** Returns a Db of a new PGlite, or of the given one, and runs the plain file in it. */
export async function pglite(options) {
  const { schema = 'public', database } = options ?? {};
  const { readFile } = await optional('node:fs/promises');
  const { PGlite } = database ? {} : await optional('@electric-sql/pglite');
  const made = database ?? new PGlite();
  const quoted = `"${schema.replaceAll('"', '""')}"`;
  await made.exec(`CREATE SCHEMA IF NOT EXISTS ${quoted}`);
  await made.query("SELECT set_config('vetassist_plain.schema', $1, false)", [schema]);
  await made.exec(await readFile(plainFile(), 'utf8'));
  return { ...fromPglite(made), database: made, close: () => made.close() };
}
