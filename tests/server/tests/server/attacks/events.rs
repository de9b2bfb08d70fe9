//! Tests that no role can forge a reserved event, or prevent that an event is written.

use super::{Refused, Victim};
use crate::events::RESERVED;

#[test]
#[ignore = "takes seconds"]
fn reserved_events_are_refused_in_every_spelling() {
    let mut victim = Victim::installed(&[]);
    victim.must("app", "SELECT vetassist_login('ICN', 'access', now(), 'jti', now())");
    let rows = "SELECT count(*) FROM vetassist_auth_audit";
    let before = victim.count(rows);
    for event in RESERVED {
        // The name, and spellings that a reader would take for the name.
        let upper = event.to_uppercase();
        let title = format!("{}{}", event[..1].to_uppercase(), &event[1..]);
        for name in [
            event,
            &upper,
            &title,
            &format!(" {event}"),
            &format!("{event} "),
            &format!("{event}\n"),
            &format!("\t{event}"),
        ] {
            for call in [
                format!("SELECT vetassist_log_event($e${name}$e$)"),
                format!("SELECT vetassist_log_event($e${name}$e$, NULL, '{{}}', '203.0.113.7')"),
                format!("SELECT vetassist_log_event($e${name}$e$, user_id) FROM vetassist_login('ICN', 'a', now(), 'jti ' || random(), now())"),
            ] {
                for role in ["app", "postgres"] {
                    let Refused { state, text } = victim.run(role, &call).expect_err(&call);
                    assert!(state == "42501" && text.contains(" / "), "{role}: {call}: {state} {text}");
                }
            }
        }
    }
    assert_eq!(victim.count(rows), before);
    // An application may use similar names.
    for name in ["login_failed", "login_refused", "my_login", "password_reset", "consent_given"] {
        victim.must("app", &format!("SELECT vetassist_log_event('{name}')"));
    }
}

#[test]
fn ids_taken_in_advance_prevent_no_call() {
    let mut victim = Victim::installed(&[]);
    victim.db.batch_execute("GRANT INSERT ON vetassist_auth_audit TO backend; GRANT USAGE ON SEQUENCE vetassist_auth_audit_id_seq TO backend; GRANT SELECT (id) ON vetassist_auth_audit TO backend").unwrap();
    let last = "(SELECT coalesce(max(id), 0) FROM vetassist_auth_audit WHERE id < 1000000000)";
    for (number, taken) in [
        // The next ids, with old times.
        format!("INSERT INTO vetassist_auth_audit (id, event_type, created_at) SELECT {last} + i, 'taken', '2001-01-01' FROM generate_series(1, 300) AS i"),
        // Every second id, and the last possible one.
        format!("INSERT INTO vetassist_auth_audit (id, event_type) SELECT {last} + 2 * i, 'taken' FROM generate_series(1, 300) AS i"),
        "INSERT INTO vetassist_auth_audit (id, event_type) VALUES (9223372036854775807, 'taken')".to_owned(),
        "INSERT INTO vetassist_auth_audit (id, event_type) SELECT -i, 'taken' FROM generate_series(0, 10) AS i".to_owned(),
        // Rows with infinite times or none.
        "INSERT INTO vetassist_auth_audit (event_type, created_at) VALUES ('taken', 'infinity'), ('taken', '-infinity'), ('taken', NULL)".to_owned(),
    ]
    .iter()
    .enumerate()
    {
        // The statement may be refused.
        let _ = victim.run("backend", taken);
        for (role, call) in [
            ("app", format!("SELECT vetassist_login('ICN', 'access', now() + '1 h', 'jti {number}', now() + '1 h', ip => '203.0.113.7')")),
            ("app", "SELECT vetassist_log_event('x')".to_owned()),
            ("admin", "CALL vetassist_seal_audit()".to_owned()),
            ("admin", "SELECT vetassist_purge_audit('2 years', 5)".to_owned()),
            ("app", "SELECT vetassist_erase_user(user_id) FROM vetassist_login('other', 'access', now(), 'other ' || random(), now())".to_owned()),
            ("backend", "INSERT INTO vetassist_auth_audit (event_type) VALUES ('by itself')".to_owned()),
        ] {
            victim.must(role, &call);
        }
    }
}
