-- The hashes of addresses that are keyed.
--
-- requires: tables/auth_audit.sql tables/sessions.sql
-- unless present: vetassist_keyed_ip_hashes

-- A keyed hash looks like a plain one, so this table lists the stored hashes that are keyed. It has one row for each hash,
-- no matter how often the hash is stored.
CREATE TABLE @extschema@.vetassist_keyed_ip_hashes (
    ip_hash varchar(64) PRIMARY KEY
);

COMMENT ON TABLE @extschema@.vetassist_keyed_ip_hashes IS 'Address hashes that are keyed, of those that vetassist_auth_audit and vetassist_sessions hold';
