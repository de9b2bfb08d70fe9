-- The inner nodes of the audit log's tree.
--
-- unless present: vetassist_audit_nodes

-- The hashes of complete subtrees of 256 leaves and more: level 8 is 256 leaves, each level above twice as many.
CREATE TABLE @extschema@.vetassist_audit_nodes (
    level smallint,
    place bigint,
    hash  bytea NOT NULL,
    PRIMARY KEY (level, place)
);

COMMENT ON TABLE @extschema@.vetassist_audit_nodes IS 'Inner nodes of the audit log''s tree';
