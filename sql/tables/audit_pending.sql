-- What changes of the audit trail owe the audit log.
--
-- unless present: vetassist_audit_pending

-- Written in the transactions of erasures, rehashes and purges, taken by the next seal. The guard of the plain
-- installation reads it, too.
CREATE TABLE @extschema@.vetassist_audit_pending (
    transaction       xid8,
    part              integer,
    -- e an erasure, h a rehash, u a purge.
    kind              "char" NOT NULL,
    -- The rows, whether they have an entry or not.
    audit_ids         bigint[] NOT NULL,
    -- Of a purge, which takes only rows that have one.
    entries           int8multirange,
    cutoff            timestamptz,
    session_user_name text NOT NULL,
    at                timestamptz NOT NULL,
    PRIMARY KEY (transaction, part)
);

COMMENT ON TABLE @extschema@.vetassist_audit_pending IS 'Changes of vetassist_auth_audit that are not in the audit log yet';
