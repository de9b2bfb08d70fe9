-- Notes which objects of the plain installation were there before it ran, so that grants on them stay.

DO $plain$
BEGIN
    PERFORM pg_catalog.set_config('vetassist_plain.present', pg_catalog.concat(ARRAY(
        SELECT c.oid FROM pg_catalog.pg_class AS c
        WHERE c.relnamespace OPERATOR(pg_catalog.=) pg_catalog.to_regnamespace(pg_catalog.quote_ident(pg_catalog.current_schema()))
        UNION ALL
        SELECT p.oid FROM pg_catalog.pg_proc AS p
        WHERE p.pronamespace OPERATOR(pg_catalog.=) pg_catalog.to_regnamespace(pg_catalog.quote_ident(pg_catalog.current_schema()))
    )), false);
END
$plain$;
