-- The guard of the audit trail in a database without the extension.
--
-- requires: plain/present.sql tables/auth_audit.sql

-- The extension's own is in C and takes the place of this one. Nobody passes but what logical replication applies, not
-- even to purge: to shorten the trail takes the extension, or the owner and ALTER TABLE ... DISABLE TRIGGER.
CREATE OR REPLACE FUNCTION @extschema@.vetassist_audit_guard() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    -- Logical replication changes rows without a statement, and truncates by one.
    IF (TG_LEVEL = 'ROW' OR TG_OP = 'TRUNCATE')
       AND EXISTS (SELECT FROM pg_stat_subscription AS s WHERE s.pid = pg_backend_pid()) THEN
        RETURN NULL;
    END IF;
    RAISE EXCEPTION USING ERRCODE = 'insufficient_privilege', MESSAGE = 'the audit trail is append-only',
        HINT = 'With the extension vetassist, vetassist_purge_audit() deletes what is older than the time that the trail is kept.';
END
$$;

-- As the extension's: rows of others than the owner have the next id.
CREATE OR REPLACE FUNCTION @extschema@.vetassist_audit_id() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF NOT pg_has_role((SELECT c.relowner FROM pg_class AS c WHERE c.oid = TG_RELID), 'USAGE')
       AND NOT EXISTS (SELECT FROM pg_stat_subscription AS s WHERE s.pid = pg_backend_pid()) THEN
        NEW.id := nextval(pg_get_serial_sequence(TG_RELID::regclass::text, 'id'));
    END IF;
    RETURN NEW;
END
$$;
