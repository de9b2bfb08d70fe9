-- Rights on the objects of the extension.
--
-- requires: extension/owners.sql

-- Only the owner has rights, no matter what this database grants by default or granted before. vetassist_owner may also
-- call the functions of the superuser, because its own functions call them.
-- The functions that any role may call are listed by name, so that a new function is closed until it is added here.
DO $$
DECLARE
    object record;
    grantee text;
BEGIN
    FOR object IN
        SELECT o.kind, o.name, o.owner, o.acl, o.is_called, o.is_open
        FROM pg_extension AS e
        JOIN pg_depend AS d ON d.refclassid = 'pg_extension'::regclass AND d.refobjid = e.oid AND d.deptype = 'e'
        CROSS JOIN LATERAL (
            SELECT CASE c.relkind WHEN 'S' THEN 'SEQUENCE' ELSE 'TABLE' END, c.oid::regclass::text, c.relowner::regrole,
                   (SELECT array_agg(a.item)
                    FROM (SELECT unnest(c.relacl)
                          UNION ALL
                          SELECT unnest(k.attacl) FROM pg_attribute AS k WHERE k.attrelid = c.oid) AS a (item)),
                   false, false
            FROM pg_class AS c
            WHERE d.classid = 'pg_class'::regclass AND c.oid = d.objid
            UNION ALL
            SELECT 'ROUTINE', p.oid::regprocedure::text, p.proowner::regrole, p.proacl::aclitem[],
                   p.prorettype NOT IN ('trigger'::regtype, 'event_trigger'::regtype),
                   p.proname IN ('vetassist_generate_key', 'vetassist_version', 'vetassist_hash_ip', 'vetassist_encrypt',
                                 'vetassist_decrypt', 'vetassist_decrypt_text', 'vetassist_derive_user_key')
            FROM pg_proc AS p
            WHERE d.classid = 'pg_proc'::regclass AND p.oid = d.objid
        ) AS o (kind, name, owner, acl, is_called, is_open)
        WHERE e.extname = 'vetassist'
    LOOP
        FOR grantee IN
            SELECT CASE g.grantee WHEN 0 THEN 'PUBLIC' ELSE g.grantee::regrole::text END
            FROM aclexplode(object.acl) AS g
            WHERE g.grantee <> object.owner
            UNION
            SELECT 'PUBLIC'
        LOOP
            EXECUTE format('REVOKE ALL ON %s %s FROM %s CASCADE', object.kind, object.name, grantee);
        END LOOP;
        EXECUTE format('GRANT ALL ON %s %s TO %s', object.kind, object.name, object.owner);
        IF object.is_called THEN
            EXECUTE format('GRANT EXECUTE ON %s %s TO vetassist_owner', object.kind, object.name);
        END IF;
        IF object.is_open THEN
            EXECUTE format('GRANT EXECUTE ON %s %s TO PUBLIC', object.kind, object.name);
        END IF;
    END LOOP;
END
$$;

-- PostgreSQL checks foreign keys with the rights of the tables' owner, which needs USAGE for that.
SELECT @extschema@.vetassist_grant_dumped('GRANT USAGE ON SCHEMA @extschema@ TO vetassist_owner'::text);
