//! Tests the plain file, which `cargo xtask sql` writes, and its adoption by the extension.

use std::sync::OnceLock;

use postgres::Client;
use uuid::Uuid;
use vetassist_core::{schema::Guards, IpHash, KeyRing, Sealed};
use vetassist_server_tests::{
    column_of, database, differences, empty_database, hex_key, inventory, plain_sql, sqlstate,
};

/// Returns the plain file.
fn script() -> &'static str {
    static SCRIPT: OnceLock<String> = OnceLock::new();
    SCRIPT.get_or_init(plain_sql)
}

fn plain_database() -> Client {
    let mut db = empty_database();
    db.batch_execute(script()).unwrap();
    db
}

/// Returns the rows of the catalogs of all objects with vetassist in their names, with their oids.
fn catalog(db: &mut Client) -> Vec<String> {
    column_of(
        db,
        "SELECT concat_ws(' ', 'class', oid, relname, relkind, relowner, relacl, relhastriggers, obj_description(oid, 'pg_class'))
         FROM pg_class WHERE relname LIKE '%vetassist%' AND relkind <> 't'
         UNION ALL
         SELECT concat_ws(' ', 'column', attrelid, attnum, attname, format_type(atttypid, atttypmod), attnotnull, attacl,
                          col_description(attrelid, attnum), pg_get_expr(d.adbin, d.adrelid))
         FROM pg_attribute LEFT JOIN pg_attrdef d ON adrelid = attrelid AND adnum = attnum
         WHERE attrelid IN (SELECT oid FROM pg_class WHERE relname LIKE '%vetassist%' AND relkind = 'r') AND attnum > 0
         UNION ALL
         SELECT concat_ws(' ', 'constraint', oid, conname, pg_get_constraintdef(oid))
         FROM pg_constraint WHERE conrelid IN (SELECT oid FROM pg_class WHERE relname LIKE 'vetassist%')
         UNION ALL
         SELECT concat_ws(' ', 'trigger', oid, pg_get_triggerdef(oid), tgenabled) FROM pg_trigger WHERE NOT tgisinternal
         UNION ALL
         SELECT concat_ws(' ', 'function', oid, proname, prolang, proowner, proacl, prosrc, proconfig)
         FROM pg_proc WHERE proname LIKE 'vetassist%'
         ORDER BY 1",
    )
}

#[test]
fn the_plain_tables_match_the_description() {
    let mut db = plain_database();
    assert_eq!(differences(&mut db, "public", Guards::Required), []);
    // The description leaves this table out, because only vetassist has it.
    let keyed = "SELECT concat_ws(' ', attname, format_type(atttypid, atttypmod), attnotnull, obj_description(attrelid, 'pg_class'), i.indisprimary)
                 FROM pg_attribute LEFT JOIN pg_index i ON indrelid = attrelid
                 WHERE attrelid = 'vetassist_keyed_ip_hashes'::regclass AND attnum > 0";
    assert_eq!(column_of(&mut db, keyed), column_of(&mut database(), keyed));
    // The plain file has every function that needs no key. Its only own objects replace the extension's settings and a
    // procedure in Rust.
    let made = "SELECT relname::text FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind NOT IN ('i', 't')
         UNION ALL SELECT oid::regprocedure::text FROM pg_proc WHERE pronamespace = 'public'::regnamespace ORDER BY 1";
    let extension = column_of(&mut database(), made);
    let plain = column_of(&mut db, made);
    let own: Vec<_> = plain.iter().filter(|name| !extension.contains(name)).collect();
    assert_eq!(
        own,
        [
            "vetassist_note_sign_out(bigint)",
            "vetassist_settings",
            "vetassist_sign_out_step(integer)"
        ]
    );
    assert!(plain.len() > 60, "{plain:?}");
    for needed in [
        "vetassist_erase_user(uuid)",
        "vetassist_purge_audit(interval,integer)",
        "vetassist_seal_audit(integer)",
        "vetassist_verify_audit(text)",
        "vetassist_new_audit_log(text)",
    ] {
        assert!(plain.iter().any(|name| name == needed), "{needed}");
    }
    for key in ["vetassist_keys()", "vetassist_login(", "vetassist_encrypt", "vetassist_decrypt"] {
        assert!(!plain.iter().any(|name| name.starts_with(key)), "{key}");
    }
}

