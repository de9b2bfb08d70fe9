WITH tables AS (
    SELECT c.oid, c.relname::text AS name, c.relkind, c.relpersistence, c.relrowsecurity
    FROM pg_catalog.pg_class c
    JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
    WHERE n.nspname = $1::name
      AND c.relname IN ('vetassist_users', 'vetassist_va_tokens', 'vetassist_sessions', 'vetassist_auth_audit')
), columns AS (
    SELECT t.name || '.' || a.attname AS object, t.oid AS table_oid, a.*,
           pg_catalog.row_number() OVER (PARTITION BY t.oid ORDER BY a.attnum) AS place
    FROM tables t
    JOIN pg_catalog.pg_attribute a ON a.attrelid = t.oid
    WHERE a.attnum > 0 AND NOT a.attisdropped
), constraints AS (
    SELECT t.name AS table_name, k.*,
           (SELECT pg_catalog.string_agg(pg_catalog.quote_ident(a.attname), ', ' ORDER BY u.place)
            FROM pg_catalog.unnest(k.conkey) WITH ORDINALITY AS u (attnum, place)
            JOIN pg_catalog.pg_attribute a ON a.attrelid = k.conrelid AND a.attnum = u.attnum) AS key_columns
    FROM tables t
    JOIN pg_catalog.pg_constraint k ON k.conrelid = t.oid
), foreign_keys AS (
    SELECT k.table_name || ' FOREIGN KEY (' || k.key_columns || ')' AS object, k.*
    FROM constraints k
    WHERE k.contype = 'f'
), indexes AS (
    SELECT i.*, c.relname::text AS name, t.name AS table_name
    FROM tables t
    JOIN pg_catalog.pg_index i ON i.indrelid = t.oid
    JOIN pg_catalog.pg_class c ON c.oid = i.indexrelid
    WHERE NOT EXISTS (SELECT FROM pg_catalog.pg_constraint k
                      WHERE k.conindid = i.indexrelid AND k.contype IN ('p', 'u', 'x'))
), sequences AS (
    SELECT c.oid, c.relname::text AS name, s.*
    FROM pg_catalog.pg_class c
    JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
    JOIN pg_catalog.pg_sequence s ON s.seqrelid = c.oid
    WHERE n.nspname = $1::name AND c.relname = 'vetassist_auth_audit_id_seq'
), triggers AS (
    SELECT t.name || ' trigger ' || g.tgname AS object, g.*
    FROM tables t
    JOIN pg_catalog.pg_trigger g ON g.tgrelid = t.oid
    WHERE NOT g.tgisinternal
), facts (object, attribute, value) AS (
    SELECT name, 'kind', CASE relkind
        WHEN 'r' THEN 'table' WHEN 'p' THEN 'partitioned table' WHEN 'v' THEN 'view'
        WHEN 'm' THEN 'materialized view' WHEN 'f' THEN 'foreign table' WHEN 'S' THEN 'sequence'
        WHEN 'i' THEN 'index' WHEN 'c' THEN 'composite type' ELSE relkind::text END
    FROM tables
    UNION ALL
    SELECT name, 'persistence', CASE relpersistence
        WHEN 'p' THEN 'permanent' WHEN 'u' THEN 'unlogged' ELSE 'temporary' END
    FROM tables
    UNION ALL
    SELECT name, 'row security', 'enabled' FROM tables WHERE relrowsecurity
    UNION ALL
    SELECT name, 'comment', pg_catalog.obj_description(oid, 'pg_class') FROM tables
    UNION ALL
    SELECT t.name, 'inherits from', p.relname::text
    FROM tables t
    JOIN pg_catalog.pg_inherits h ON h.inhrelid = t.oid
    JOIN pg_catalog.pg_class p ON p.oid = h.inhparent
    UNION ALL
    SELECT t.name, 'inherited by', c.relname::text
    FROM tables t
    JOIN pg_catalog.pg_inherits h ON h.inhparent = t.oid
    JOIN pg_catalog.pg_class c ON c.oid = h.inhrelid
    UNION ALL
    -- The same name in another schema, where it is not in this one.
    SELECT c.relname::text, 'schema', n.nspname::text
    FROM pg_catalog.pg_class c
    JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
    WHERE c.relname IN ('vetassist_users', 'vetassist_va_tokens', 'vetassist_sessions', 'vetassist_auth_audit')
      AND c.relkind IN ('r', 'p', 'v', 'm', 'f')
      AND n.nspname <> $1::name AND n.nspname !~ '^pg_(temp|toast)'
      AND c.relname::text NOT IN (SELECT name FROM tables)
    UNION ALL
    SELECT object, 'position', place::text FROM columns
    UNION ALL
    SELECT object, 'type', pg_catalog.format_type(atttypid, atttypmod) FROM columns
    UNION ALL
    SELECT object, 'not null', attnotnull::text FROM columns
    UNION ALL
    SELECT object, 'comment', pg_catalog.col_description(table_oid, attnum) FROM columns
    UNION ALL
    SELECT object, 'identity', CASE attidentity WHEN 'a' THEN 'always' ELSE 'by default' END
    FROM columns WHERE attidentity <> ''
    UNION ALL
    SELECT object, 'generated', 'stored or virtual' FROM columns WHERE attgenerated <> ''
    UNION ALL
    SELECT c.object, 'collation', l.collname::text
    FROM columns c
    JOIN pg_catalog.pg_type t ON t.oid = c.atttypid
    JOIN pg_catalog.pg_collation l ON l.oid = c.attcollation
    WHERE c.attcollation <> t.typcollation
    UNION ALL
    -- A column that draws from the sequence it owns says so by the sequence's bare name.
    SELECT c.object, 'default', coalesce(
        (SELECT 'nextval(' || s.relname || ')'
         FROM pg_catalog.pg_depend o
         JOIN pg_catalog.pg_class s ON s.oid = o.objid AND s.relkind = 'S'
         JOIN pg_catalog.pg_namespace n ON n.oid = s.relnamespace AND n.nspname = $1::name
         WHERE o.classid = 'pg_catalog.pg_class'::regclass AND o.refclassid = 'pg_catalog.pg_class'::regclass
           AND o.refobjid = c.table_oid AND o.refobjsubid = c.attnum AND o.deptype = 'a'
           AND pg_catalog.pg_get_expr(d.adbin, d.adrelid)
               = pg_catalog.format('nextval(%L::regclass)', s.oid::regclass::text)),
        pg_catalog.pg_get_expr(d.adbin, d.adrelid))
    FROM columns c
    JOIN pg_catalog.pg_attrdef d ON d.adrelid = c.table_oid AND d.adnum = c.attnum
    WHERE c.attgenerated = ''
    UNION ALL
    SELECT table_name || ' ' || pg_catalog.pg_get_constraintdef(oid), 'kind',
           CASE contype WHEN 'p' THEN 'primary key' WHEN 'u' THEN 'unique' ELSE 'constraint' END
    FROM constraints WHERE contype NOT IN ('f', 'n')
    UNION ALL
    SELECT k.object, 'references',
           CASE WHEN n.nspname = $1::name THEN '' ELSE n.nspname || '.' END || r.relname || ' (' ||
           (SELECT pg_catalog.string_agg(pg_catalog.quote_ident(a.attname), ', ' ORDER BY u.place)
            FROM pg_catalog.unnest(k.confkey) WITH ORDINALITY AS u (attnum, place)
            JOIN pg_catalog.pg_attribute a ON a.attrelid = k.confrelid AND a.attnum = u.attnum) || ')'
    FROM foreign_keys k
    JOIN pg_catalog.pg_class r ON r.oid = k.confrelid
    JOIN pg_catalog.pg_namespace n ON n.oid = r.relnamespace
    UNION ALL
    SELECT k.object, a.event, CASE a.action
        WHEN 'a' THEN 'NO ACTION' WHEN 'r' THEN 'RESTRICT' WHEN 'c' THEN 'CASCADE'
        WHEN 'n' THEN 'SET NULL' WHEN 'd' THEN 'SET DEFAULT' ELSE a.action::text END
    FROM foreign_keys k
    CROSS JOIN LATERAL (VALUES ('on delete', k.confdeltype), ('on update', k.confupdtype)) AS a (event, action)
    UNION ALL
    SELECT object, 'match', 'FULL' FROM foreign_keys WHERE confmatchtype <> 's'
    UNION ALL
    SELECT object, 'deferrable', 'true' FROM foreign_keys WHERE condeferrable
    UNION ALL
    SELECT object, 'valid', 'false' FROM foreign_keys WHERE NOT convalidated
    UNION ALL
    SELECT name, 'definition',
           CASE WHEN indisunique THEN 'UNIQUE ' ELSE '' END || 'ON ' || table_name || ' ' ||
           pg_catalog.substring(pg_catalog.pg_get_indexdef(indexrelid), ' (USING .*)$')
    FROM indexes
    UNION ALL
    SELECT name, 'valid', 'false' FROM indexes WHERE NOT (indisvalid AND indisready)
    UNION ALL
    SELECT name, 'type', pg_catalog.format_type(seqtypid, NULL) FROM sequences
    UNION ALL
    SELECT name, 'increment', seqincrement::text FROM sequences
    UNION ALL
    SELECT name, 'cycle', 'true' FROM sequences WHERE seqcycle
    UNION ALL
    SELECT g.object, 'kind', 'trigger' FROM triggers g
    UNION ALL
    -- From BEFORE or AFTER up to the table's name, which has a schema.
    SELECT g.object, 'fires', pg_catalog.substring(pg_catalog.pg_get_triggerdef(g.oid), '((BEFORE|AFTER|INSTEAD OF) .*) ON ')
    FROM triggers g
    UNION ALL
    SELECT g.object, 'for each', CASE WHEN g.tgtype & 1 = 1 THEN 'row' ELSE 'statement' END FROM triggers g
    UNION ALL
    SELECT g.object, 'calls', CASE WHEN n.nspname = $1::name THEN '' ELSE n.nspname || '.' END || p.proname
    FROM triggers g
    JOIN pg_catalog.pg_proc p ON p.oid = g.tgfoid
    JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace
    UNION ALL
    SELECT g.object, 'enabled', CASE g.tgenabled
        WHEN 'D' THEN 'never' WHEN 'R' THEN 'on a replica' WHEN 'A' THEN 'always' END
    FROM triggers g WHERE g.tgenabled <> 'O'
    UNION ALL
    SELECT g.object, 'condition', 'some' FROM triggers g WHERE g.tgqual IS NOT NULL
    UNION ALL
    SELECT t.name || ' rule ' || r.rulename, 'kind', 'rule'
    FROM tables t
    JOIN pg_catalog.pg_rewrite r ON r.ev_class = t.oid
    WHERE t.relkind = 'r'
    UNION ALL
    SELECT t.name || ' policy ' || p.polname, 'kind', 'policy'
    FROM tables t
    JOIN pg_catalog.pg_policy p ON p.polrelid = t.oid
)
SELECT object, attribute, value
FROM facts
WHERE value IS NOT NULL
