-- Descriptions of the devices of sessions.
--
-- requires: functions/ip_hash.sql

-- Returns the description of a device with each address in it, at any depth, replaced by its hash.
CREATE OR REPLACE FUNCTION @extschema@.vetassist_hash_device_ips(node jsonb) RETURNS jsonb
LANGUAGE c VOLATILE STRICT PARALLEL UNSAFE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS 'MODULE_PATHNAME', 'vetassist_hash_device_ips_wrapper';
