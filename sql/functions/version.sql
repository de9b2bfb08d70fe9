-- The version of the installed library.

CREATE OR REPLACE FUNCTION @extschema@.vetassist_version() RETURNS text
LANGUAGE c STABLE STRICT PARALLEL SAFE
AS 'MODULE_PATHNAME', 'vetassist_version_wrapper';
