-- Refreshes that failed.
--
-- requires: tables/users.sql
-- unless present: vetassist_refresh_states

-- Has one row for each user whose last refresh failed. The row is about the tokens with this digest. If retry_at is NULL,
-- the tokens are not refreshed again: the veteran must sign in again.
CREATE TABLE @extschema@.vetassist_refresh_states (
    user_id       uuid PRIMARY KEY REFERENCES @extschema@.vetassist_users (id) ON DELETE CASCADE,
    tokens_digest varchar(64) NOT NULL,
    attempts      integer NOT NULL,
    failed_at     timestamptz NOT NULL,
    retry_at      timestamptz,
    last_error    varchar(64) NOT NULL
);

COMMENT ON TABLE @extschema@.vetassist_refresh_states IS 'Refreshes that failed, with the time of the next try';
