-- Names below resolve in pg_catalog and nowhere else: each object of ours is written with its schema.

SET LOCAL search_path = pg_catalog, pg_temp;
