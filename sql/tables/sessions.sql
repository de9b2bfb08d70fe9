-- Sessions. The jti claim of a JWT identifies its session.
--
-- requires: tables/users.sql
-- unless present: vetassist_sessions

CREATE TABLE @extschema@.vetassist_sessions (
    id          uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    user_id     uuid NOT NULL REFERENCES @extschema@.vetassist_users (id) ON DELETE CASCADE,
    jwt_id      varchar(64) UNIQUE NOT NULL,
    device_info jsonb,
    created_at  timestamptz DEFAULT now(),
    expires_at  timestamptz NOT NULL,
    revoked_at  timestamptz
);

CREATE INDEX idx_vetassist_sessions_user ON @extschema@.vetassist_sessions (user_id);
CREATE INDEX idx_vetassist_sessions_jwt ON @extschema@.vetassist_sessions (jwt_id);
CREATE INDEX idx_vetassist_sessions_expires ON @extschema@.vetassist_sessions (expires_at)
    WHERE revoked_at IS NULL;

COMMENT ON TABLE @extschema@.vetassist_sessions IS 'Active VetAssist sessions for JWT management';
COMMENT ON COLUMN @extschema@.vetassist_sessions.jwt_id IS 'Maps to JWT jti claim for revocation';
