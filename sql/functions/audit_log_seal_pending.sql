-- Sealing erasures, rehashes and purges.
--
-- requires: functions/audit_log_tree.sql tables/audit_pending.sql

-- Appends an entry for each pending change, in the order of the changes, and returns the number of entries. A change of a
-- row without an entry needs none: the row will be sealed as it is now.
CREATE OR REPLACE FUNCTION @extschema@.vetassist_seal_pending(max_rows integer) RETURNS integer
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    size CONSTANT bigint := @extschema@.vetassist_audit_size();
    appended integer;
BEGIN
    WITH due AS (
        -- This takes at least one line, and stops at the line that reaches max_rows rows.
        SELECT d.transaction, d.part FROM (
            SELECT p.transaction, p.part, sum(cardinality(p.audit_ids)) OVER (ORDER BY p.transaction, p.part)
                   - cardinality(p.audit_ids) AS rows_before
            FROM @extschema@.vetassist_audit_pending AS p) AS d
        WHERE d.rows_before < max_rows
        ORDER BY d.transaction, d.part LIMIT max_rows
    ), taken AS (
        DELETE FROM @extschema@.vetassist_audit_pending AS p USING due AS d
        WHERE p.transaction = d.transaction AND p.part = d.part RETURNING p.*
    ), sealed AS (
        SELECT t.transaction, t.part, t.kind, t.at, t.session_user_name, l.entry, l.salts, a.ip_hash
        FROM taken AS t
        CROSS JOIN LATERAL unnest(t.audit_ids) AS changed (audit_id)
        JOIN @extschema@.vetassist_audit_leaves AS l ON l.audit_id = changed.audit_id AND l.kind = 'r'
        LEFT JOIN @extschema@.vetassist_auth_audit AS a ON a.id = changed.audit_id AND t.kind = 'h'
    ), owed AS (
        SELECT s.transaction, s.part, 0::bigint AS place, 'e'::"char" AS kind,
               E'\\x766574617373697374206572617375726520763100'::bytea
               || @extschema@.vetassist_audit_field(E'\\x757365725f657261736564'::bytea)
               || @extschema@.vetassist_audit_field(convert_to(range_agg(int8range(s.entry, s.entry + 1))::text, 'UTF8')::bytea)
               || @extschema@.vetassist_audit_field(convert_to(s.session_user_name, 'UTF8')::bytea)
               || @extschema@.vetassist_audit_field(convert_to(@extschema@.vetassist_audit_time(s.at::timestamptz), 'UTF8')::bytea) AS data
        FROM sealed AS s WHERE s.kind = 'e' GROUP BY s.transaction, s.part, s.session_user_name, s.at
        UNION ALL
        -- Without the salt or the value, nothing can be committed to. A row that was sealed after its erasure has its salt;
        -- the line of that erasure may come before this one.
        SELECT s.transaction, s.part, s.entry, 'h',
               E'\\x7665746173736973742072656861736820763100'::bytea
               || @extschema@.vetassist_audit_field(convert_to(s.entry::text, 'UTF8')::bytea)
               || E'\\x0100000020'::bytea || @extschema@.vetassist_audit_commit(substr(s.salts, 17, 16)::bytea, s.ip_hash::text)
        FROM sealed AS s WHERE s.kind = 'h' AND s.salts IS NOT NULL AND s.ip_hash IS NOT NULL
        UNION ALL
        SELECT t.transaction, t.part, 0, 'u',
               E'\\x76657461737369737420707572676520763100'::bytea
               || @extschema@.vetassist_audit_field(convert_to(@extschema@.vetassist_audit_time(t.cutoff::timestamptz), 'UTF8')::bytea)
               || @extschema@.vetassist_audit_field(convert_to(t.entries::text, 'UTF8')::bytea)
               || @extschema@.vetassist_audit_field(convert_to(t.session_user_name, 'UTF8')::bytea)
               || @extschema@.vetassist_audit_field(convert_to(@extschema@.vetassist_audit_time(t.at::timestamptz), 'UTF8')::bytea)
        FROM taken AS t WHERE t.kind = 'u'
    )
    INSERT INTO @extschema@.vetassist_audit_leaves (entry, kind, leaf_hash, data)
    SELECT size + row_number() OVER (ORDER BY o.transaction, o.part, o.place) - 1, o.kind, sha256(E'\\x00'::bytea || o.data), o.data
    FROM owed AS o;
    GET DIAGNOSTICS appended = ROW_COUNT;
    RETURN appended;
END
$$;
