-- The guard of the audit trail in a database without the extension.
--
-- requires: tables/auth_audit.sql

-- The guard of a database without the extension, whose own is in C and takes the place of this one. Nobody
-- passes, not even to purge: to shorten the trail takes the extension, or the owner and ALTER TABLE ... DISABLE
-- TRIGGER.
DO $plain$
BEGIN
    IF EXISTS (SELECT FROM pg_catalog.pg_extension
               WHERE extname = 'vetassist'
                 AND extnamespace = pg_catalog.to_regnamespace(pg_catalog.quote_ident(pg_catalog.current_schema()))) THEN
        RETURN;
    END IF;
    CREATE OR REPLACE FUNCTION vetassist_audit_guard() RETURNS trigger
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
    AS $$
    BEGIN
        RAISE EXCEPTION USING ERRCODE = 'insufficient_privilege', MESSAGE = 'the audit trail is append-only',
            HINT = 'With the extension vetassist, vetassist_purge_audit() deletes what is older than the time that the trail is kept.';
    END
    $$;
END
$plain$;
