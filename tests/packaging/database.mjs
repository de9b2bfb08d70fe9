// Creates a database for one project, because projects run at the same time on one server.
import pg from 'pg';

/** Creates a database on the server whose socket is in VETASSIST_TEST_SOCKET. Returns how a superuser connects to it. */
export async function database(name) {
  const superuser = { host: process.env.VETASSIST_TEST_SOCKET, user: 'postgres' };
  const first = new pg.Client({ ...superuser, database: 'postgres' });
  await first.connect();
  await first.query(`CREATE DATABASE ${name}`);
  await first.end();
  return { ...superuser, database: name };
}
