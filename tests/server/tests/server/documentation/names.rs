//! Compares the names in the documentation with those of the extension.

use std::collections::{BTreeMap, BTreeSet};

use vetassist_core::schema::{tables, Column, Table};
use vetassist_repository_tests::{documentation, Page};
use vetassist_server_tests::{database, repository};

/// Returns the text of a page.
fn page(path: &str) -> String {
    let found = documentation().into_iter().find(|page| page.path == path);
    found.unwrap_or_else(|| panic!("there is no {path}")).text
}

/// Returns the names that begin with a prefix.
fn words(text: &str, prefix: &str) -> BTreeSet<String> {
    let is_of_name = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let starts = text.match_indices(prefix).filter(|(at, _)| !text[..*at].ends_with(is_of_name));
    let end = |rest: &str| rest.find(|c| !is_of_name(c)).unwrap_or(rest.len());
    let names =
        starts.map(|(at, _)| &text[at + prefix.len()..]).map(|rest| rest[..end(rest)].to_owned());
    names.filter(|name| !name.is_empty()).map(|name| format!("{prefix}{name}")).collect()
}

/// Each heading is also the signature of a function.
#[test]
fn each_function_has_its_signature_as_a_heading() {
    let pages = documentation();
    let mut headings: Vec<String> = pages
        .iter()
        .filter(|page| page.path.starts_with("docs/sql/"))
        .flat_map(Page::prose)
        .filter_map(|line| line.strip_prefix("### `")?.strip_suffix('`'))
        .map(ToOwned::to_owned)
        .collect();
    headings.sort();
    let operating = page("docs/sql/operating.md");
    let internal = operating.split("Not part of the API:").nth(1).unwrap();
    let internal: Vec<&str> = internal.split('`').skip(1).step_by(2).collect();
    let mut functions = Vec::new();
    let mut found_internal = Vec::new();
    let rows = database()
        .query(
            "SELECT proname::text, format('%s(%s)%s', proname,
                 regexp_replace(pg_get_function_arguments(oid), '^IN |(?<=, )IN ', '', 'g'),
                 ' \u{2192} ' || pg_get_function_result(oid))
             FROM pg_proc WHERE proname LIKE 'vetassist%' ORDER BY 1",
            &[],
        )
        .unwrap();
    for row in &rows {
        let name: String = row.get(0);
        if internal.contains(&name.as_str()) {
            found_internal.push(name);
            continue;
        }
        let mut signature: String = row.get::<_, String>(1).replace("'\\x'::bytea", "''");
        for typed in [
            "::bytea",
            "::text",
            "::uuid",
            "::jsonb",
            "::inet",
            "::interval",
            "::timestamp with time zone",
        ] {
            signature = signature.replace(typed, "");
        }
        functions.push(signature);
    }
    assert_eq!(found_internal, internal);
    functions.sort();
    assert_eq!(headings, functions);
}

/// The list of tables has a line for each table, with the columns of the core's description.
#[test]
fn the_page_on_tables_matches_the_description() {
    let page = page("docs/sql/tables.md");
    let found: Vec<&str> = page.lines().filter(|line| line.starts_with("| `")).collect();
    let expected: Vec<String> = tables()
        .iter()
        .map(|table| {
            let columns: Vec<String> =
                table.columns.iter().map(|column| described(table, column)).collect();
            format!("| `{}` | {} |", table.name, columns.join(", "))
        })
        .collect();
    assert_eq!(found, expected);
}

fn described(table: &Table, column: &Column) -> String {
    let mut text = format!("`{}` ", column.name);
    let is_key = table.columns[0].name == column.name;
    text += &match column.sql_type {
        "bigint" if is_key => "bigserial".to_owned(),
        "timestamp with time zone" => "timestamptz".to_owned(),
        other => other.replace("character varying", "varchar"),
    };
    if is_key {
        // The page states the default of the keys once.
        return text + " PK";
    }
    if column.not_null {
        text += " not null";
    }
    if table.unique.contains(&column.name) {
        text += " unique";
    }
    for key in table.foreign_keys.iter().filter(|key| key.column == column.name) {
        let referred = key.references.trim_start_matches("vetassist_").split(' ').next().unwrap();
        text += &format!(" \u{2192} {referred}");
        text += match key.on_delete {
            "CASCADE" => " (cascades)",
            "NO ACTION" => "",
            other => panic!("no words for {other}"),
        };
    }
    if let Some(default) = column.default {
        text += &format!(" default {}", default.split("::").next().unwrap());
    }
    text
}

/// Other names that begin with `vetassist.`: files, and names in Python.
const OTHERS_WITH_A_DOT: [&str; 8] = [
    "vetassist.sql",
    "vetassist.so",
    "vetassist.wasm",
    "vetassist.tgz",
    "vetassist.aio",
    "vetassist.client",
    "vetassist.Client",
    "vetassist.vetassist_session_active",
];