#[test]
fn running_the_plain_file_twice_changes_nothing() {
    let mut db = plain_database();
    db.batch_execute(
        "INSERT INTO vetassist_users (va_icn) VALUES ('ICN1');
         INSERT INTO vetassist_auth_audit (event_type) VALUES ('x');
         CREATE ROLE plain_backend; GRANT SELECT, INSERT ON vetassist_auth_audit TO plain_backend;",
    )
    .unwrap();
    let before = catalog(&mut db);
    assert!(before.len() > 40, "{before:?}");
    db.batch_execute(script()).unwrap();
    assert_eq!(catalog(&mut db), before);
    let rows = "SELECT u.va_icn || a.event_type FROM vetassist_users u, vetassist_auth_audit a";
    assert_eq!(column_of(&mut db, rows), ["ICN1x"]);
}

#[test]
fn the_plain_guard_refuses_changes_of_every_role() {
    let mut db = plain_database();
    for rows in [0, 1] {
        for change in [
            "UPDATE vetassist_auth_audit SET event_type = 'y'",
            "DELETE FROM vetassist_auth_audit WHERE false",
            "TRUNCATE vetassist_auth_audit",
            "DELETE FROM vetassist_auth_audit",
        ] {
            let error = db.batch_execute(change).unwrap_err();
            assert_eq!(sqlstate(&error), "42501", "{change}, {rows} rows");
            let error = error.as_db_error().unwrap();
            assert_eq!(error.message(), "the audit trail is append-only");
            assert!(error.hint().unwrap().contains("vetassist_purge_audit"));
        }
        db.batch_execute("INSERT INTO vetassist_auth_audit (event_type) VALUES ('x')").unwrap();
    }
}

