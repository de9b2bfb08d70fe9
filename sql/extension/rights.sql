-- Rights on everything above.
--
-- requires: extension/owners.sql

-- Nobody but the owner has any, whatever this database grants by default and whoever was granted something before; but
-- what is vetassist_owner's calls what is the superuser's.
-- The functions that stay open are named, so that one that is added later is closed unless somebody opens it here.
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

-- Foreign keys are checked with the rights of the tables' owner.
SELECT @extschema@.vetassist_grant_dumped('GRANT USAGE ON SCHEMA @extschema@ TO vetassist_owner'::text);
