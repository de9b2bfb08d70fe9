-- Rights on everything above.
--
-- requires: functions/

-- Last of all: nobody but the owner may execute a function that uses the server's keys or touches the
-- tables. The few that stay open are named, so that one that is added later is closed unless somebody
-- opens it here.
DO $$
DECLARE
    routine pg_catalog.regprocedure;
BEGIN
    FOR routine IN
        SELECT p.oid
        FROM pg_extension e
        JOIN pg_depend d ON d.refclassid = 'pg_extension'::regclass AND d.refobjid = e.oid AND d.deptype = 'e'
        JOIN pg_proc p ON d.classid = 'pg_proc'::regclass AND d.objid = p.oid
        WHERE e.extname = 'vetassist'
          AND p.proname NOT IN (
              'vetassist_generate_key', 'vetassist_version', 'vetassist_hash_ip',
              'vetassist_encrypt', 'vetassist_decrypt', 'vetassist_decrypt_text',
              'vetassist_derive_user_key')
    LOOP
        EXECUTE format('REVOKE ALL ON ROUTINE %s FROM PUBLIC', routine);
    END LOOP;
END
$$;
