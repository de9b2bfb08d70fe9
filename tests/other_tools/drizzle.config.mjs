// Connects drizzle-kit to a test server. FILTER has options as docs/beside-other-tools.md writes them.

import { env } from 'node:process';
import { runInNewContext } from 'node:vm';

export default {
  dialect: 'postgresql',
  schema: './drizzle_schema.mjs',
  dbCredentials: { host: env.SOCKET, user: 'migrator', database: 'postgres', ssl: false },
  ...runInNewContext(`({${env.FILTER}})`),
};
