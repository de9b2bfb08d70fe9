-- Sealed tokens of VA.gov, one row for each user.
--
-- requires: tables/users.sql
-- unless present: vetassist_va_tokens

CREATE TABLE @extschema@.vetassist_va_tokens (
    id                      uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    user_id                 uuid NOT NULL UNIQUE REFERENCES @extschema@.vetassist_users (id) ON DELETE CASCADE,
    access_token_encrypted  bytea NOT NULL,
    refresh_token_encrypted bytea,
    token_type              varchar(20) DEFAULT 'Bearer',
    scope                   varchar(500),
    expires_at              timestamptz NOT NULL,
    created_at              timestamptz DEFAULT now(),
    refreshed_at            timestamptz
);

COMMENT ON TABLE @extschema@.vetassist_va_tokens IS 'Encrypted VA OAuth tokens - access and refresh';
COMMENT ON COLUMN @extschema@.vetassist_va_tokens.access_token_encrypted IS 'AES-256-GCM encrypted, nonce prepended';
