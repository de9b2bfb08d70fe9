-- The version of the plain installation.
--
-- provides: functions/version.sql
-- requires: plain/present.sql

CREATE OR REPLACE FUNCTION @extschema@.vetassist_version() RETURNS text
LANGUAGE sql STABLE PARALLEL SAFE
AS $$SELECT '@version@'::pg_catalog.text$$;
