// Adapters of drivers. Every statement is text with numbered parameters that are strings, numbers, booleans or null.

/** Returns a Db of node-postgres: of a pool, or of a client, also in a transaction. */
export const fromPg = (pool) => ({ query: async (text, params) => (await pool.query(text, [...params])).rows });

/** Returns a Db of postgres.js: of the result of `postgres()`, or of the `sql` in its `begin`. */
export const fromPostgres = (sql) => ({ query: async (text, params) => sql.unsafe(text, [...params]) });

/** Returns a Db of PGlite, or of its transaction. */
export const fromPglite = (db) => ({ query: async (text, params) => (await db.query(text, [...params])).rows });

/** Returns a Db of the result of `neon()`. Each statement is a request over HTTP. */
export const fromNeon = (sql) => ({
  query: async (text, params) => {
    const found = await (typeof sql.query === 'function' ? sql.query(text, [...params]) : sql(text, [...params]));
    return Array.isArray(found) ? found : found.rows;
  },
});
