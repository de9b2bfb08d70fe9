// Drivers, by their shape. Every statement is text with numbered parameters that are strings, numbers, booleans or null.

/** Makes a Db of node-postgres: a pool, or a client, also one in a transaction. */
export const fromPg = (pool) => ({ query: async (text, params) => (await pool.query(text, [...params])).rows });

/** Makes a Db of postgres.js: what `postgres()` returns, or a `sql` in its `begin`. */
export const fromPostgres = (sql) => ({ query: async (text, params) => sql.unsafe(text, [...params]) });

/** Makes a Db of PGlite, or of its transaction. */
export const fromPglite = (db) => ({ query: async (text, params) => (await db.query(text, [...params])).rows });

/** Makes a Db of what `neon()` returns: a statement is a request over HTTP. */
export const fromNeon = (sql) => ({
  query: async (text, params) => {
    const found = await (typeof sql.query === 'function' ? sql.query(text, [...params]) : sql(text, [...params]));
    return Array.isArray(found) ? found : found.rows;
  },
});
