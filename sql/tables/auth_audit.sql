-- The audit trail: each event with its user and the hash of the client's address.
--
-- requires: tables/users.sql
-- unless present: vetassist_auth_audit
-- makes: vetassist_auth_audit_id_seq

CREATE TABLE @extschema@.vetassist_auth_audit (
    id         bigserial PRIMARY KEY,
    user_id    uuid REFERENCES @extschema@.vetassist_users (id),
    event_type varchar(50) NOT NULL,
    event_data jsonb,
    ip_hash    varchar(64),
    created_at timestamptz DEFAULT now()
);

CREATE INDEX idx_vetassist_audit_user ON @extschema@.vetassist_auth_audit (user_id);
CREATE INDEX idx_vetassist_audit_type ON @extschema@.vetassist_auth_audit (event_type);
CREATE INDEX idx_vetassist_audit_created ON @extschema@.vetassist_auth_audit (created_at);

COMMENT ON TABLE @extschema@.vetassist_auth_audit IS 'Security audit log for authentication events';
