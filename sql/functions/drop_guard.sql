-- The guard against dropping the extension together with its data by mistake.

CREATE OR REPLACE FUNCTION @extschema@.vetassist_guard_drop() RETURNS event_trigger
LANGUAGE c VOLATILE SET search_path = pg_catalog, pg_temp
AS 'MODULE_PATHNAME', 'vetassist_guard_drop_wrapper';

CREATE EVENT TRIGGER vetassist_guard_drop ON ddl_command_start
WHEN TAG IN ('DROP EXTENSION', 'DROP OWNED', 'DROP SCHEMA')
EXECUTE FUNCTION @extschema@.vetassist_guard_drop();
-- It fires even if session_replication_role is replica: roles that are not superusers may be allowed to set it.
ALTER EVENT TRIGGER vetassist_guard_drop ENABLE ALWAYS;
