//! Tests that two veterans without an ICN never share an account.

use vetassist_server_tests::{plain_sql, sqlstate, KeyedServer};

const NOTHING: [&str; 32] = [
    "",
    " ",
    "\t\n",
    "unknown",
    "UNKNOWN",
    " Unknown ",
    "none",
    "None",
    "null",
    "NULL",
    "undefined",
    "Undefined\n",
    "n/a",
    "N/A",
    " n/A",
    "nUlL",
    "\u{a0}",
    "\u{200b}\u{feff}",
    "\u{3000}\u{2003}\u{2028}",
    "\u{b}\u{c}\u{1f}\u{7f}",
    "-",
    "\u{2014}",
    "unknown\u{a0}",
    "\u{feff}None",
    "\u{200b}null\u{2060}",
    "un\u{200b}known",
    "unde\u{ad}fined",
    "\u{2028}n/a\u{2029}",
    "n\u{a0}/\tA",
    "(none)",
    "\"null\",",
    "<unknown>.",
];

#[test]
fn an_icn_that_is_a_placeholder_makes_no_account() {
    const CALLS: [&str; 3] = [
        "SELECT vetassist_put_user($1)",
        "SELECT vetassist_login_sealed(gen_random_uuid(), $1, decode(repeat('ff', 40), 'hex'), now(), gen_random_uuid()::text, now())",
        "SELECT vetassist_login($1, 'a', now(), gen_random_uuid()::text, now())",
    ];
    let mut server = KeyedServer::start_with_tiers(&["app"]);
    let mut app = server.connect_as("app");
    server.db.batch_execute("CREATE DATABASE plain").unwrap();
    let mut plain = server.connect_to("plain");
    plain.batch_execute(&plain_sql()).unwrap();
    // The plain file has no function that seals.
    for (db, calls) in [(&mut app, &CALLS[..]), (&mut plain, &CALLS[..2])] {
        for call in calls {
            for icn in NOTHING {
                let error = db.query(*call, &[&icn]).expect_err(icn);
                assert_eq!(sqlstate(&error), "22023", "{call} {icn:?}: {error:?}");
                let message = error.as_db_error().unwrap().message();
                assert!(message.starts_with("va_icn "), "{call} {icn:?}: {message}");
            }
            for icn in
                ["1012667145V762142", "nobody", "none1", "n / a", "0", "un known", "null\u{e9}e"]
            {
                db.query_one(*call, &[&icn]).unwrap();
            }
        }
    }
}
