-- Leases of refresh tokens: who may exchange one at VA.gov, and until when.
--
-- requires: tables/users.sql
-- unless present: vetassist_refresh_leases

-- A lease names the tokens that it handed out by a digest, so that whatever else is stored meanwhile makes it void. One
-- that ran out stays for a while: its answer may come late, and is stored if nothing else was.
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
