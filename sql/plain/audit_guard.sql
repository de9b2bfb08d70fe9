-- The guard of the audit trail in a database without the extension.
--
-- requires: plain/present.sql tables/auth_audit.sql tables/audit_pending.sql

-- The extension's own is in C and takes the place of this one. Two pass: what logical replication applies, and what a line
-- for the audit log tells of, which the same transaction wrote last: rows that it names are cleared (an erasure) or deleted
-- (a purge), and nothing else. Only the owner writes such lines. Whoever is the owner can write one by hand, or switch the
-- guard off: the one is in the log from the next seal on, the other is found by vetassist_verify_audit().
CREATE OR REPLACE FUNCTION @extschema@.vetassist_audit_guard() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    owed record;
    passes boolean := false;
BEGIN
    -- Logical replication changes rows without a statement, and truncates by one.
    IF (TG_LEVEL = 'ROW' OR TG_OP = 'TRUNCATE')
       AND EXISTS (SELECT FROM pg_stat_subscription AS s WHERE s.pid = pg_backend_pid()) THEN
        RETURN NULL;
    END IF;
    IF TG_OP IN ('UPDATE', 'DELETE') AND has_table_privilege('@extschema@' || '.vetassist_audit_pending', 'SELECT') THEN
        SELECT p.kind, p.audit_ids INTO owed FROM @extschema@.vetassist_audit_pending AS p
        WHERE p.transaction = pg_current_xact_id_if_assigned()
        ORDER BY p.part DESC LIMIT 1;
        IF owed.kind = (CASE TG_OP WHEN 'UPDATE' THEN 'e' ELSE 'u' END) THEN
            IF TG_LEVEL = 'STATEMENT' THEN
                passes := true;
            ELSIF OLD.id = ANY (owed.audit_ids) THEN
                IF TG_OP = 'DELETE' THEN
                    passes := true;
                ELSE
                    passes := NEW.event_data IS NULL AND NEW.ip_hash IS NULL
                        AND (NEW.id, NEW.user_id, NEW.event_type, NEW.created_at)
                            IS NOT DISTINCT FROM (OLD.id, OLD.user_id, OLD.event_type, OLD.created_at);
                END IF;
            END IF;
        END IF;
    END IF;
    IF NOT passes THEN
        RAISE EXCEPTION USING ERRCODE = 'insufficient_privilege', MESSAGE = 'the audit trail is append-only',
            HINT = 'vetassist_purge_audit() deletes what is older than the time that the trail is kept.';
    END IF;
    RETURN NULL;
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
