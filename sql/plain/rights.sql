-- Rights of the plain installation.
--
-- requires: plain/present.sql plain/audit_guard.sql tables/append_only.sql

-- Only the owner has rights on new objects, no matter what this database grants by default. Grants on objects that existed
-- before stay. A backend that writes the tables directly needs SELECT, INSERT, UPDATE and DELETE on the tables of users,
-- tokens and sessions, SELECT and INSERT on the audit trail and the keyed hashes, and USAGE on the sequence.
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
            -- An array looks each signature up once. A join would do it again for every function of the database.
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
