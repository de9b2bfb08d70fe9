-- The search paths of the plain installation's functions.
--
-- requires: plain/present.sql plain/audit_guard.sql tables/append_only.sql

-- Some functions write every name with its schema and have no search_path, so that the planner can inline them. Linters of
-- hosted databases demand one, so this sets it. A procedure that commits cannot have one.
DO $plain$
DECLARE
    bare regprocedure;
BEGIN
    FOR bare IN
        SELECT p.oid
        FROM pg_proc AS p
        -- An array looks each signature up once. A join would do it again for every function of the database.
        WHERE p.oid = ANY (ARRAY(SELECT to_regprocedure('@extschema@' || '.' || f.signature)::oid
                                 FROM unnest(ARRAY['@functions@']) AS f (signature)))
          AND p.prokind = 'f'
          AND NOT EXISTS (SELECT FROM unnest(p.proconfig) AS c (setting) WHERE starts_with(c.setting, 'search_path='))
    LOOP
        EXECUTE format('ALTER FUNCTION %s SET search_path = pg_catalog, pg_temp', bare);
    END LOOP;
END
$plain$;
