-- Changes of the audit trail that the next seal adds to the audit log.
--
-- unless present: vetassist_audit_pending

-- Erasures, rehashes and purges write to this table in their own transaction. The next seal takes the rows. The guard of
-- the plain installation reads the table, too.
CREATE TABLE @extschema@.vetassist_audit_pending (
    transaction       xid8,
    part              integer,
    -- e: an erasure; h: a rehash; u: a purge.
    kind              "char" NOT NULL,
    -- The rows that were changed, including rows without an entry.
    audit_ids         bigint[] NOT NULL,
    -- For a purge: the entries of the rows. A purge deletes only rows that have one.
    entries           int8multirange,
    cutoff            timestamptz,
    session_user_name text NOT NULL,
    at                timestamptz NOT NULL,
    PRIMARY KEY (transaction, part)
);

COMMENT ON TABLE @extschema@.vetassist_audit_pending IS 'Changes of vetassist_auth_audit that are not in the audit log yet';
