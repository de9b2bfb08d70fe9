-- Leases of refresh tokens: the right of one caller to exchange a token at VA.gov until the lease ends.
--
-- requires: tables/users.sql
-- unless present: vetassist_refresh_leases

-- A lease holds a digest of the tokens that it handed out, so that it becomes void when other tokens are stored. An expired
-- lease stays for a while: a late answer of VA.gov is stored if no other tokens were stored before it.
CREATE TABLE @extschema@.vetassist_refresh_leases (
    lease_id      uuid PRIMARY KEY,
    user_id       uuid NOT NULL REFERENCES @extschema@.vetassist_users (id) ON DELETE CASCADE,
    taken_in      xid8 NOT NULL,
    expires_at    timestamptz NOT NULL,
    tokens_digest varchar(64) NOT NULL,
    stored_digest varchar(64),
    failed_at     timestamptz
);

CREATE INDEX idx_vetassist_refresh_leases_user ON @extschema@.vetassist_refresh_leases (user_id);
CREATE INDEX idx_vetassist_refresh_leases_expires ON @extschema@.vetassist_refresh_leases (expires_at);

COMMENT ON TABLE @extschema@.vetassist_refresh_leases IS 'Leases of refresh tokens, each for one exchange';
