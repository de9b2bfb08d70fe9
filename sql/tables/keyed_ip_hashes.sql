-- The address hashes that are keyed.
--
-- requires: tables/auth_audit.sql tables/sessions.sql
-- unless present: vetassist_keyed_ip_hashes

-- Which stored address hashes are keyed: they look like plain ones. One row for each hash, however
-- often it is stored.
CREATE TABLE @extschema@.vetassist_keyed_ip_hashes (
    ip_hash varchar(64) PRIMARY KEY
);

COMMENT ON TABLE @extschema@.vetassist_keyed_ip_hashes IS 'Address hashes that are keyed, of those that vetassist_auth_audit and vetassist_sessions hold';
