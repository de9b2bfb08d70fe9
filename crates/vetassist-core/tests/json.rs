//! Tests the limits of JSON values, and that a check takes time in proportion to the length.
#![cfg(feature = "serde_json")]
#![allow(clippy::unwrap_used, missing_docs, unsafe_code)]

use std::{convert::Infallible, time::Duration};

use vetassist_core::{
    device_info::{hash_addresses, ip_hashes, replace_ip_hashes},
    event_data::{check, check_event_type},
    json::{Builder, Value, MAX_BYTES, MAX_DEPTH},
    IpHash, JsonError,
};

type Json = Value<serde_json::Number>;

#[test]
fn a_value_of_more_than_max_bytes_is_refused() {
    let room = MAX_BYTES - "\"\"".len();
    assert!(Json::from_text(&format!("\"{}\"", "x".repeat(room))).is_ok());
    assert_eq!(Json::from_text(&format!("\"{}\"", "x".repeat(room + 1))), Err(JsonError::TooLarge));
    // White space and escapes do not count: a `jsonb` has none.
    assert!(Json::from_text(&format!(
        "{0}\"{1}\"{0}",
        " ".repeat(MAX_BYTES),
        "\\u0041".repeat(room)
    ))
    .is_ok());
    // The bytes of compact JSON count, for items of any kind.
    for (item, bytes) in
        [("7", 1), ("null", 4), ("[]", 2), ("{}", 2), ("false", 5), ("\"\u{e9}\"", 4)]
    {
        let most = (MAX_BYTES - 2 + 1) / (bytes + 1);
        let array = |count: usize| format!("[{}]", vec![item; count].join(","));
        assert!(array(most).len() <= MAX_BYTES);
        assert!(Json::from_text(&array(most)).is_ok(), "{item}");
        assert_eq!(Json::from_text(&array(most + 1)), Err(JsonError::TooLarge), "{item}");
    }
    let object = |count: usize| {
        let members: Vec<_> = (0..count).map(|n| format!("\"{n:05}\":0")).collect();
        format!("{{{}}}", members.join(","))
    };
    let most = (MAX_BYTES - 2 + 1) / 10;
    assert!(Json::from_text(&object(most)).is_ok());
    assert_eq!(Json::from_text(&object(most + 1)), Err(JsonError::TooLarge));
    // The caller states the size of a number.
    let mut builder = Builder::new();
    builder.number("1e131071", MAX_BYTES).unwrap();
    assert_eq!(builder.finish(), Ok(Value::Number("1e131071")));
    assert_eq!(Builder::new().number((), MAX_BYTES + 1), Err(JsonError::TooLarge));
    assert_eq!(Builder::new().number((), usize::MAX), Err(JsonError::TooLarge));
}

#[test]
fn a_value_deeper_than_max_depth_is_refused() {
    let nested = |open: &str, close: &str, depth: usize| {
        format!("{}1{}", open.repeat(depth), close.repeat(depth))
    };
    for (open, close) in [("[", "]"), ("{\"a\":", "}"), ("[{\"a\":", "}]")] {
        let levels = open.matches(['[', '{']).count();
        assert!(Json::from_text(&nested(open, close, MAX_DEPTH / levels)).is_ok());
        for depth in [MAX_DEPTH / levels + 1, 1000, 100_000] {
            let text = nested(open, close, depth);
            assert_eq!(Json::from_text(&text), Err(JsonError::TooDeep), "{depth} of {open}");
        }
    }
}

#[test]
fn malformed_json_is_refused() {
    for text in [
        "",
        " ",
        "x",
        "[1",
        "1]",
        "{\"a\"}",
        "{1:2}",
        "[1,]",
        "\"\\ud800\"",
        "1e999",
        "nan",
        "\"\u{1}\"",
        "1 2",
    ] {
        assert_eq!(Json::from_text(text), Err(JsonError::Malformed), "{text}");
    }
}

#[test]
fn a_builder_refuses_calls_that_do_not_build_json() {
    type Step = fn(&mut Builder<()>) -> Result<(), JsonError>;
    let (null, array, object, end): (Step, Step, Step, Step) =
        (Builder::null, Builder::begin_array, Builder::begin_object, Builder::end);
    let name: Step = |builder| builder.name("n");
    for steps in [
        &[end][..],
        &[name],
        &[null, null],
        &[null, array, end],
        &[array, name],
        &[object, null],
        &[object, name, name],
        &[object, name, end],
        &[object, array, end],
        &[array, end, end],
    ] {
        let mut builder = Builder::new();
        let outcomes: Vec<_> = steps.iter().map(|step| step(&mut builder)).collect();
        assert!(outcomes.contains(&Err(JsonError::Malformed)), "{outcomes:?}");
    }
    for steps in [&[][..], &[array], &[object], &[object, name], &[array, null]] {
        let mut builder = Builder::new();
        steps.iter().for_each(|step| step(&mut builder).unwrap());
        assert_eq!(builder.finish(), Err(JsonError::Malformed));
    }
}