#[test]
fn default_privileges_give_nothing_on_the_plain_objects() {
    let mut db = empty_database();
    db.batch_execute(
        "ALTER DEFAULT PRIVILEGES GRANT ALL ON TABLES TO PUBLIC;
         ALTER DEFAULT PRIVILEGES GRANT ALL ON SEQUENCES TO PUBLIC;
         CREATE ROLE plain_nobody;",
    )
    .unwrap();
    db.batch_execute(script()).unwrap();
    let held = column_of(
        &mut db,
        "SELECT concat_ws(' ', c.relname, a.privilege_type)
         FROM pg_class c, aclexplode(coalesce(relacl, acldefault(CASE relkind WHEN 'S' THEN 's' ELSE 'r' END::\"char\", relowner))) a
         WHERE c.relname LIKE 'vetassist%' AND c.relkind IN ('r', 'S') AND a.grantee <> c.relowner
         UNION ALL SELECT proname::text FROM pg_proc
         WHERE proname LIKE 'vetassist%' AND has_function_privilege('plain_nobody', oid, 'EXECUTE')",
    );
    assert_eq!(held, [""; 0]);
    // The guard works for a role that may not call its function.
    db.batch_execute(
        "CREATE ROLE plain_deleter; GRANT USAGE ON SCHEMA public TO plain_deleter;
         GRANT SELECT, DELETE ON vetassist_auth_audit TO plain_deleter; SET ROLE plain_deleter",
    )
    .unwrap();
    let error = db.batch_execute("DELETE FROM vetassist_auth_audit").unwrap_err();
    assert_eq!(error.as_db_error().unwrap().message(), "the audit trail is append-only");
}

/// Stores rows as a backend in Rust without the extension does: tokens sealed by the core, and both kinds of hashes.
fn store_by_core(db: &mut Client, user_id: Uuid) -> (IpHash, IpHash) {
    let ring = KeyRing::parse(hex_key(0x22).as_bytes()).unwrap();
    let mut user = ring.user(user_id);
    let seal = |token: &str, user: &mut vetassist_core::UserRing<'_>| -> Sealed {
        user.seal_token(token).unwrap().try_into().unwrap()
    };
    let (access, refresh) = (seal("access t\u{f6}k\u{e9}n", &mut user), seal("refresh", &mut user));
    let plain = IpHash::of_text("203.0.113.7").unwrap();
    let keyed = ring.upgrade_ip_hash(&IpHash::of_text("2001:db8::1").unwrap());
    db.execute("INSERT INTO vetassist_users (id, va_icn) VALUES ($1, $1::uuid::text)", &[&user_id])
        .unwrap();
    db.execute(
        "INSERT INTO vetassist_va_tokens (user_id, access_token_encrypted, refresh_token_encrypted, expires_at)
         VALUES ($1, $2, $3, now())",
        &[&user_id, &access, &refresh],
    )
    .unwrap();
    for hash in [&plain, &keyed] {
        db.execute(
            "INSERT INTO vetassist_auth_audit (user_id, event_type, ip_hash) VALUES ($1, 'login', $2)",
            &[&user_id, hash],
        )
        .unwrap();
    }
    db.execute("INSERT INTO vetassist_keyed_ip_hashes VALUES ($1)", &[&keyed]).unwrap();
    (plain, keyed)
}

#[test]
fn the_extension_adopts_the_plain_tables_and_opens_their_tokens() {
    let mut db = plain_database();
    let user_id = Uuid::from_u128(0x1bb0_44aa_ded1_40c7_8a88_433e_7490_3f95);
    let (plain, keyed) = store_by_core(&mut db, user_id);
    let kept = "SELECT t::text FROM vetassist_va_tokens t UNION ALL SELECT a::text FROM vetassist_auth_audit a ORDER BY 1";
    let before = column_of(&mut db, kept);
    db.batch_execute("CREATE EXTENSION vetassist").unwrap();
    assert_eq!(column_of(&mut db, kept), before);
    let opened = db
        .query_one("SELECT vetassist_access_token($1), vetassist_refresh_token($1)", &[&user_id])
        .unwrap();
    assert_eq!((opened.get(0), opened.get(1)), ("access t\u{f6}k\u{e9}n", "refresh"));
    assert!(db.query("SELECT * FROM vetassist_check_schema()", &[]).unwrap().is_empty());
    // The adopted installation has the same objects as a fresh one. Its guard is the extension's.
    assert_eq!(inventory(&mut db), inventory(&mut database()));
    let guard = "SELECT l.lanname::text FROM pg_trigger g JOIN pg_proc p ON p.oid = g.tgfoid JOIN pg_language l ON l.oid = prolang
                 WHERE tgname = 'vetassist_auth_audit_append_only'";
    assert_eq!(column_of(&mut db, guard), ["c"]);
    // Keyed hashes stay, plain hashes become keyed, and the trail can be purged.
    db.batch_execute("SET vetassist.ip_hash = keyed").unwrap();
    db.batch_execute("CALL vetassist_upgrade_ip_hashes()").unwrap();
    let ring = KeyRing::parse(hex_key(0x22).as_bytes()).unwrap();
    let hashes = column_of(
        &mut db,
        "SELECT ip_hash FROM vetassist_auth_audit WHERE event_type = 'login' ORDER BY id",
    );
    assert_eq!(hashes, [ring.upgrade_ip_hash(&plain).as_str(), keyed.as_str()]);
    let error = db.batch_execute("DELETE FROM vetassist_auth_audit").unwrap_err();
    assert_eq!(sqlstate(&error), "42501");
    db.batch_execute("SET vetassist.audit_min_retention = '0'").unwrap();
    db.batch_execute("CALL vetassist_seal_audit()").unwrap();
    let purged: i32 =
        db.query_one("SELECT vetassist_purge_audit('1 microsecond')", &[]).unwrap().get(0);
    // One of the rows is the event of the upgrade.
    assert_eq!(purged, 3);
    // A migration may run the file again.
    let before = catalog(&mut db);
    db.batch_execute(script()).unwrap();
    assert_eq!(catalog(&mut db), before);
}

#[test]
fn plain_tables_of_another_owner_are_not_adopted() {
    let mut db = empty_database();
    db.batch_execute(
        "CREATE ROLE plain_owner; GRANT CREATE ON SCHEMA public TO plain_owner; SET ROLE plain_owner",
    )
    .unwrap();
    db.batch_execute(script()).unwrap();
    db.batch_execute("RESET ROLE").unwrap();
    assert_eq!(differences(&mut db, "public", Guards::Required), []);
    let before = catalog(&mut db);
    let error = db.batch_execute("CREATE EXTENSION vetassist").unwrap_err();
    assert_eq!(sqlstate(&error), "55000", "{error:?}");
    let detail = error.as_db_error().unwrap().detail().unwrap();
    assert!(
        detail.contains("vetassist_users: owner, expected postgres, found plain_owner"),
        "{detail}"
    );
    assert_eq!(catalog(&mut db), before);
}

#[test]
fn the_plain_tables_are_created_in_the_first_schema_of_the_search_path() {
    let mut db = empty_database();
    db.batch_execute("CREATE SCHEMA \"Vet Data\"; SET search_path = \"Vet Data\"").unwrap();
    db.batch_execute(script()).unwrap();
    assert_eq!(differences(&mut db, "Vet Data", Guards::Required), []);
    db.batch_execute("CREATE EXTENSION vetassist SCHEMA \"Vet Data\"").unwrap();
    assert!(db.query("SELECT * FROM vetassist_check_schema()", &[]).unwrap().is_empty());
    // The extension does not use the tables of another schema.
    db.batch_execute("SET search_path = public").unwrap();
    db.batch_execute(script()).unwrap();
    assert_eq!(differences(&mut db, "public", Guards::Required), []);
}

/// The quoted name and the unquoted name are different schemas.
#[test]
fn the_owner_is_checked_in_a_schema_whose_name_needs_quotes() {
    let mut db = empty_database();
    db.batch_execute(
        "CREATE SCHEMA \"Upper\"; CREATE SCHEMA upper; SET search_path = \"Upper\"; CREATE ROLE \"Plain-Owner\" SUPERUSER",
    )
    .unwrap();
    db.batch_execute(script()).unwrap();
    db.batch_execute("SET ROLE \"Plain-Owner\"").unwrap();
    let error = db.batch_execute("CREATE EXTENSION vetassist SCHEMA \"Upper\"").unwrap_err();
    assert_eq!(sqlstate(&error), "55000", "{error:?}");
    let detail = error.as_db_error().unwrap().detail().unwrap();
    assert!(
        detail.contains("vetassist_users: owner, expected Plain-Owner, found postgres"),
        "{detail}"
    );
    db.batch_execute("RESET ROLE; CREATE EXTENSION vetassist SCHEMA \"Upper\"").unwrap();
}

#[test]
fn different_tables_are_left_alone_and_reported() {
    let mut db = empty_database();
    db.batch_execute(&script().replace("email             varchar(255)", "email             text"))
        .unwrap();
    db.batch_execute(script()).unwrap();
    let found = differences(&mut db, "public", Guards::Required);
    assert_eq!(found.len(), 1, "{found:?}");
    assert_eq!(found[0].object, "vetassist_users.email");
}

/// The owner of the schema could create functions there that an application calls by mistake.
#[test]
fn another_owner_of_the_schema_is_shown() {
    let mut db = empty_database();
    let name = column_of(&mut db, "SELECT current_database()::text").remove(0);
    db.batch_execute(&format!(
        "CREATE ROLE {name}_dba; CREATE ROLE {name}_app; CREATE SCHEMA own AUTHORIZATION {name}_dba;
         GRANT ALL ON SCHEMA own TO {name}_app; SET ROLE {name}_app; SET search_path = own"
    ))
    .unwrap();
    db.batch_execute(script()).unwrap();
    let shown = "SELECT subject || ': ' || message FROM own.vetassist_check()";
    assert_eq!(
        column_of(&mut db, shown),
        [format!("schema own: role {name}_dba may create objects in it")]
    );
    db.batch_execute(&format!("RESET ROLE; ALTER SCHEMA own OWNER TO {name}_app")).unwrap();
    assert_eq!(column_of(&mut db, shown), [""; 0]);
}
