-- The guard of the audit trail in a database without the extension.
--
-- requires: tables/auth_audit.sql

-- The extension's own is in C and takes the place of this one. Nobody passes, not even to purge: to shorten the trail
-- takes the extension, or the owner and ALTER TABLE ... DISABLE TRIGGER.
CREATE OR REPLACE FUNCTION @extschema@.vetassist_audit_guard() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RAISE EXCEPTION USING ERRCODE = 'insufficient_privilege', MESSAGE = 'the audit trail is append-only',
        HINT = 'With the extension vetassist, vetassist_purge_audit() deletes what is older than the time that the trail is kept.';
END
$$;
