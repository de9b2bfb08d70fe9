-- Hashes of addresses, plain and keyed.
--
-- requires: tables/keyed_ip_hashes.sql functions/keyring.sql

CREATE OR REPLACE FUNCTION @extschema@.vetassist_hash_ip(ip inet) RETURNS text
LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE
AS 'MODULE_PATHNAME', 'vetassist_hash_ip_wrapper';

CREATE OR REPLACE FUNCTION @extschema@.vetassist_hash_ip_keyed(ip inet) RETURNS text
LANGUAGE c STABLE STRICT PARALLEL SAFE
AS 'MODULE_PATHNAME', 'vetassist_hash_ip_keyed_wrapper';

CREATE OR REPLACE FUNCTION @extschema@.vetassist_upgrade_ip_hash(plain_hash text) RETURNS text
LANGUAGE c STABLE STRICT PARALLEL SAFE
AS 'MODULE_PATHNAME', 'vetassist_upgrade_ip_hash_wrapper';

-- Registers a hash as keyed. Libraries before 0.3.0 call it; a connection may have loaded one before the update.
CREATE OR REPLACE FUNCTION @extschema@.vetassist_mark_keyed(hash text) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    -- The hash is looked for first, so that a known address takes no lock.
    IF NOT EXISTS (SELECT FROM @extschema@.vetassist_keyed_ip_hashes AS k WHERE k.ip_hash = hash) THEN
        INSERT INTO @extschema@.vetassist_keyed_ip_hashes (ip_hash) VALUES (hash) ON CONFLICT DO NOTHING;
    END IF;
END
$$;

-- Returns the hash of an address that is stored: plain or keyed, as vetassist.ip_hash says. Registers a keyed hash.
CREATE OR REPLACE FUNCTION @extschema@.vetassist_stored_ip_hash(ip inet) RETURNS text
LANGUAGE c VOLATILE STRICT PARALLEL UNSAFE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS 'MODULE_PATHNAME', 'vetassist_stored_ip_hash_wrapper';
