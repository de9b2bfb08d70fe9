-- The guard of the audit trail in a database without the extension.
--
-- requires: plain/present.sql tables/auth_audit.sql tables/audit_pending.sql

-- The guard of the extension is written in Rust and replaces this one. The guard allows two kinds of changes. The first is a
-- change that logical replication applies. The second is a change that matches the last line that the same transaction wrote
-- to vetassist_audit_pending: an erasure clears the rows of the line, a purge deletes them. Only the owner can write such
-- lines. The owner can also write one by hand, or switch the guard off. A line by hand is in the log from the next seal on.
-- vetassist_verify_audit() finds changes that were made without the guard.
CREATE OR REPLACE FUNCTION @extschema@.vetassist_audit_guard() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    owed record;
    passes boolean := false;
BEGIN
    -- Logical replication changes rows without a statement, but truncates with one.
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
            HINT = 'Use vetassist_purge_audit() to delete rows that need not be kept any longer.';
    END IF;
    RETURN NULL;
END
$$;

-- Gives each row the next id, as in the extension, unless the owner inserts the row.
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
