-- The Merkle tree of the audit log (RFC 6962).
--
-- requires: functions/audit_log_encoding.sql tables/audit_nodes.sql tables/audit_head.sql

-- Returns the hash of a complete subtree of 2^level leaves. place counts the subtrees of this level from 0.
CREATE OR REPLACE FUNCTION @extschema@.vetassist_audit_node(level integer, place bigint) RETURNS bytea
LANGUAGE plpgsql STABLE STRICT PARALLEL SAFE SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    found bytea;
BEGIN
    IF level >= 8 THEN
        SELECT n.hash INTO found FROM @extschema@.vetassist_audit_nodes AS n
        WHERE n.level = vetassist_audit_node.level AND n.place = vetassist_audit_node.place;
    ELSE
        SELECT string_agg(l.leaf_hash, '' ORDER BY l.entry) INTO found FROM @extschema@.vetassist_audit_leaves AS l
        WHERE l.entry >= place << level AND l.entry < (place + 1) << level;
    END IF;
    IF octet_length(found) IS DISTINCT FROM (CASE WHEN level < 8 THEN 32 << level ELSE 32 END) THEN
        RAISE EXCEPTION USING ERRCODE = 'object_not_in_prerequisite_state', MESSAGE = 'the audit log lacks entries or nodes of its tree',
            HINT = 'SELECT * FROM vetassist_verify_audit() shows them.';
    ELSIF level >= 8 THEN
        RETURN found;
    END IF;
    FOR _ IN 1 .. level LOOP
        found := @extschema@.vetassist_audit_level_above(found::bytea);
    END LOOP;
    RETURN found;
END
$$;

-- Returns the root of the subtree whose leaves are "first" and those after it, up to but not including "past".
CREATE OR REPLACE FUNCTION @extschema@.vetassist_audit_root(first bigint, past bigint) RETURNS bytea
LANGUAGE plpgsql STABLE STRICT PARALLEL SAFE SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    rest bigint := past - first;
    level integer := 0;
    place bigint;
    node bytea;
    root bytea;
BEGIN
    IF rest = 0 THEN
        RETURN sha256('');
    END IF;
    -- Each bit of the size stands for a complete subtree. The smallest subtree is at the right end.
    WHILE rest > 0 LOOP
        IF rest & 1 = 1 THEN
            place := (past >> level) - 1;
            past := place << level;
            node := @extschema@.vetassist_audit_node(level::integer, place::bigint);
            root := coalesce(sha256(E'\\x01'::bytea || node || root), node);
        END IF;
        rest := rest >> 1;
        level := level + 1;
    END LOOP;
    RETURN root;
END
$$;

-- Returns the largest power of two that is less than size, which is at least 2.
CREATE OR REPLACE FUNCTION @extschema@.vetassist_audit_split(size bigint) RETURNS bigint
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    half bigint := 1;
BEGIN
    -- half * 2 < size would overflow bigint for the largest sizes.
    WHILE half < size - half LOOP
        half := half * 2;
    END LOOP;
    RETURN half;
END
$$;

CREATE OR REPLACE FUNCTION @extschema@.vetassist_audit_size() RETURNS bigint
LANGUAGE sql STABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp
AS $$
    SELECT coalesce((SELECT h.size FROM @extschema@.vetassist_audit_head AS h), 0)
$$;

CREATE OR REPLACE FUNCTION @extschema@.vetassist_audit_inclusion(entry bigint, tree_size bigint) RETURNS bytea[]
LANGUAGE plpgsql STABLE STRICT PARALLEL SAFE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    first bigint := 0;
    past bigint := tree_size;
    middle bigint;
    proof bytea[] := '{}';
BEGIN
    IF entry < 0 OR entry >= tree_size OR tree_size > @extschema@.vetassist_audit_size() THEN
        RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value', MESSAGE = 'there is no such entry in a log of that size',
            HINT = 'An entry is at least 0 and less than tree_size, which is at most the size in vetassist_audit_checkpoint().';
    END IF;
    WHILE past - first > 1 LOOP
        middle := first + @extschema@.vetassist_audit_split((past - first)::bigint);
        IF entry < middle THEN
            proof := @extschema@.vetassist_audit_root(middle::bigint, past::bigint) || proof;
            past := middle;
        ELSE
            proof := @extschema@.vetassist_audit_root(first::bigint, middle::bigint) || proof;
            first := middle;
        END IF;
    END LOOP;
    RETURN proof;
END
$$;

CREATE OR REPLACE FUNCTION @extschema@.vetassist_audit_consistency(from_size bigint, to_size bigint) RETURNS bytea[]
LANGUAGE plpgsql STABLE STRICT PARALLEL SAFE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    first bigint := 0;
    past bigint := to_size;
    middle bigint;
    proof bytea[] := '{}';
BEGIN
    IF from_size < 0 OR from_size > to_size OR to_size > @extschema@.vetassist_audit_size() THEN
        RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value', MESSAGE = 'the log does not have these sizes in this order',
            HINT = 'from_size is at least 0 and at most to_size, which is at most the size in vetassist_audit_checkpoint().';
    END IF;
    IF from_size = 0 THEN
        RETURN proof;
    END IF;
    WHILE past <> from_size LOOP
        middle := first + @extschema@.vetassist_audit_split((past - first)::bigint);
        IF from_size <= middle THEN
            proof := @extschema@.vetassist_audit_root(middle::bigint, past::bigint) || proof;
            past := middle;
        ELSE
            proof := @extschema@.vetassist_audit_root(first::bigint, middle::bigint) || proof;
            first := middle;
        END IF;
    END LOOP;
    -- If the earlier tree is itself a subtree of the later one, the verifier has its root already.
    IF first > 0 THEN
        proof := @extschema@.vetassist_audit_root(first::bigint, past::bigint) || proof;
    END IF;
    RETURN proof;
END
$$;

CREATE OR REPLACE FUNCTION @extschema@.vetassist_audit_checkpoint() RETURNS text
LANGUAGE sql STABLE PARALLEL SAFE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
    SELECT format(E'%s\n%s\n%s\n', h.origin, h.size, encode(h.root, 'base64')) FROM @extschema@.vetassist_audit_head AS h
$$;

-- Returns the three lines of a checkpoint, and the signatures if it is a signed note. Returns NULL if it is neither.
CREATE OR REPLACE FUNCTION @extschema@.vetassist_checkpoint_lines(checkpoint text) RETURNS text[]
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE SET search_path = pg_catalog, pg_temp
AS $$
    SELECT regexp_match(checkpoint, E'^(vetassist/[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})\\n(0|[1-9][0-9]{0,18})\\n([A-Za-z0-9+/]{42}[AEIMQUYcgkosw048]=)\\n(\\n(?:\\u2014 [^\\n]+\\n)+)?$')
$$;
