-- The entries of the audit log.
--
-- requires: tables/auth_audit.sql
-- unless present: vetassist_audit_leaves

-- One row for each entry, in the order in which they were sealed. Of a row of the trail it keeps what a proof takes
-- and the trail does not have.
CREATE TABLE @extschema@.vetassist_audit_leaves (
    entry            bigint PRIMARY KEY,
    -- Of a row.
    audit_id         bigint,
    -- r a row, p a row that was purged, e an erasure, h a rehash, u a purge, s a restart.
    kind             "char" NOT NULL,
    leaf_hash        bytea NOT NULL,
    -- Of a row: 16 bytes for event_data, 16 for ip_hash. NULL once the values are gone.
    salts            bytea,
    -- Of a row: the sealed commitments, from when they no longer follow from salt and value.
    event_commitment bytea,
    ip_commitment    bytea,
    -- Of every other entry.
    data             bytea
);

-- A row of the trail has one entry, until it is purged. Its id may come again after that.
CREATE UNIQUE INDEX vetassist_audit_leaves_of_row ON @extschema@.vetassist_audit_leaves (audit_id) WHERE kind = 'r';

COMMENT ON TABLE @extschema@.vetassist_audit_leaves IS 'Entries of the audit log, with the salts of what vetassist_auth_audit holds';
