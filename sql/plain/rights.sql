-- Rights of the plain installation.
--
-- requires: plain/present.sql plain/audit_guard.sql tables/append_only.sql

-- Nobody but the owner, whatever this database grants by default, and to whomever. What somebody granted on an object
-- that was there before stays. A backend that seals by itself needs SELECT, INSERT, UPDATE and DELETE on the first three
-- tables, SELECT and INSERT on the other two, and USAGE on the sequence.
DO $plain$
DECLARE
    own_schema CONSTANT oid := '@extschema@'::regnamespace;
    present CONSTANT oid[] := current_setting('vetassist_plain.present');
    granted record;
BEGIN
    FOR granted IN
        SELECT o.object, CASE g.grantee WHEN 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(g.grantee)) END AS grantee
        FROM (
            SELECT c.oid, format('%s %s', CASE c.relkind WHEN 'S' THEN 'SEQUENCE' ELSE 'TABLE' END, c.oid::regclass),
                   c.relowner, c.relacl
            FROM pg_class AS c
            WHERE c.relnamespace = own_schema
              AND c.relname = ANY (ARRAY['@relations@']) AND c.relkind <> 'i'
            UNION ALL
            SELECT p.oid, format('ROUTINE %s', p.oid::regprocedure), p.proowner,
                   coalesce(p.proacl, acldefault('f', p.proowner))
            FROM pg_proc AS p
            -- Looked up once each: a join would do it again for every function of the database.
            WHERE p.oid = ANY (ARRAY(SELECT to_regprocedure('@extschema@' || '.' || f.signature)::oid
                                    FROM unnest(ARRAY['@functions@']) AS f (signature)))
        ) AS o (oid, object, owner, acl)
        CROSS JOIN LATERAL aclexplode(o.acl) AS g
        WHERE o.oid <> ALL (present) AND g.grantee <> o.owner
        GROUP BY o.object, g.grantee
    LOOP
        EXECUTE format('REVOKE ALL ON %s FROM %s CASCADE', granted.object, granted.grantee);
    END LOOP;
END
$plain$;
