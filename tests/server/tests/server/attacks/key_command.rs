//! Tests key commands that do not end: the statement's timeout still applies.

use std::time::{Duration, Instant};

use vetassist_server_tests::hex_key;

use super::{Refused, Victim};

/// Starts a server with a key command and the extension.
fn with_command(command: &str) -> Victim {
    let mut victim = Victim::with_environment(&[("vetassist.master_key_command", command)], &[]);
    victim.db.batch_execute("CREATE EXTENSION vetassist").unwrap();
    victim
}

/// Runs a call with a timeout. Returns how long it took, and its result.
fn within(victim: &Victim, timeout: &str, call: &str) -> (Duration, Result<(), Refused>) {
    let mut db = victim.connect("postgres");
    db.batch_execute(&format!("SET statement_timeout = '{timeout}'")).unwrap();
    let started = Instant::now();
    let outcome = db.batch_execute(call).map_err(|error| Refused::of(&error));
    (started.elapsed(), outcome)
}

#[test]
#[ignore = "takes seconds"]
fn a_key_command_that_ignores_signals_does_not_block_the_statement() {
    let key = hex_key(0x44);
    for command in [
        // Prints its key, closes its output, and keeps running.
        format!(
            "trap \"\" INT TERM HUP PIPE; echo {key}; exec >&- 2>&-; for i in 1 2 3; do sleep 5; done"
        ),
        format!("trap \"\" INT TERM HUP; echo {key}; exec >&-; sleep 15"),
        // Leaves a child with its output open, and one with its output closed.
        format!("trap \"\" INT TERM; echo {key}; (trap \"\" INT TERM HUP; sleep 15) & exit 0"),
        format!("(trap \"\" INT TERM HUP; exec >&- 2>&-; sleep 15) & echo {key}; exec >&-; wait"),
        // Prints nothing, prints slowly, prints without end.
        "trap \"\" INT TERM HUP; for i in 1 2 3; do sleep 5; done".to_owned(),
        "trap \"\" INT TERM HUP; for i in $(seq 80); do echo \"# nothing\"; sleep 0.2; done".to_owned(),
        "trap \"\" INT TERM HUP PIPE; yes \"#\" | head -c 50000000; sleep 15".to_owned(),
        // Stops itself.
        "trap \"\" INT TERM HUP; (sleep 15; kill -CONT $$) & kill -STOP $$; sleep 1".to_owned(),
    ] {
        let victim = with_command(&command);
        let (took, outcome) = within(&victim, "1s", "SELECT * FROM vetassist_keys()");
        assert!(took < Duration::from_secs(10), "{command}: {took:?} {outcome:?}");
        if let Err(Refused { state, text }) = outcome {
            // Cancelled, or refused for what it printed before that.
            let early = took < Duration::from_millis(900);
            assert!(
                state == "57014" || (early && state == "F0000"),
                "{command}: {state} {text} after {took:?}"
            );
        }
    }
}

#[test]
#[ignore = "takes seconds"]
fn a_cancelled_key_command_is_reported_as_a_cancellation() {
    for command in [
        format!("sleep 5; echo {}", hex_key(0x44)),
        format!("trap \"exit 3\" INT TERM; sleep 5; echo {}", hex_key(0x44)),
        format!("trap \"echo sorry >&2; exit 0\" INT TERM; sleep 5; echo {}", hex_key(0x44)),
        format!("trap \"echo {}; exit 0\" INT TERM; sleep 5", hex_key(0x44)),
        format!("trap \"\" INT; sleep 5; echo {}", hex_key(0x44)),
        format!("echo {}; exec >&-; sleep 5; exit 1", hex_key(0x44)),
    ] {
        let victim = with_command(&command);
        for timeout in [20, 60, 100, 150, 250, 400, 700] {
            for call in ["SELECT * FROM vetassist_keys()", "SELECT vetassist_reload_keys()"] {
                let (took, outcome) = within(&victim, &format!("{timeout}ms"), call);
                let refused = outcome.expect_err(&command);
                assert_eq!(refused.state, "57014", "{command} after {timeout} ms: {refused:?}");
                assert!(took < Duration::from_secs(4), "{command}: {took:?}");
            }
        }
    }
}
