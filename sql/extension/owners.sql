-- Sets the owner of each object.
--
-- requires: extension/owner.sql extension/unquote.sql tables/

-- vetassist_owner owns tables and functions that run with the owner's rights. A superuser owns functions that run with the
-- caller's rights.
DO $$
DECLARE
    object record;
BEGIN
    FOR object IN
        SELECT o.kind, o.name, o.new_owner
        FROM pg_extension AS e
        JOIN pg_depend AS d ON d.refclassid = 'pg_extension'::regclass AND d.refobjid = e.oid AND d.deptype = 'e'
        CROSS JOIN LATERAL (
            SELECT 'TABLE', c.oid::regclass::text, c.relowner, 'vetassist_owner'::regrole
            FROM pg_class AS c
            WHERE d.classid = 'pg_class'::regclass AND c.oid = d.objid AND c.relkind = 'r'
            UNION ALL
            SELECT 'ROUTINE', p.oid::regprocedure::text, p.proowner,
                   CASE WHEN p.prosecdef THEN 'vetassist_owner'::regrole
                        WHEN r.rolsuper THEN p.proowner::regrole
                        ELSE quote_ident(current_user)::regrole END
            FROM pg_proc AS p
            JOIN pg_roles AS r ON r.oid = p.proowner
            WHERE d.classid = 'pg_proc'::regclass AND p.oid = d.objid
        ) AS o (kind, name, owner, new_owner)
        WHERE e.extname = 'vetassist' AND o.owner <> o.new_owner
    LOOP
        EXECUTE format('ALTER %s %s OWNER TO %s', object.kind, object.name, object.new_owner);
    END LOOP;
END
$$;
