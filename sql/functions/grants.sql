-- Grants in a script of the extension that must be dumped.

-- Runs a GRANT so that pg_dump dumps it. A GRANT that a script runs directly counts as part of the extension, and pg_dump
-- leaves it out. It is not a security definer.
CREATE OR REPLACE FUNCTION @extschema@.vetassist_grant_dumped(command text) RETURNS void
LANGUAGE c VOLATILE STRICT PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp
AS 'MODULE_PATHNAME', 'vetassist_grant_dumped_wrapper';
