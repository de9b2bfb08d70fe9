-- The table of settings in a database without the extension. Only its owner writes to it.
--
-- requires: plain/present.sql
-- unless present: vetassist_settings

CREATE TABLE @extschema@.vetassist_settings (
    name  text PRIMARY KEY CHECK (name IN ('refresh_paused', 'audit_min_retention')),
    value text NOT NULL CHECK (CASE name WHEN 'refresh_paused' THEN value IN ('on', 'off') ELSE value::interval >= interval '0' END)
);

COMMENT ON TABLE @extschema@.vetassist_settings IS 'Settings of vetassist';
