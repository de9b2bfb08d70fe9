//! Tests procedures that commit: they work at every isolation level, and fail at once if they cannot commit.

use std::{
    sync::{
        atomic::{AtomicBool, Ordering},
        Arc,
    },
    thread,
};

use super::{Refused, Victim};

const PROCEDURES: [&str; 2] =
    ["CALL vetassist_rotate_tokens(5)", "CALL vetassist_upgrade_ip_hashes(5)"];

/// Creates a database with many tokens to rotate and hashes to upgrade.
fn with_work() -> Victim {
    let mut victim = Victim::installed(&[("vetassist.ip_hash", "keyed")]);
    victim
        .db
        .batch_execute(
            "INSERT INTO vetassist_users (va_icn) SELECT 'ICN ' || i FROM generate_series(1, 400) AS i;
             INSERT INTO vetassist_va_tokens (user_id, access_token_encrypted, expires_at)
             SELECT id, vetassist_encrypt('access', vetassist_derive_user_key(decode(repeat('11', 32), 'hex'), id)), now() FROM vetassist_users;
             INSERT INTO vetassist_sessions (user_id, jwt_id, expires_at, device_info) SELECT id, va_icn, now() + '1 h', jsonb_build_object('ip_hash', encode(sha256(va_icn::bytea), 'hex')) FROM vetassist_users;
             INSERT INTO vetassist_auth_audit (event_type, ip_hash) SELECT 'x', encode(sha256(i::text::bytea), 'hex') FROM generate_series(1, 400) AS i",
        )
        .unwrap();
    victim
}

fn remaining_work(victim: &mut Victim) -> i64 {
    victim.count(
        "SELECT (SELECT sum(sealed_values)::int8 FROM vetassist_rotation_status() WHERE NOT is_current OR is_current IS NULL)
              + (SELECT count(*) FROM vetassist_auth_audit WHERE ip_hash IS NOT NULL AND ip_hash NOT IN (SELECT ip_hash FROM vetassist_keyed_ip_hashes))
              + (SELECT count(*) FROM vetassist_sessions WHERE device_info ->> 'ip_hash' NOT IN (SELECT ip_hash FROM vetassist_keyed_ip_hashes))",
    )
}

#[test]
#[ignore = "takes seconds"]
fn procedures_work_at_every_isolation_level() {
    for level in ["serializable", "repeatable read", "read committed"] {
        let mut victim = with_work();
        let stop = Arc::new(AtomicBool::new(false));
        // Other sessions sign in and update the rows that the procedures read.
        let busy: Vec<_> = (0..2)
            .map(|worker| {
                let mut db = victim.connect("postgres");
                let stop = Arc::clone(&stop);
                thread::spawn(move || {
                    for turn in 0.. {
                        if stop.load(Ordering::Relaxed) {
                            break;
                        }
                        let icn = format!("ICN {}", turn % 400 + 1);
                        db.execute("SELECT vetassist_login($1, 'new access', now() + '1 h', $2, now() + '1 h', ip => '203.0.113.7')", &[&icn, &format!("{worker} {turn}")]).unwrap();
                        db.execute("UPDATE vetassist_sessions SET expires_at = expires_at + interval '1 s' WHERE jwt_id = $1", &[&icn]).unwrap();
                        db.execute("UPDATE vetassist_va_tokens SET refreshed_at = now() WHERE user_id = (SELECT id FROM vetassist_users WHERE va_icn = $1)", &[&icn]).unwrap();
                    }
                })
            })
            .collect();
        let mut outcomes = Vec::new();
        for call in PROCEDURES {
            for set in [
                format!("SET default_transaction_isolation = '{level}'"),
                format!("SET SESSION CHARACTERISTICS AS TRANSACTION ISOLATION LEVEL {level}"),
            ] {
                let mut db = victim.connect("admin");
                db.batch_execute(&set).unwrap();
                outcomes.push((call, db.batch_execute(call).map_err(|error| Refused::of(&error))));
            }
        }
        stop.store(true, Ordering::Relaxed);
        for worker in busy {
            worker.join().unwrap();
        }
        for (call, outcome) in outcomes {
            assert_eq!(outcome, Ok(()), "{level}: {call}");
        }
        assert_eq!(remaining_work(&mut victim), 0, "{level}");
    }
}

#[test]
fn procedures_that_cannot_commit_fail_before_any_work() {
    let mut victim = with_work();
    let before = remaining_work(&mut victim);
    assert!(before > 1000, "{before}");
    // The sequence shows work that was rolled back.
    victim
        .db
        .batch_execute(
            "CREATE SEQUENCE public.work; GRANT ALL ON SEQUENCE public.work TO PUBLIC; GRANT CREATE ON SCHEMA public TO admin;
             CREATE FUNCTION public.works() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$ BEGIN PERFORM nextval('public.work'); RETURN NEW; END $$;
             CREATE TRIGGER works BEFORE UPDATE ON vetassist_va_tokens FOR EACH ROW EXECUTE FUNCTION public.works();
             CREATE TRIGGER works BEFORE UPDATE ON vetassist_sessions FOR EACH ROW EXECUTE FUNCTION public.works();
             CREATE TRIGGER works BEFORE UPDATE ON vetassist_auth_audit FOR EACH ROW EXECUTE FUNCTION public.works();",
        )
        .unwrap();
    for call in PROCEDURES {
        let within =
            |makes: &str, calls: &str| [makes.replace('@', call), calls.replace('@', call)];
        for [makes, calls] in [
            within("BEGIN", "@"),
            within("BEGIN", "DO $$ BEGIN @; END $$"),
            within("SELECT", "DO $$ BEGIN BEGIN @; EXCEPTION WHEN division_by_zero THEN NULL; END; END $$"),
            within("CREATE OR REPLACE FUNCTION public.f() RETURNS void LANGUAGE plpgsql AS $$ BEGIN @; END $$", "SELECT public.f()"),
            within("CREATE OR REPLACE FUNCTION public.f() RETURNS void LANGUAGE plpgsql AS $$ BEGIN @; END $$", "DO $$ BEGIN PERFORM public.f(); END $$"),
            within("CREATE OR REPLACE FUNCTION public.g() RETURNS int LANGUAGE plpgsql AS $$ BEGIN @; RETURN 1; END $$", "SELECT sum(public.g()) FROM generate_series(1, 2)"),
            within("CREATE OR REPLACE PROCEDURE public.p() LANGUAGE plpgsql SET work_mem = '1MB' AS $$ BEGIN @; END $$", "CALL public.p()"),
            within("CREATE OR REPLACE PROCEDURE public.p() LANGUAGE plpgsql SECURITY DEFINER AS $$ BEGIN @; END $$", "CALL public.p()"),
        ] {
            let mut admin = victim.connect("admin");
            admin.batch_execute(&makes).unwrap();
            let Refused { state, text } = Refused::of(&admin.batch_execute(&calls).expect_err(&calls));
            assert!(["25001", "2D000"].contains(&&*state), "{makes} {calls}: {state} {text}");
            let worked: bool = victim.db.query_one("SELECT is_called FROM public.work", &[]).unwrap().get(0);
            assert!(!worked, "{makes} {calls}: {text}");
        }
    }
    assert_eq!(remaining_work(&mut victim), before);
    // A DO block outside a transaction can commit, and so can a procedure that it calls.
    for call in PROCEDURES {
        victim.connect("admin").batch_execute(&format!("DO $$ BEGIN {call}; END $$")).unwrap();
    }
    assert_eq!(remaining_work(&mut victim), 0);
}
