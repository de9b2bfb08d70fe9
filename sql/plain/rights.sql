-- Rights of the plain installation.
--
-- requires: plain/present.sql plain/audit_guard.sql tables/append_only.sql

-- Nobody but the owner, whatever this database grants by default, and to whomever. What somebody granted on an object
-- that was there before stays. A backend that seals by itself needs SELECT, INSERT, UPDATE and DELETE on the first three
-- tables, SELECT and INSERT on the other two, and USAGE on the sequence.
DO $plain$
DECLARE
    caller_path CONSTANT text := pg_catalog.current_setting('search_path');
    own_schema CONSTANT oid := pg_catalog.to_regnamespace(pg_catalog.quote_ident(pg_catalog.current_schema()));
    present CONSTANT oid[] := pg_catalog.current_setting('vetassist_plain.present');
    granted record;
BEGIN
    PERFORM pg_catalog.set_config('search_path', 'pg_catalog, pg_temp', true);
    FOR granted IN
        SELECT o.object, CASE g.grantee WHEN 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(g.grantee)) END AS grantee
        FROM (
            SELECT c.oid, format('%s %s', CASE c.relkind WHEN 'S' THEN 'SEQUENCE' ELSE 'TABLE' END, c.oid::regclass),
                   c.relowner, c.relacl
            FROM pg_class AS c
            WHERE c.relnamespace = own_schema
              AND c.relname IN ('vetassist_users', 'vetassist_va_tokens', 'vetassist_sessions', 'vetassist_auth_audit',
                                'vetassist_keyed_ip_hashes', 'vetassist_auth_audit_id_seq')
            UNION ALL
            SELECT p.oid, format('FUNCTION %s', p.oid::regprocedure), p.proowner,
                   coalesce(p.proacl, acldefault('f', p.proowner))
            FROM pg_proc AS p
            WHERE p.pronamespace = own_schema AND p.proname IN ('vetassist_audit_guard', 'vetassist_audit_id') AND p.pronargs = 0
        ) AS o (oid, object, owner, acl)
        CROSS JOIN LATERAL aclexplode(o.acl) AS g
        WHERE o.oid <> ALL (present) AND g.grantee <> o.owner
        GROUP BY o.object, g.grantee
    LOOP
        EXECUTE format('REVOKE ALL ON %s FROM %s CASCADE', granted.object, granted.grantee);
    END LOOP;
    PERFORM set_config('search_path', caller_path, true);
    PERFORM set_config('vetassist_plain.present', '', false);
END
$plain$;
