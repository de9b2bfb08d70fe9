-- The state of the audit log.
--
-- unless present: vetassist_audit_head

-- Has one row from the first seal on. A seal locks this row, so only one seal runs at a time.
CREATE TABLE @extschema@.vetassist_audit_head (
    is_only           boolean PRIMARY KEY DEFAULT true,
    origin            text NOT NULL,
    size              bigint NOT NULL,
    root              bytea NOT NULL,
    -- The database that sealed the log last. A copy of the database must not continue the log under the same origin.
    system_identifier bigint NOT NULL,
    database          oid NOT NULL,
    -- Each seal looks for rows above recent_id. Once a day it sweeps: it looks at all rows.
    recent_id         bigint NOT NULL,
    swept_id          bigint NOT NULL,
    swept_at          timestamptz,
    -- The last id that the running or interrupted seal looked at.
    seals_after       bigint,
    is_sweeping       boolean NOT NULL DEFAULT false,
    sealed_at         timestamptz
);

COMMENT ON TABLE @extschema@.vetassist_audit_head IS 'Origin, size and root of the audit log';
