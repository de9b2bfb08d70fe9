-- The server's key ring. No key is ever a SQL value.

CREATE OR REPLACE FUNCTION @extschema@.vetassist_keys() RETURNS TABLE ("position" integer, fingerprint text, is_current boolean, source text)
LANGUAGE c STABLE STRICT PARALLEL SAFE
AS 'MODULE_PATHNAME', 'vetassist_keys_wrapper';

CREATE OR REPLACE FUNCTION @extschema@.vetassist_reload_keys() RETURNS integer
LANGUAGE c VOLATILE STRICT PARALLEL RESTRICTED
AS 'MODULE_PATHNAME', 'vetassist_reload_keys_wrapper';