/// Returns the CPU time of this thread, which does not depend on other load.
fn cpu_time() -> Duration {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: room for the time.
    assert_eq!(unsafe { libc::clock_gettime(libc::CLOCK_THREAD_CPUTIME_ID, &raw mut time) }, 0);
    Duration::new(time.tv_sec.cast_unsigned(), u32::try_from(time.tv_nsec).unwrap())
}

/// Bytes of each kind that a rule searches for, and others.
const OF_EACH_KIND: &[u8] = b"aA0 =:.-%\\\",&";
/// Longer parts that a rule searches for.
const PARTS: [&str; 40] = [
    "token",
    "token ",
    "token=",
    "token: ",
    "\"token\":\"",
    "the password is ",
    "password ",
    "ssn ",
    "eyJ",
    "eyJa.",
    "eyJa.eyJb",
    "bearer ",
    "basic\t",
    "Bearer x ",
    "123-45-",
    "1-",
    "123 45 ",
    "%3D",
    "%25",
    "\\\\\"",
    "\\u003d",
    "&quot;",
    "&#61;",
    "://",
    "https://a@",
    "https://a:",
    "<token>",
    "</",
    "-----BEGIN ",
    "PRIVATE KEY ",
    "for=",
    "for=1.2.3.4;",
    "1.2.3.4,",
    "1.2.3.4 ",
    "::",
    "1:",
    "[::1]:",
    "_",
    "token_id_",
    "\u{2011}",
];

/// The most time that a byte may take in a debug build, which is many times the usual time.
const PATIENCE: Duration = Duration::from_micros(80);

/// Asserts that a text is checked in time, as a value and as a name. A check that searches the rest of the text at each
/// place would take minutes for 64 KiB.
fn assert_in_time(text: String, is_name: bool) {
    let started = cpu_time();
    let (len, shown) =
        (u32::try_from(text.len()).unwrap(), text.chars().take(20).collect::<String>());
    let look = |value: Json| {
        let _ = check(&value);
        let mut hash = |address| Ok::<_, Infallible>(IpHash::of(address));
        let Ok(mut value) = hash_addresses(value, &mut hash);
        let _ = ip_hashes(&value);
        replace_ip_hashes(&mut value, &mut |hash| Some(*hash))
    };
    for name in ["ip", "password_error"] {
        look(Value::Object(vec![(name.to_owned(), Value::String(text.clone()))]));
    }
    if is_name {
        let _ = check_event_type(&text);
        look(Value::Object(vec![(text, Value::Null)]));
    }
    let took = cpu_time() - started;
    assert!(took < PATIENCE * (len + 1000), "{shown} took {took:?}");
}

#[test]
fn repeated_parts_take_time_in_proportion() {
    for part in PARTS {
        assert_in_time(part.repeat(MAX_BYTES / 2 / part.len()), true);
    }
    // A release build tries all bytes, a debug build one of each kind.
    let all: Vec<u8> = (1..128).collect();
    let bytes = if cfg!(debug_assertions) { OF_EACH_KIND } else { &all };
    for first in bytes {
        for second in bytes {
            let two = [*first, *second];
            assert_in_time(str::from_utf8(&two).unwrap().repeat(MAX_BYTES / 16), false);
        }
    }
}

#[test]
fn blanks_take_time_in_proportion() {
    for (before, after) in [
        ("bearer", ""),
        ("Bearer x", "y"),
        ("password", "hunter"),
        ("token:", "x"),
        ("a=", "b"),
        ("", ""),
    ] {
        assert_in_time(format!("{before}{}{after}", " ".repeat(MAX_BYTES / 2)), true);
        assert_in_time(format!("{before} ").repeat(2000), true);
    }
}

#[test]
fn many_members_take_time_in_proportion() {
    let member = |name: String, text: &str| (name, Value::String(text.to_owned()));
    for members in [
        (0..8000).map(|n| member(n.to_string(), "1.2.3.4")).collect::<Vec<_>>(),
        (0..8000).map(|n| member(format!("::{n:x}"), "1.2.3.4")).collect(),
        // One repeated name, and one address as every name.
        (0..8000).map(|_| member("ip".to_owned(), "1.2.3.4")).collect(),
        (0..8000).map(|n| member(format!("::1%{n}"), "::1")).collect(),
        (0..8000)
            .map(|n| member(format!("ip_{n}_ip_hash"), "x"))
            .chain([member("ip".to_owned(), "::1")])
            .collect(),
        (0..8000).map(|n| member(format!("token_{n}"), "present")).collect(),
        (0..8000).map(|_| member("name".to_owned(), "token")).collect(),
    ] {
        let started = cpu_time();
        let value: Json = Value::Object(members);
        let _ = check(&value);
        let Ok(mut value) =
            hash_addresses(value, &mut |address| Ok::<_, Infallible>(IpHash::of(address)));
        let _ = ip_hashes(&value);
        replace_ip_hashes(&mut value, &mut |hash| {
            Some(IpHash::of_text("::2").unwrap()).filter(|new| new != hash)
        });
        let took = cpu_time() - started;
        assert!(took < Duration::from_secs(5), "took {took:?}");
    }
}
