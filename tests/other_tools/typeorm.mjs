// Drops and synchronizes the schema of a service that uses TypeORM. FILTER has options as docs/beside-other-tools.md writes
// them.

import 'reflect-metadata';
import { env } from 'node:process';
import { runInNewContext } from 'node:vm';
import { DataSource, EntitySchema } from 'typeorm';

const Note = new EntitySchema({
  name: 'Note',
  tableName: 'notes',
  columns: { id: { type: 'int', primary: true } },
});

const source = new DataSource({
  type: 'postgres',
  host: env.SOCKET,
  username: 'migrator',
  database: 'postgres',
  entities: [Note],
  ...runInNewContext(`({${env.FILTER}})`),
});
await source.initialize();
if (env.DROP) {
  await source.dropDatabase();
}
await source.synchronize();
await source.destroy();
