-- The entries of the audit log.
--
-- requires: tables/auth_audit.sql
-- unless present: vetassist_audit_leaves

-- Has one row for each entry, in the order of sealing. For a row of the trail it keeps only the parts of a proof that the
-- trail itself does not have.
CREATE TABLE @extschema@.vetassist_audit_leaves (
    entry            bigint PRIMARY KEY,
    -- The id of the row, for an entry of a row.
    audit_id         bigint,
    -- r: a row; p: a purged row; e: an erasure; h: a rehash; u: a purge; s: a restart.
    kind             "char" NOT NULL,
    leaf_hash        bytea NOT NULL,
    -- For a row: 16 bytes for event_data, then 16 for ip_hash. NULL once the values are gone.
    salts            bytea,
    -- For a row: the sealed commitments, kept when salt and value no longer give them.
    event_commitment bytea,
    ip_commitment    bytea,
    -- The data of every other entry.
    data             bytea
);

-- A row of the trail has one entry until it is purged. After the purge, another row may have its id.
CREATE UNIQUE INDEX vetassist_audit_leaves_of_row ON @extschema@.vetassist_audit_leaves (audit_id) WHERE kind = 'r';

COMMENT ON TABLE @extschema@.vetassist_audit_leaves IS 'Entries of the audit log, with the salts of what vetassist_auth_audit holds';
