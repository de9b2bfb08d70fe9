WITH names (name) AS (
    VALUES ('vetassist_users'), ('vetassist_va_tokens'), ('vetassist_sessions'), ('vetassist_auth_audit'),
           ('vetassist_keyed_ip_hashes'), ('vetassist_refresh_leases'), ('vetassist_refresh_states'), ('vetassist_key_fingerprints'),
           ('vetassist_audit_leaves'), ('vetassist_audit_nodes'), ('vetassist_audit_head'), ('vetassist_audit_pending'),
           ('vetassist_audit_unsealable')
), installed AS (
    -- Until the update, the objects of 0.2.0 and before belong to the role that installed them, like the plain tables.
    SELECT EXISTS (SELECT FROM pg_catalog.pg_extension e
                   JOIN pg_catalog.pg_namespace n ON n.oid = e.extnamespace
                   WHERE e.extname = 'vetassist' AND n.nspname = $1::name
                     AND e.extversion NOT IN ('0.1.0', '0.2.0')) AS is_extension
), tables AS (
    SELECT c.relname::text AS name, c.*
    FROM pg_catalog.pg_class c
    JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
    WHERE n.nspname = $1::name
      AND c.relname::text IN (SELECT name FROM names)
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
    SELECT c.relname::text AS name, c.*, s.*
    FROM pg_catalog.pg_class c
    JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
    JOIN pg_catalog.pg_sequence s ON s.seqrelid = c.oid
    WHERE n.nspname = $1::name AND c.relname = 'vetassist_auth_audit_id_seq'
), triggers AS (
    SELECT t.name || ' trigger ' || g.tgname AS object, g.*
    FROM tables t
    JOIN pg_catalog.pg_trigger g ON g.tgrelid = t.oid
    WHERE NOT g.tgisinternal
), owned (object, attribute, owner) AS (
    SELECT name, 'owner', relowner FROM tables
    UNION ALL
    SELECT name, 'owner', relowner FROM sequences
    UNION ALL
    -- With the extension, the functions of triggers belong to a superuser.
    SELECT DISTINCT 'function ' || p.proname || '()', 'owner', p.proowner
    FROM triggers g
    JOIN pg_catalog.pg_proc p ON p.oid = g.tgfoid
    CROSS JOIN installed
    WHERE NOT installed.is_extension
), rights (object, owner, grantee, privilege, explained) AS (
    -- With the extension, rights of the tier auditor are explained, and rights that the role of vetassist.adopt_from keeps.
    SELECT r.name, r.relowner, g.grantee,
           g.privilege_type || CASE WHEN g.is_grantable THEN ' WITH GRANT OPTION' ELSE '' END || r.columns,
           NOT g.is_grantable AND r.columns = '' AND g.grantee <> 0 AND (
               g.privilege_type = 'SELECT' AND r.name IN ('vetassist_auth_audit', 'vetassist_keyed_ip_hashes')
               OR pg_catalog.pg_get_userbyid(g.grantee) = pg_catalog.current_setting('vetassist.adopt_from', true)
                  AND g.privilege_type = ANY (CASE
                      WHEN r.relkind = 'S' THEN '{USAGE,SELECT}'::text[]
                      WHEN r.name IN ('vetassist_users', 'vetassist_va_tokens', 'vetassist_sessions')
                          THEN '{SELECT,INSERT,UPDATE,DELETE}'
                      WHEN r.name = 'vetassist_auth_audit' THEN '{SELECT,INSERT}'
                      ELSE '{SELECT}' END))
    FROM (
        SELECT name, relkind, relowner, '', relacl FROM tables
        UNION ALL
        SELECT name, relkind, relowner, '', relacl FROM sequences
        UNION ALL
        SELECT t.name, t.relkind, t.relowner, ' (' || pg_catalog.quote_ident(a.attname) || ')', a.attacl
        FROM tables t
        JOIN pg_catalog.pg_attribute a ON a.attrelid = t.oid
    ) AS r (name, relkind, relowner, columns, acl)
    CROSS JOIN installed
    CROSS JOIN LATERAL pg_catalog.aclexplode(r.acl) AS g
    WHERE installed.is_extension AND g.grantee <> r.relowner
), members AS (
    SELECT d.classid, d.objid, e.extnamespace, n.nspname
    FROM pg_catalog.pg_extension e
    JOIN pg_catalog.pg_namespace n ON n.oid = e.extnamespace
    JOIN pg_catalog.pg_depend d ON d.refclassid = 'pg_catalog.pg_extension'::regclass AND d.refobjid = e.oid
    CROSS JOIN installed i
    WHERE e.extname = 'vetassist' AND n.nspname = $1::name AND d.deptype = 'e' AND i.is_extension
), functions AS (
    SELECT 'function ' || p.proname || '(' || pg_catalog.oidvectortypes(p.proargtypes) || ')' AS object, p.*, m.extnamespace, m.nspname
    FROM members m
    JOIN pg_catalog.pg_proc p ON m.classid = 'pg_catalog.pg_proc'::regclass AND p.oid = m.objid
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
    -- Row security that is not forced does not apply to the owner, and without policies it shows no rows to other roles.
    SELECT name, 'row security', 'forced' FROM tables WHERE relforcerowsecurity
    UNION ALL
    SELECT name, 'options', pg_catalog.array_to_string(reloptions, ', ') FROM tables
    UNION ALL
    SELECT name, 'replica identity', CASE relreplident
        WHEN 'f' THEN 'full' WHEN 'n' THEN 'nothing' ELSE 'an index' END
    FROM tables WHERE relkind = 'r' AND relreplident <> 'd'
    UNION ALL
    SELECT t.name, 'access method', m.amname::text
    FROM tables t
    JOIN pg_catalog.pg_am m ON m.oid = t.relam AND m.amname <> 'heap'
    UNION ALL
    SELECT o.object, o.attribute, pg_catalog.pg_get_userbyid(o.owner)::text
    FROM owned o
    WHERE pg_catalog.pg_get_userbyid(o.owner) IS DISTINCT FROM (
        SELECT CASE WHEN i.is_extension THEN 'vetassist_owner'
               ELSE (SELECT pg_catalog.pg_get_userbyid(pg_catalog.mode() WITHIN GROUP (ORDER BY m.owner)) FROM owned m) END
        FROM installed i)
    UNION ALL
    SELECT object, 'rights of ' || CASE grantee WHEN 0 THEN 'PUBLIC' ELSE pg_catalog.pg_get_userbyid(grantee)::text END,
           pg_catalog.string_agg(privilege, ', ' ORDER BY privilege)
    FROM rights
    WHERE NOT explained
    GROUP BY object, grantee
    UNION ALL
    SELECT name, 'comment', pg_catalog.obj_description(oid, 'pg_class') FROM tables
    UNION ALL
    SELECT t.name, 'inherits from', pg_catalog.string_agg(p.relname, ', ' ORDER BY p.relname)
    FROM tables t
    JOIN pg_catalog.pg_inherits h ON h.inhrelid = t.oid
    JOIN pg_catalog.pg_class p ON p.oid = h.inhparent
    GROUP BY t.name
    UNION ALL
    SELECT t.name, 'inherited by', pg_catalog.string_agg(c.relname, ', ' ORDER BY c.relname)
    FROM tables t
    JOIN pg_catalog.pg_inherits h ON h.inhparent = t.oid
    JOIN pg_catalog.pg_class c ON c.oid = h.inhrelid
    GROUP BY t.name
    UNION ALL
    SELECT t.name, 'referenced by', pg_catalog.string_agg(DISTINCT k.conrelid::regclass::text, ', ')
    FROM tables t
    JOIN pg_catalog.pg_constraint k ON k.contype = 'f' AND k.confrelid = t.oid
    WHERE k.conrelid NOT IN (SELECT oid FROM tables)
    GROUP BY t.name
    UNION ALL
    -- A foreign key that deletes or updates rows fires the triggers of its table with the rights of this table's owner.
    SELECT t.name, 'referenced with an action', pg_catalog.string_agg(DISTINCT k.conrelid::regclass::text, ', ')
    FROM tables t
    JOIN pg_catalog.pg_constraint k ON k.contype = 'f' AND k.confrelid = t.oid
    JOIN pg_catalog.pg_class c ON c.oid = k.conrelid
    JOIN pg_catalog.pg_roles r ON r.oid = c.relowner AND NOT r.rolsuper
    CROSS JOIN installed i
    WHERE i.is_extension AND c.relowner <> t.relowner
      AND NOT (k.confdeltype IN ('a', 'r') AND k.confupdtype IN ('a', 'r'))
    GROUP BY t.name
    UNION ALL
    -- PostgreSQL checks a foreign key of another table with the rights of this table's owner. If the types of the columns
    -- differ, the check calls a function of the role that created the type.
    SELECT t.name, 'referenced by way of a cast', pg_catalog.string_agg(DISTINCT c.relname::text, ', ')
    FROM tables t
    JOIN pg_catalog.pg_constraint k ON k.contype = 'f' AND k.confrelid = t.oid
    JOIN pg_catalog.pg_class c ON c.oid = k.conrelid
    CROSS JOIN LATERAL ROWS FROM (pg_catalog.unnest(k.conkey), pg_catalog.unnest(k.confkey)) AS u (foreign_number, own_number)
    JOIN pg_catalog.pg_attribute f ON f.attrelid = k.conrelid AND f.attnum = u.foreign_number
    JOIN pg_catalog.pg_attribute a ON a.attrelid = k.confrelid AND a.attnum = u.own_number
    WHERE f.atttypid <> a.atttypid
    GROUP BY t.name
    UNION ALL
    -- A table of this name in another schema, if it is missing in this one.
    SELECT c.relname::text, 'schema', n.nspname::text
    FROM pg_catalog.pg_class c
    JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
    WHERE c.relname::text IN (SELECT name FROM names)
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
    -- If a column uses the sequence that it owns, the default states the sequence without its schema.
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
    -- The triggers that check the foreign key may be disabled.
    SELECT DISTINCT k.object, 'enforced', 'false'
    FROM foreign_keys k
    JOIN pg_catalog.pg_trigger g ON g.tgconstraint = k.oid AND g.tgenabled NOT IN ('O', 'A')
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
    SELECT name, 'minimum', seqmin::text FROM sequences
    UNION ALL
    SELECT name, 'maximum', seqmax::text FROM sequences
    UNION ALL
    SELECT name, 'cache', seqcache::text FROM sequences
    UNION ALL
    SELECT name, 'cycle', 'true' FROM sequences WHERE seqcycle
    UNION ALL
    SELECT s.name, 'used by', pg_catalog.string_agg(DISTINCT a.adrelid::regclass::text, ', ')
    FROM sequences s
    JOIN pg_catalog.pg_depend d ON d.refclassid = 'pg_catalog.pg_class'::regclass AND d.refobjid = s.oid
    JOIN pg_catalog.pg_attrdef a ON d.classid = 'pg_catalog.pg_attrdef'::regclass AND a.oid = d.objid
    WHERE a.adrelid NOT IN (SELECT oid FROM tables)
    GROUP BY s.name
    UNION ALL
    SELECT name, 'persistence', 'not permanent' FROM sequences WHERE relpersistence <> 'p'
    UNION ALL
    SELECT g.object, 'kind', 'trigger' FROM triggers g
    UNION ALL
    -- The text from BEFORE or AFTER up to the table's name, which has a schema.
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
    UNION ALL
    SELECT t.name || ' statistics ' || s.stxname, 'kind', 'statistics'
    FROM tables t
    JOIN pg_catalog.pg_statistic_ext s ON s.stxrelid = t.oid
    UNION ALL
    -- An earlier owner of a table may have created a cast of its row type.
    SELECT t.name || ' cast as ' || pg_catalog.format_type(c.casttarget, NULL), 'kind', 'cast'
    FROM tables t
    JOIN pg_catalog.pg_type r ON r.typrelid = t.oid
    JOIN pg_catalog.pg_cast c ON c.castsource IN (r.oid, r.typarray)
    UNION ALL
    SELECT t.name || ' cast from ' || pg_catalog.format_type(c.castsource, NULL), 'kind', 'cast'
    FROM tables t
    JOIN pg_catalog.pg_type r ON r.typrelid = t.oid
    JOIN pg_catalog.pg_cast c ON c.casttarget IN (r.oid, r.typarray)
    UNION ALL
    -- Objects around the tables of an extension: each of these facts is a problem.
    SELECT 'role vetassist_owner', p.attribute, p.value
    FROM installed i
    JOIN pg_catalog.pg_roles r ON i.is_extension AND r.rolname = 'vetassist_owner'
    CROSS JOIN LATERAL (VALUES
        ('login', CASE WHEN r.rolcanlogin THEN 'true' END),
        ('superuser', CASE WHEN r.rolsuper THEN 'true' END),
        ('may create roles', CASE WHEN r.rolcreaterole THEN 'true' END),
        ('may create databases', CASE WHEN r.rolcreatedb THEN 'true' END),
        ('may replicate', CASE WHEN r.rolreplication THEN 'true' END),
        ('bypasses row security', CASE WHEN r.rolbypassrls THEN 'true' END),
        ('members', (SELECT pg_catalog.string_agg(DISTINCT pg_catalog.pg_get_userbyid(m.member), ', ')
                     FROM pg_catalog.pg_auth_members m WHERE m.roleid = r.oid)),
        ('member of', (SELECT pg_catalog.string_agg(DISTINCT pg_catalog.pg_get_userbyid(m.roleid), ', ')
                       FROM pg_catalog.pg_auth_members m WHERE m.member = r.oid)),
        ('settings', (SELECT pg_catalog.string_agg(pg_catalog.array_to_string(s.setconfig, ', '), ', ')
                      FROM pg_catalog.pg_db_role_setting s WHERE s.setrole = r.oid)),
        ('usage of the schema', CASE WHEN NOT pg_catalog.has_schema_privilege(r.oid, $1::name::text, 'USAGE') THEN 'none' END)
    ) AS p (attribute, value)
    UNION ALL
    -- The bodies of functions contain the schema's name as text.
    SELECT DISTINCT 'schema ' || f.nspname, 'renamed', 'from ' || b.name
    FROM functions f
    CROSS JOIN LATERAL (
        SELECT pg_catalog.btrim(pg_catalog.substring(
            f.prosrc, '("[^"]+"|[[:alnum:]_]+)[.]vetassist_(?:users|auth_audit|va_tokens|sessions)'), '"')
    ) AS b (name)
    WHERE b.name <> f.nspname::text
    UNION ALL
    SELECT f.object, 'schema', n.nspname::text
    FROM functions f
    JOIN pg_catalog.pg_namespace n ON n.oid = f.pronamespace
    WHERE f.pronamespace <> f.extnamespace
    UNION ALL
    SELECT f.object, 'owner', r.rolname::text
    FROM functions f
    JOIN pg_catalog.pg_roles r ON r.oid = f.proowner
    WHERE CASE WHEN f.prosecdef THEN r.rolname <> 'vetassist_owner' ELSE NOT r.rolsuper END
    UNION ALL
    SELECT f.object, 'search_path', 'the caller''s'
    FROM functions f
    WHERE f.prosecdef AND NOT EXISTS (SELECT FROM pg_catalog.unnest(f.proconfig) AS c (setting)
                                      WHERE c.setting = 'search_path=pg_catalog, pg_temp')
    UNION ALL
    SELECT 'event trigger ' || e.evtname, 'enabled', CASE e.evtenabled
        WHEN 'D' THEN 'never' WHEN 'R' THEN 'on a replica' ELSE 'not on a replica' END
    FROM members m
    JOIN pg_catalog.pg_event_trigger e ON m.classid = 'pg_catalog.pg_event_trigger'::regclass AND e.oid = m.objid
    WHERE e.evtenabled <> 'A'
)
SELECT object, attribute, value
FROM facts
WHERE value IS NOT NULL
