//! Tests extensions that maintain the database or write its log: `pg_cron`, `pg_repack` and pgaudit.

use std::{
    process::Command,
    thread,
    time::{Duration, Instant},
};

use vetassist_server_tests::{
    column_of, contents::TABLES, debian_file, install_debian_extension, KeyedServer,
};

use super::SHOWN;

/// The role of the jobs needs the tier `admin`, and USAGE on the schema of `pg_cron`.
#[test]
#[ignore = "takes seconds"]
fn pg_cron_calls_the_procedures_that_commit() {
    if !install_debian_extension("postgresql-15-cron") {
        return;
    }
    // Two jobs of each procedure run at once.
    let jobs = [
        "vetassist_seal_audit()",
        "vetassist_rotate_tokens()",
        "vetassist_upgrade_ip_hashes()",
        "vetassist_sign_everybody_out()",
    ];
    let servers = ["off", "on"].map(|in_workers| {
        let mut server = KeyedServer::start_with(&[
            ("shared_preload_libraries", "vetassist,pg_cron"),
            ("cron.use_background_workers", in_workers),
            ("max_worker_processes", "20"),
        ]);
        server
            .db
            .batch_execute(
                "CREATE EXTENSION pg_cron; CREATE ROLE clerk LOGIN;
                 SELECT vetassist_grant('clerk', 'admin'); GRANT USAGE ON SCHEMA cron TO clerk;
                 SELECT vetassist_login('ICN', 'a', now() + interval '1 h', 'jti', now() + interval '1 h', 'r', ip => '203.0.113.7')",
            )
            .unwrap();
        let mut clerk = server.connect_as("clerk");
        for job in jobs {
            for number in 1..=2 {
                let schedule = format!("SELECT cron.schedule('{job} {number}', '* * * * *', 'CALL {job}')");
                clerk.batch_execute(&schedule).unwrap();
            }
        }
        let socket = server.socket_dir().display().to_string();
        server.db.execute("UPDATE cron.job SET nodename = $1", &[&socket]).unwrap();
        server
    });
    let ended = "SELECT format('%s: %s %s', command, status, return_message) FROM cron.job_run_details WHERE status IN ('succeeded', 'failed') ORDER BY 1";
    for mut server in servers {
        // The jobs run at the beginning of the next minute.
        let began = Instant::now();
        while column_of(&mut server.db, ended).len() < 2 * jobs.len()
            && began.elapsed() < Duration::from_secs(90)
        {
            thread::sleep(Duration::from_millis(500));
        }
        let ended = column_of(&mut server.db, ended);
        assert!(ended.len() >= 2 * jobs.len(), "{ended:?}");
        assert!(ended.iter().all(|job| job.contains(": succeeded")), "{ended:?}");
        let sealed = "SELECT (size > 0)::text FROM vetassist_audit_head";
        assert_eq!(column_of(&mut server.db, sealed), ["true"]);
        let active = "SELECT vetassist_session_active('jti')::text";
        assert_eq!(column_of(&mut server.db, active), ["false"]);

        // pg_cron has row security on its tables.
        server
            .db
            .batch_execute("CREATE ROLE dumper LOGIN; GRANT pg_read_all_data TO dumper")
            .unwrap();
        let dumps = |options: &[&str]| {
            let mut dump = Command::new(server.client("pg_dump").get_program());
            dump.arg("-h").arg(server.socket_dir()).args(["-U", "dumper", "-d", "postgres"]);
            dump.args(options).output().unwrap().status.success()
        };
        assert!(!dumps(&[]));
        assert!(dumps(&["--exclude-table-data=cron.*"]));
    }
}

#[test]
#[ignore = "takes seconds"]
fn pg_repack_rewrites_every_table() {
    if !install_debian_extension("postgresql-15-repack") {
        return;
    }
    let mut server = KeyedServer::filled(&[]);
    server.db.batch_execute("CREATE EXTENSION pg_repack").unwrap();
    server.db.batch_execute("CALL vetassist_seal_audit()").unwrap();
    let files = format!(
        "SELECT relname || ' ' || relfilenode FROM pg_class WHERE relname IN ('{}') AND relkind = 'r' ORDER BY 1",
        TABLES.join("', '")
    );
    let before = column_of(&mut server.db, &files);
    let mut repack =
        Command::new(debian_file("postgresql-15-repack", "usr/lib/postgresql/15/bin/pg_repack"));
    repack.arg("-h").arg(server.socket_dir()).args(["-U", "postgres", "-d", "postgres"]);
    for table in TABLES {
        repack.args(["-t", table]);
    }
    let output = repack.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let after = column_of(&mut server.db, &files);
    let rewritten = before.iter().zip(&after).filter(|(before, after)| before != after).count();
    // pg_repack passes over a table without a primary key.
    let keyless = "SELECT count(*)::text FROM pg_class AS c WHERE relname LIKE 'vetassist_%' AND relkind = 'r' AND NOT EXISTS (SELECT FROM pg_index AS i WHERE i.indrelid = c.oid AND i.indisprimary)";
    let keyless: usize = column_of(&mut server.db, keyless)[0].parse().unwrap();
    assert_eq!(rewritten + keyless, TABLES.len(), "{before:?} {after:?}");
    assert_eq!(column_of(&mut server.db, SHOWN), [""; 0]);
    assert_eq!(column_of(&mut server.db, "SELECT problem FROM vetassist_verify_audit()"), [""; 0]);
    let closed = "SELECT count(*)::text FROM vetassist_va_tokens WHERE vetassist_access_token(user_id) IS NULL";
    assert_eq!(column_of(&mut server.db, closed), ["0"]);
}

/// Shows that the setting writes a token to the log, and that the tier monitor sees the finding.
#[test]
#[ignore = "takes seconds"]
fn the_setting_of_pgaudit_that_writes_tokens_is_shown() {
    if !install_debian_extension("postgresql-15-pgaudit") {
        return;
    }
    for (value, is_shown) in [("off", false), ("on", true)] {
        let mut server = KeyedServer::start_with(&[
            ("shared_preload_libraries", "vetassist,pgaudit"),
            ("pgaudit.log", "all"),
            ("pgaudit.log_parameter", value),
            ("log_parameter_max_length", "0"),
        ]);
        server
            .db
            .batch_execute(
                "CREATE ROLE monitor LOGIN; SELECT vetassist_grant('monitor', 'monitor')",
            )
            .unwrap();
        let login = "SELECT vetassist_login('ICN', $1, now() + interval '1 h', 'jti', now() + interval '1 h')";
        server.db.query(login, &[&"a token in the log"]).unwrap();
        assert_eq!(server.log().contains("a token in the log"), is_shown);
        let shown =
            column_of(&mut server.connect_as("monitor"), "SELECT subject FROM vetassist_check()");
        assert_eq!(shown == ["setting pgaudit.log_parameter"], is_shown, "{shown:?}");
        assert_eq!(shown.is_empty(), !is_shown, "{shown:?}");
    }
}
