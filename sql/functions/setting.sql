-- Settings that bodies in SQL ask for.

-- Returns the value in force of a setting of the library's, of those that name is one of; never one that a connection gave
-- and PostgreSQL refused.
CREATE OR REPLACE FUNCTION @extschema@.vetassist_setting(name text) RETURNS text
LANGUAGE c STABLE STRICT PARALLEL SAFE
AS 'MODULE_PATHNAME', 'vetassist_setting_wrapper';
