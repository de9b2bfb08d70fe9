-- The triggers that keep the audit trail append-only.
--
-- requires: tables/auth_audit.sql

-- Fires once for each statement, so that it also refuses TRUNCATE and statements that change no row.
CREATE OR REPLACE TRIGGER vetassist_auth_audit_append_only
    BEFORE UPDATE OR DELETE OR TRUNCATE ON @extschema@.vetassist_auth_audit
    FOR EACH STATEMENT EXECUTE FUNCTION @extschema@.vetassist_audit_guard();

-- Fires for each row, because a statement on a parent table does not fire the statement triggers of this table. It fires
-- after the change, so that no other trigger can change the row after the check.
CREATE OR REPLACE TRIGGER vetassist_auth_audit_append_only_rows
    AFTER UPDATE OR DELETE ON @extschema@.vetassist_auth_audit
    FOR EACH ROW EXECUTE FUNCTION @extschema@.vetassist_audit_guard();

CREATE OR REPLACE TRIGGER vetassist_auth_audit_id
    BEFORE INSERT ON @extschema@.vetassist_auth_audit
    FOR EACH ROW EXECUTE FUNCTION @extschema@.vetassist_audit_id();

-- The triggers fire even if session_replication_role is replica: roles that are not superusers may be allowed to set it.
ALTER TABLE @extschema@.vetassist_auth_audit
    ENABLE ALWAYS TRIGGER vetassist_auth_audit_append_only,
    ENABLE ALWAYS TRIGGER vetassist_auth_audit_append_only_rows,
    ENABLE ALWAYS TRIGGER vetassist_auth_audit_id;

-- Only the sequence gives ids from now on. It continues after the ids that rows already have. Ids of 2^62 and more do not
-- count, because the sequence never reaches them.
SELECT pg_catalog.setval('@extschema@' || '.vetassist_auth_audit_id_seq', t.id)
FROM (SELECT pg_catalog.max(a.id) AS id FROM @extschema@.vetassist_auth_audit AS a
      WHERE a.id OPERATOR(pg_catalog.<) 4611686018427387904) AS t,
     @extschema@.vetassist_auth_audit_id_seq AS s
WHERE t.id OPERATOR(pg_catalog.>) s.last_value;
