-- Notes the objects that exist before the plain file makes its own, so that grants on them stay.
--
-- requires: plain/owners.sql

DO $plain$
BEGIN
    PERFORM set_config('vetassist_plain.present', concat(ARRAY(
        SELECT c.oid FROM pg_class AS c WHERE c.relnamespace = '@extschema@'::regnamespace
        UNION ALL
        SELECT p.oid FROM pg_proc AS p WHERE p.pronamespace = '@extschema@'::regnamespace
    )), true);
END
$plain$;
