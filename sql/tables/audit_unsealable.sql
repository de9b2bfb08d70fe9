-- Rows of the audit trail that cannot be sealed.
--
-- unless present: vetassist_audit_unsealable

-- These rows have no entry because they cannot be encoded. The seal skips them.
CREATE TABLE @extschema@.vetassist_audit_unsealable (
    audit_id bigint PRIMARY KEY,
    sqlstate text NOT NULL
);

COMMENT ON TABLE @extschema@.vetassist_audit_unsealable IS 'Rows of vetassist_auth_audit that the audit log can''t take';
