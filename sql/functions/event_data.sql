-- Types and metadata of audit events.
--
-- requires: functions/ip_hash.sql

-- Returns a type of events, and refuses one that looks like a secret, or that the library keeps for itself.
CREATE OR REPLACE FUNCTION @extschema@.vetassist_checked_event_type(event_type text) RETURNS text
LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE
AS 'MODULE_PATHNAME', 'vetassist_checked_event_type_wrapper';

-- Refuses metadata that carries what looks like a secret, and says where; never what.
CREATE OR REPLACE FUNCTION @extschema@.vetassist_check_event_data(event_data jsonb) RETURNS void
LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE
AS 'MODULE_PATHNAME', 'vetassist_check_event_data_wrapper';

-- The same, and returns the metadata with each address in it replaced by its hash.
CREATE OR REPLACE FUNCTION @extschema@.vetassist_checked_event_data(event_data jsonb) RETURNS jsonb
LANGUAGE c VOLATILE STRICT PARALLEL UNSAFE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS 'MODULE_PATHNAME', 'vetassist_checked_event_data_wrapper';
