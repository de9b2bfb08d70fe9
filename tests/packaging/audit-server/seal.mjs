// Writes into the trail of a database and seals it: node seal.mjs DATABASE
import pg from 'pg';

const db = new pg.Client({ host: process.env.VETASSIST_TEST_SOCKET, user: 'postgres', database: process.argv[2] });
await db.connect();
await db.query("INSERT INTO vetassist_auth_audit (event_type) SELECT 'late' FROM generate_series(1, 20000)");
await db.query('CALL vetassist_seal_audit()');
await db.end();
