-- Accepting another key ring.
--
-- requires: functions/known_keys.sql functions/keyring.sql

-- Makes the server's ring known to this database, also where it opens nothing of what is stored. For a superuser.
CREATE OR REPLACE FUNCTION @extschema@.vetassist_accept_ring() RETURNS void
LANGUAGE c VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'vetassist_accept_ring_wrapper';
