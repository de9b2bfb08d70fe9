-- Refuses to continue if a table of vetassist runs code of a role that is not a superuser.
--
-- requires: extension/lock_tables.sql

-- A trigger, an index, a constraint, a default, a policy, a rule or extended statistics of a table run code with the rights
-- of the table's owner or of the role that writes to it. So can a column whose type another role owns, and a foreign key
-- whose columns have such a type. A foreign key that deletes or updates rows fires the triggers of the referencing table.
DO $$
DECLARE
    found text;
BEGIN
    WITH own (oid) AS (
        SELECT d.objid
        FROM pg_extension AS e
        JOIN pg_depend AS d ON d.refclassid = 'pg_extension'::regclass AND d.refobjid = e.oid AND d.deptype = 'e'
        WHERE e.extname = 'vetassist' AND d.classid = 'pg_class'::regclass
    ), part (classid, objid) AS (
        SELECT 'pg_class'::regclass, o.oid FROM own AS o
        UNION ALL
        SELECT 'pg_class'::regclass, i.indexrelid FROM pg_index AS i WHERE i.indrelid IN (SELECT o.oid FROM own AS o)
        UNION ALL
        SELECT 'pg_trigger'::regclass, t.oid FROM pg_trigger AS t WHERE t.tgrelid IN (SELECT o.oid FROM own AS o)
        UNION ALL
        SELECT 'pg_constraint'::regclass, c.oid FROM pg_constraint AS c WHERE c.conrelid IN (SELECT o.oid FROM own AS o)
        UNION ALL
        SELECT 'pg_attrdef'::regclass, a.oid FROM pg_attrdef AS a WHERE a.adrelid IN (SELECT o.oid FROM own AS o)
        UNION ALL
        SELECT 'pg_policy'::regclass, p.oid FROM pg_policy AS p WHERE p.polrelid IN (SELECT o.oid FROM own AS o)
        UNION ALL
        SELECT 'pg_rewrite'::regclass, r.oid FROM pg_rewrite AS r WHERE r.ev_class IN (SELECT o.oid FROM own AS o)
        UNION ALL
        SELECT 'pg_statistic_ext'::regclass, s.oid FROM pg_statistic_ext AS s WHERE s.stxrelid IN (SELECT o.oid FROM own AS o)
    ), called (classid, objid, owner) AS (
        SELECT 'pg_proc'::regclass, p.oid, p.proowner FROM pg_proc AS p
        UNION ALL
        SELECT 'pg_operator'::regclass, o.oid, o.oprowner FROM pg_operator AS o
        UNION ALL
        SELECT 'pg_type'::regclass, t.oid, t.typowner FROM pg_type AS t
    ), lines (line) AS (
        SELECT format('%s uses %s of %I', pg_describe_object(d.classid, d.objid, d.objsubid),
                      pg_describe_object(d.refclassid, d.refobjid, 0), r.rolname)
        FROM part AS p
        JOIN pg_depend AS d ON d.classid = p.classid AND d.objid = p.objid
        JOIN called AS c ON c.classid = d.refclassid AND c.objid = d.refobjid
        JOIN pg_roles AS r ON r.oid = c.owner AND NOT r.rolsuper
        UNION ALL
        SELECT format('%s of %I changes rows or casts values', pg_describe_object('pg_constraint'::regclass, k.oid, 0), r.rolname)
        FROM pg_constraint AS k
        CROSS JOIN LATERAL unnest(k.conkey, k.confkey) AS u (their_number, own_number)
        JOIN pg_attribute AS theirs ON theirs.attrelid = k.conrelid AND theirs.attnum = u.their_number
        JOIN pg_attribute AS owns ON owns.attrelid = k.confrelid AND owns.attnum = u.own_number
        JOIN pg_class AS t ON t.oid = k.conrelid
        JOIN pg_roles AS r ON r.oid = t.relowner AND NOT r.rolsuper
        WHERE k.contype = 'f' AND k.confrelid IN (SELECT o.oid FROM own AS o)
          AND (theirs.atttypid <> owns.atttypid OR k.confdeltype NOT IN ('a', 'r') OR k.confupdtype NOT IN ('a', 'r'))
    )
    SELECT string_agg(DISTINCT l.line, E'\n') INTO found FROM lines AS l;

    IF found IS NOT NULL THEN
        RAISE EXCEPTION USING
            ERRCODE = 'object_not_in_prerequisite_state',
            MESSAGE = 'tables of vetassist run code of roles that are not superusers',
            DETAIL = found,
            HINT = 'Nothing was changed. Drop the listed objects that other roles own, then update again.';
    END IF;
END
$$;
