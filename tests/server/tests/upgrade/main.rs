//! Tests a server with data after `pg_upgrade` to a newer version of PostgreSQL.
#![allow(clippy::unwrap_used)]

use vetassist_server_tests::{
    audit_log::{assert_intact, checkpoint, seal},
    column_of,
    contents::{assert_use_continues, opened_tokens, rights_and_triggers, rows},
    sqlstate, KeyedServer,
};

#[test]
fn pg_upgrade_keeps_all_rows_and_every_call_works() {
    let mut server = KeyedServer::filled(&[]);
    seal(&mut server.db);
    let kept = checkpoint(&mut server.db);
    let before = rows(&mut server.db);
    let around = rights_and_triggers(&mut server.db);
    let version = "SELECT current_setting('server_version_num')::int / 10000";
    let older: i32 = server.db.query_one(version, &[]).unwrap().get(0);
    // The mode --link uses the older server's files, so it comes last.
    for mode in ["--copy", "--link"] {
        let newer = server.upgraded(mode);
        let mut db = newer.connect_as("postgres");
        assert!(db.query_one(version, &[]).unwrap().get::<_, i32>(0) > older);
        assert_eq!(rows(&mut db), before);
        assert_eq!(rights_and_triggers(&mut db), around);
        assert_eq!(opened_tokens(&mut db), 39);
        let mut app = newer.connect_as("app");
        let active = "SELECT vetassist_session_active('jti 1'), vetassist_session_active('jti 7')";
        let row = app.query_one(active, &[]).unwrap();
        assert!(row.get::<_, bool>(0) && !row.get::<_, bool>(1));
        assert_intact(&mut db, Some(&kept));
        assert_use_continues(&mut db, 0);
        // The server has another system identifier. The log continues under another name, with the former root.
        let error = db.batch_execute("CALL vetassist_seal_audit()").unwrap_err();
        assert_eq!(sqlstate(&error), "55000");
        db.batch_execute("SELECT vetassist_new_audit_log('pg_upgrade')").unwrap();
        seal(&mut db);
        assert_intact(&mut db, None);
        let first = "SELECT kind FROM vetassist_audit_entries(0, 1) WHERE entry IS NOT NULL";
        assert_eq!(column_of(&mut db, first), ["restart"]);
        db.batch_execute("CALL vetassist_rotate_tokens()").unwrap();
        assert!(db.query("SELECT * FROM vetassist_check_schema()", &[]).unwrap().is_empty());
    }
}
