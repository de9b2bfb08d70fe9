-- The trigger that keeps the audit trail append-only.
--
-- requires: tables/auth_audit.sql

-- The audit trail is append-only: the guard refuses whatever is no INSERT. It is no row trigger, so it also
-- stops what would touch no row; it does not fire for INSERT and COPY, and so not while a dump is restored.
CREATE OR REPLACE TRIGGER vetassist_auth_audit_append_only
    BEFORE UPDATE OR DELETE OR TRUNCATE ON @extschema@.vetassist_auth_audit
    FOR EACH STATEMENT EXECUTE FUNCTION @extschema@.vetassist_audit_guard();
