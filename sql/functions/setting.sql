-- Settings that functions in SQL read.

-- Returns the value in force of a setting of vetassist. Raises an error if a connection gave the setting a value that
-- PostgreSQL refused.
CREATE OR REPLACE FUNCTION @extschema@.vetassist_setting(name text) RETURNS text
LANGUAGE c STABLE STRICT PARALLEL SAFE
AS 'MODULE_PATHNAME', 'vetassist_setting_wrapper';
