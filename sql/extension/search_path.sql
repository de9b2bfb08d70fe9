-- The settings that a script is read under, whatever its caller's are.

-- Names below resolve in pg_catalog and nowhere else: each object of ours is written with its schema.
SET LOCAL search_path = pg_catalog, pg_temp;
-- The checks compare what PostgreSQL prints of a name with what it must be.
SET LOCAL quote_all_identifiers = off;
