-- Metadata of audit events.

-- Refuses metadata that carries what looks like a secret, and says where; never what.
CREATE OR REPLACE FUNCTION @extschema@.vetassist_check_event_data(event_data jsonb) RETURNS void
LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE
AS 'MODULE_PATHNAME', 'vetassist_check_event_data_wrapper';
