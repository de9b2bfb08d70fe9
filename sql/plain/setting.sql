-- Settings in a database without the extension.
--
-- provides: functions/setting.sql
-- requires: plain/settings_table.sql

-- Returns the value of a setting, or its default.
CREATE OR REPLACE FUNCTION @extschema@.vetassist_setting(name text) RETURNS text
LANGUAGE plpgsql STABLE STRICT SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN coalesce(
        (SELECT s.value FROM @extschema@.vetassist_settings AS s WHERE s.name = vetassist_setting.name),
        CASE name WHEN 'refresh_paused' THEN 'off' WHEN 'audit_min_retention' THEN '1 year' END);
END
$$;
