-- The triggers that keep the audit trail append-only.
--
-- requires: tables/auth_audit.sql

-- For each statement, so that one that touches no row is refused as well, and TRUNCATE is.
CREATE OR REPLACE TRIGGER vetassist_auth_audit_append_only
    BEFORE UPDATE OR DELETE OR TRUNCATE ON @extschema@.vetassist_auth_audit
    FOR EACH STATEMENT EXECUTE FUNCTION @extschema@.vetassist_audit_guard();

-- For each row, because a statement on a parent of the table fires the parent's triggers and only the rows' own. After the
-- change, so that no other trigger changes what was looked at.
CREATE OR REPLACE TRIGGER vetassist_auth_audit_append_only_rows
    AFTER UPDATE OR DELETE ON @extschema@.vetassist_auth_audit
    FOR EACH ROW EXECUTE FUNCTION @extschema@.vetassist_audit_guard();

CREATE OR REPLACE TRIGGER vetassist_auth_audit_id
    BEFORE INSERT ON @extschema@.vetassist_auth_audit
    FOR EACH ROW EXECUTE FUNCTION @extschema@.vetassist_audit_id();

-- Also where session_replication_role is replica, which others than a superuser may be allowed to set.
ALTER TABLE @extschema@.vetassist_auth_audit
    ENABLE ALWAYS TRIGGER vetassist_auth_audit_append_only,
    ENABLE ALWAYS TRIGGER vetassist_auth_audit_append_only_rows,
    ENABLE ALWAYS TRIGGER vetassist_auth_audit_id;

-- From now on nobody takes an id in advance. What somebody took before is passed over, but for ids that no sequence gets to.
SELECT pg_catalog.setval('@extschema@' || '.vetassist_auth_audit_id_seq', t.id)
FROM (SELECT pg_catalog.max(a.id) AS id FROM @extschema@.vetassist_auth_audit AS a
      WHERE a.id OPERATOR(pg_catalog.<) 4611686018427387904) AS t,
     @extschema@.vetassist_auth_audit_id_seq AS s
WHERE t.id OPERATOR(pg_catalog.>) s.last_value;
