//! Reads and verifies a database's audit log, by the database's own functions and by `vetassist-audit`.

use std::time::Duration;

use postgres::{Client, NoTls};
use time::OffsetDateTime;
use vetassist_audit::{
    database::Database,
    export,
    finding::{Class, Finding, Severity, Summary},
    verify::{verify, Evidence, Expectations},
};
use vetassist_core::audit_log::{sign_note, AuditKey};

use crate::column_of;

/// Seals all unsealed rows of the audit trail.
pub fn seal(db: &mut Client) {
    db.batch_execute("CALL vetassist_seal_audit()").unwrap();
}

/// Returns the log's checkpoint.
#[must_use]
pub fn checkpoint(db: &mut Client) -> String {
    db.query_one("SELECT vetassist_audit_checkpoint()", &[]).unwrap().get(0)
}

/// Returns the number of the log's entries.
#[must_use]
pub fn size(db: &mut Client) -> i64 {
    checkpoint(db).split('\n').nth(1).unwrap().parse().unwrap()
}

/// Returns the kinds of problems that the database finds, each once, with or without an earlier checkpoint.
#[must_use]
pub fn problems(db: &mut Client, kept: Option<&str>) -> Vec<String> {
    let kept = kept.map_or("NULL".into(), |kept| format!("'{kept}'"));
    column_of(
        db,
        &format!("SELECT DISTINCT problem FROM vetassist_verify_audit({kept}::text) ORDER BY 1"),
    )
}

/// Returns the key with which the tests' watcher signs.
#[must_use]
pub fn audit_key() -> AuditKey {
    AuditKey::from_bytes(&[7; 32])
}

/// Signs a checkpoint as a watcher would.
#[must_use]
pub fn signed(checkpoint: &str) -> String {
    let origin = checkpoint.split('\n').next().unwrap();
    sign_note(checkpoint, origin, &[&audit_key()]).unwrap()
}

/// Returns the connection string of a client.
#[must_use]
pub fn connection(db: &mut Client) -> String {
    let connection = "SELECT format('host=%s port=%s user=%s dbname=%s', current_setting('unix_socket_directories'),
                                    current_setting('port'), session_user, current_database())";
    db.query_one(connection, &[]).unwrap().get(0)
}

/// Connects to the same database as the same role.
#[must_use]
pub fn connect_again(db: &mut Client) -> Client {
    Client::connect(&connection(db), NoTls).unwrap()
}

/// Connects `vetassist-audit` to a database.
#[must_use]
pub fn connect_program(db: &mut Client) -> Database {
    Database::connect(&connection(db), "public", None).unwrap()
}

/// Connects `vetassist-audit` to a superuser's database as another role.
#[must_use]
pub fn connect_program_as(db: &mut Client, role: &str) -> Database {
    let connection = connection(db).replace("user=postgres", &format!("user={role}"));
    Database::connect(&connection, "public", None).unwrap()
}

/// Exports the log.
#[must_use]
pub fn exported(db: &mut Client) -> Vec<u8> {
    exported_by(connect_program(db))
}

/// Exports the log as another role.
#[must_use]
pub fn exported_as(db: &mut Client, role: &str) -> Vec<u8> {
    exported_by(connect_program_as(db, role))
}

fn exported_by(mut log: Database) -> Vec<u8> {
    let mut lines = Vec::new();
    export::write(&mut log, &mut lines, OffsetDateTime::now_utc(), |_, _| {}).unwrap();
    lines
}

/// The retention period of the audit trail in most of these tests.
pub const RETENTION: Duration = Duration::from_secs(365 * 24 * 60 * 60);

/// Verifies an export, with an earlier checkpoint that a watcher signed, and with the trail's retention period.
#[must_use]
pub fn verified(export: &[u8], kept: Option<&str>, retention: Duration) -> (Summary, Vec<Finding>) {
    let origin = kept.map(|kept| kept.split('\n').next().unwrap());
    let keys = origin.map(|origin| audit_key().verifier(origin).unwrap());
    let mut evidence = Evidence::new(keys.into_iter().collect());
    if let Some(kept) = kept {
        evidence.add_note("kept", signed(kept).into_bytes());
    }
    let expected = Expectations { evidence, retention };
    let mut findings = Vec::new();
    let summary = verify(|| Ok(export), &expected, &mut |finding| findings.push(finding)).unwrap();
    (summary, findings)
}

/// Returns the classes of what `vetassist-audit` finds, each once: problems, and changes that the log discloses.
#[must_use]
pub fn program_findings(db: &mut Client, kept: Option<&str>) -> Vec<&'static str> {
    let (summary, _) = verified(&exported(db), kept, RETENTION);
    let is_certain = |class: &&Class| class.severity() != Severity::CannotTell;
    summary.findings.keys().filter(is_certain).map(|class| class.name()).collect()
}

/// Asserts that neither the database nor `vetassist-audit` finds a problem.
pub fn assert_intact(db: &mut Client, kept: Option<&str>) -> Summary {
    assert_intact_where_kept(db, kept, RETENTION)
}

/// Asserts the same for another retention period.
pub fn assert_intact_where_kept(
    db: &mut Client,
    kept: Option<&str>,
    retention: Duration,
) -> Summary {
    let inside = column_of(
        db,
        "SELECT concat_ws(' ', problem, audit_id, entry, detail) FROM vetassist_verify_audit() LIMIT 20",
    );
    assert_eq!(inside, [""; 0]);
    assert_eq!(problems(db, kept), [""; 0]);
    let (summary, findings) = verified(&exported(db), kept, retention);
    let wrong: Vec<_> = findings
        .iter()
        .filter(|finding| finding.class.severity() == Severity::Problem)
        .take(20)
        .map(ToString::to_string)
        .collect();
    assert_eq!(wrong, [""; 0]);
    summary
}