/// The table of settings has every setting with its default.
#[test]
fn each_setting_is_documented_and_each_documented_setting_exists() {
    let mut db = database();
    db.batch_execute("LOAD 'vetassist'").unwrap();
    let select = "SELECT name, boot_val FROM pg_settings WHERE name LIKE 'vetassist.%' AND name <> 'vetassist.refused_settings'";
    let settings: BTreeMap<String, Option<String>> =
        db.query(select, &[]).unwrap().iter().map(|row| (row.get(0), row.get(1))).collect();
    assert!(settings.len() > 5, "{settings:?}");
    let table = page("docs/key-ring.md");
    for (name, default) in &settings {
        let line = table.lines().find(|line| line.starts_with(&format!("| `{name}` |")));
        let line = line.unwrap_or_else(|| panic!("docs/key-ring.md lacks {name}"));
        if let Some(default) = default.as_deref().filter(|default| !default.is_empty()) {
            let is_said = line.contains(&format!("`{default}` (default)"))
                || line.contains(&format!("`{default}` by default"));
            assert!(is_said, "the line does not state the default {default}: {line}");
        }
    }
    for page in documentation() {
        for name in words(&page.text, "vetassist.") {
            let is_known = settings.contains_key(&name) || OTHERS_WITH_A_DOT.contains(&&*name);
            // An example may call a method of a variable of this name.
            let examples = [page.blocks("js"), page.blocks("python")].concat();
            let is_method = examples.iter().any(|block| block.code.contains(&name));
            assert!(is_known || is_method, "{}: there is no setting {name}", page.path);
        }
    }
}

/// Every documented name that begins with `vetassist_` exists.
#[test]
fn each_documented_name_exists() {
    let names = "SELECT proname::text FROM pg_proc WHERE proname LIKE 'vetassist%'
        UNION SELECT relname FROM pg_class WHERE relname LIKE 'vetassist%'
        UNION SELECT evtname FROM pg_event_trigger
        UNION SELECT rolname FROM pg_roles
        UNION SELECT (regexp_matches(prosrc, 'vetassist_[a-z_]+', 'g'))[1]
        FROM pg_proc WHERE proname = 'vetassist_metrics'";
    let known: BTreeSet<String> =
        database().query(names, &[]).unwrap().iter().map(|row| row.get(0)).collect();
    // Labels of HKDF, a setting of the plain file, packages, and names that the reader chooses.
    let others = [
        "vetassist_token_v1",
        "vetassist_ip_v1",
        "vetassist_key_id_v1",
        "vetassist_plain",
        "vetassist_17",
        "vetassist_backend",
    ];
    for page in documentation() {
        for name in words(&page.text, "vetassist_") {
            assert!(
                known.contains(&name) || others.contains(&&*name),
                "{}: there is no {name}",
                page.path
            );
        }
    }
}

/// The table of errors has every SQLSTATE that the sources raise and that a page names. PostgreSQL has the same name for
/// each as the table.
#[test]
fn the_table_of_errors_is_complete() {
    let mut db = database();
    let table = page("docs/errors.md");
    let mut listed = BTreeMap::new();
    for line in table.lines().filter(|line| line.starts_with("| ")) {
        let last = line.trim_end_matches(" |").rsplit("| ").next().unwrap();
        let (state, name) = last.split_once([' ', ',']).unwrap_or((last, ""));
        if state.len() == 5
            && state.bytes().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit())
        {
            listed.insert(state.to_owned(), name.to_owned());
        }
    }
    assert!(listed.len() > 15, "{listed:?}");
    for (state, name) in &listed {
        if state != "VA001" {
            let raise = format!("DO $$BEGIN RAISE EXCEPTION USING ERRCODE = '{name}'; END$$");
            let error = db.batch_execute(&raise).unwrap_err();
            assert_eq!(error.code().unwrap().code(), state, "{name}");
        }
    }
    for page in documentation() {
        let is_state = |word: &&str| {
            let is_short = word.len() == 5
                && word.bytes().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit());
            // These are numbers of rows.
            is_short
                && word.bytes().any(|byte| byte.is_ascii_digit())
                && *word != "10000"
                && *word != "16384"
        };
        let prose = page.prose().join("\n");
        for word in prose.split(|c: char| !c.is_ascii_alphanumeric()).filter(is_state) {
            assert!(listed.contains_key(word), "{}: docs/errors.md lacks {word}", page.path);
        }
    }
    let mut raised = BTreeSet::new();
    for entry in std::fs::read_dir(repository().join("sql/functions")).unwrap() {
        let text = std::fs::read_to_string(entry.unwrap().path()).unwrap();
        let names = text.split("ERRCODE = '").skip(1).map(|rest| rest.split('\'').next().unwrap());
        raised.extend(names.map(ToOwned::to_owned));
    }
    assert!(raised.len() > 8, "{raised:?}");
    for name in raised {
        assert!(
            listed.values().any(|listed| *listed == name) || listed.contains_key(&name),
            "docs/errors.md lacks {name}"
        );
    }
}

/// The table of events has every reserved event.
#[test]
fn the_table_of_events_is_complete() {
    let trail = page("docs/audit-trail.md");
    let section = trail.split("\n## Events\n").nth(1).unwrap().split("\n## ").next().unwrap();
    let mut found: Vec<&str> = section
        .lines()
        .filter(|line| line.starts_with("| "))
        .flat_map(|line| line.split('`').skip(1).step_by(2))
        .collect();
    found.retain(|name| !name.contains('.'));
    found.sort_unstable();
    let mut db = database();
    let mut kept: Vec<&str> = vetassist_core::event_data::RESERVED.to_vec();
    kept.sort_unstable();
    assert_eq!(found, kept);
    for name in kept {
        let error = db.query("SELECT vetassist_log_event($1)", &[&name]).unwrap_err();
        assert_eq!(error.code().unwrap().code(), "42501", "{name}");
    }
}
