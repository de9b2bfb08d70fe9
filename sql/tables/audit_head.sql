-- The state of the audit log.
--
-- unless present: vetassist_audit_head

-- One row, from the first seal on. It is the seal's lock.
CREATE TABLE @extschema@.vetassist_audit_head (
    is_only           boolean PRIMARY KEY DEFAULT true,
    origin            text NOT NULL,
    size              bigint NOT NULL,
    root              bytea NOT NULL,
    -- Where it was sealed last. A copy must not go on under the same origin.
    system_identifier bigint NOT NULL,
    database          oid NOT NULL,
    -- Each seal looks for rows above this id, and once a day for all.
    recent_id         bigint NOT NULL,
    swept_id          bigint NOT NULL,
    swept_at          timestamptz,
    -- How far the seal is that runs now, or was stopped: the last id that it looked at.
    seals_after       bigint,
    is_sweeping       boolean NOT NULL DEFAULT false,
    sealed_at         timestamptz
);

COMMENT ON TABLE @extschema@.vetassist_audit_head IS 'Origin, size and root of the audit log';
