-- Settings under which a script runs, no matter what its caller has set.

-- Names without a schema resolve only in pg_catalog: each object of vetassist is written with its schema.
SET LOCAL search_path = pg_catalog, pg_temp;
-- The checks compare names as PostgreSQL prints them.
SET LOCAL quote_all_identifiers = off;
