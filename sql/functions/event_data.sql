-- Types and metadata of audit events.
--
-- requires: functions/ip_hash.sql

-- Returns event_type. Refuses a type that looks like a secret, or that is reserved for events of vetassist.
CREATE OR REPLACE FUNCTION @extschema@.vetassist_checked_event_type(event_type text) RETURNS text
LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE
AS 'MODULE_PATHNAME', 'vetassist_checked_event_type_wrapper';

-- Refuses metadata with a value that looks like a secret. The error names the member, never the value.
CREATE OR REPLACE FUNCTION @extschema@.vetassist_check_event_data(event_data jsonb) RETURNS void
LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE
AS 'MODULE_PATHNAME', 'vetassist_check_event_data_wrapper';

-- Checks metadata in the same way, and returns it with each address in it replaced by its hash.
CREATE OR REPLACE FUNCTION @extschema@.vetassist_checked_event_data(event_data jsonb) RETURNS jsonb
LANGUAGE c VOLATILE STRICT PARALLEL UNSAFE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS 'MODULE_PATHNAME', 'vetassist_checked_event_data_wrapper';
