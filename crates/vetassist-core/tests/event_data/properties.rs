//! Tests properties of any JSON.

use proptest::prelude::*;
use vetassist_core::{event_data::check_event_type, json::Builder};

use crate::{member, named::OF_SECRETS, read, text::secrets, verdict};

fn any_json() -> impl Strategy<Value = serde_json::Value> {
    let leaf = prop_oneof![
        Just(serde_json::Value::Null),
        any::<bool>().prop_map(Into::into),
        any::<i64>().prop_map(Into::into),
        any::<f64>().prop_map(|number| serde_json::json!(number)),
        ".{0,40}".prop_map(Into::into),
        "[a-z_=:&?{}\"\\\\% .0-9-]{0,60}".prop_map(Into::into),
    ];
    leaf.prop_recursive(5, 40, 6, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Into::into),
            prop::collection::btree_map("[A-Za-z_ -]{0,20}", inner, 0..6)
                .prop_map(|members| members.into_iter().collect::<serde_json::Map<_, _>>().into()),
        ]
    })
}

/// Hides a value somewhere in another value.
fn hide(json: &mut serde_json::Value, at: &mut usize, hidden: &serde_json::Value) {
    let here = *at == 0;
    *at = at.wrapping_sub(1);
    match json {
        serde_json::Value::Array(items) if !here && !items.is_empty() => {
            let index = *at % items.len();
            hide(&mut items[index], at, hidden);
        }
        serde_json::Value::Object(members) if !here && !members.is_empty() => {
            let index = *at % members.len();
            hide(members.values_mut().nth(index).unwrap(), at, hidden);
        }
        _ => *json = serde_json::json!({ "around": [*json, hidden] }),
    }
}

proptest! {
    #[test]
    fn no_json_makes_the_check_panic(json in any_json()) {
        let _ = verdict(&json.to_string());
    }

    #[test]
    fn no_text_makes_the_check_panic(text in ".{0,300}", name in ".{0,30}") {
        let _ = verdict(&member(&name, &text));
        let _ = check_event_type(&text);
    }

    #[test]
    fn a_secret_is_found_at_any_place(
        mut json in any_json(),
        mut at in 0..6_usize,
        which in any::<prop::sample::Index>(),
        name in prop::sample::select(OF_SECRETS.to_vec()),
        is_named in any::<bool>(),
    ) {
        let secrets = secrets();
        let hidden = if is_named {
            serde_json::json!({ name: "hunter2" })
        } else {
            which.get(&secrets).0.clone().into()
        };
        hide(&mut json, &mut at, &hidden);
        prop_assert!(verdict(&json.to_string()).is_err(), "{}", json);
    }

    #[test]
    fn numbers_and_times_pass_under_neutral_names(count in any::<u32>(), seconds in 0..4_000_000_000_i64) {
        let time = chrono::DateTime::from_timestamp(seconds, 0).unwrap().to_rfc3339();
        let event = serde_json::json!({ "attempts": count, "at": time, "n": count.to_string(), "token_expires_at": time });
        prop_assert_eq!(verdict(&event.to_string()), Ok(()));
    }

    #[test]
    fn the_builder_and_the_reader_give_equal_values(json in any_json()) {
        fn build(json: &serde_json::Value, builder: &mut Builder<serde_json::Number>) {
            match json {
                serde_json::Value::Null => builder.null().unwrap(),
                serde_json::Value::Bool(value) => builder.bool(*value).unwrap(),
                serde_json::Value::Number(number) => builder.number(number.clone(), 1).unwrap(),
                serde_json::Value::String(text) => builder.string(text).unwrap(),
                serde_json::Value::Array(items) => {
                    builder.begin_array().unwrap();
                    items.iter().for_each(|item| build(item, builder));
                    builder.end().unwrap();
                }
                serde_json::Value::Object(members) => {
                    builder.begin_object().unwrap();
                    for (name, value) in members {
                        builder.name(name).unwrap();
                        build(value, builder);
                    }
                    builder.end().unwrap();
                }
            }
        }
        let mut builder = Builder::new();
        build(&json, &mut builder);
        let read = read(&json.to_string());
        prop_assert_eq!(&builder.finish().unwrap(), &read);
        prop_assert_eq!(read.to_text(), json.to_string());
    }
}
