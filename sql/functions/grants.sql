-- Grants that a script of the extension makes for the user.

-- Runs a GRANT. What a script grants is taken for a part of the extension and left out of dumps; this is dumped. Not a
-- security definer.
CREATE OR REPLACE FUNCTION @extschema@.vetassist_grant_dumped(command text) RETURNS void
LANGUAGE c VOLATILE STRICT PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp
AS 'MODULE_PATHNAME', 'vetassist_grant_dumped_wrapper';
