-- Accepting another key ring.
--
-- requires: functions/known_keys.sql functions/keyring.sql

-- Makes the server's ring known to this database, even if the ring opens no stored token. Only a superuser may call it.
CREATE OR REPLACE FUNCTION @extschema@.vetassist_accept_ring() RETURNS void
LANGUAGE c VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'vetassist_accept_ring_wrapper';
