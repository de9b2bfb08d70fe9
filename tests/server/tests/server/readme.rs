//! Every SQL block of the README runs, in order, in one database.

use postgres::SimpleQueryMessage;
use vetassist_core::schema::{tables, Column, Table};
use vetassist_server_tests::{database, repository, KeyedServer};

#[test]
fn every_sql_block_runs() {
    let readme = std::fs::read_to_string(repository().join("README.md")).unwrap();
    let blocks: Vec<&str> = readme
        .split("\n```sql\n")
        .skip(1)
        .map(|rest| rest.split("\n```").next().unwrap())
        .collect();
    assert!(blocks.len() >= 9, "only {} SQL blocks found", blocks.len());
    let mut server = KeyedServer::start();
    server.db.batch_execute("DROP EXTENSION vetassist CASCADE").unwrap();
    for block in blocks {
        // The place of the key file differs here.
        let block = block.replace("/etc/vetassist/keys", &server.key_file().display().to_string());
        for statement in statements(&block) {
            let result = server.db.simple_query(&statement);
            match (result, statement.contains("-- ERROR")) {
                (Ok(messages), false) => check_expected(&statement, &messages),
                (Err(_), true) => {}
                (Ok(_), true) => panic!("should fail: {statement}"),
                (Err(error), false) => panic!("{statement}\n{error:?}"),
            }
        }
    }
}

/// Each function has its signature as a heading, and each heading is a function.
#[test]
fn the_headings_are_the_functions() {
    let readme = std::fs::read_to_string(repository().join("README.md")).unwrap();
    let mut headings: Vec<String> = readme
        .lines()
        .filter_map(|line| line.strip_prefix("### `")?.strip_suffix('`'))
        .map(ToOwned::to_owned)
        .collect();
    headings.sort();
    // Named in one paragraph, because nobody is to call them.
    let internal: Vec<&str> = readme
        .split("Internal functions, not part of the API:")
        .nth(1)
        .unwrap()
        .split("\n\n")
        .next()
        .unwrap()
        .split('`')
        .skip(1)
        .step_by(2)
        .collect();
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

/// The section on tables has a line for each, in the words of the core's description.
#[test]
fn the_tables_are_the_described_ones() {
    let readme = std::fs::read_to_string(repository().join("README.md")).unwrap();
    let section = readme.split("\n## Tables\n").nth(1).unwrap().split("\n## ").next().unwrap();
    let found: Vec<&str> = section.lines().filter(|line| line.starts_with("| `")).collect();
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
        // The README says once what the keys default to.
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

/// A comment `-- => text` after a statement says what its first value begins with.
fn check_expected(statement: &str, messages: &[SimpleQueryMessage]) {
    let Some((_, expected)) = statement.split_once("-- => ") else { return };
    let expected = expected.lines().next().unwrap().trim();
    let value = messages.iter().find_map(|message| match message {
        SimpleQueryMessage::Row(row) => Some(row.get(0).unwrap_or("NULL").to_owned()),
        _ => None,
    });
    assert_eq!(value.as_deref(), Some(expected), "{statement}");
}

/// Splits at semicolons that end a line, or stand before a comment that ends it; dollar quotes are kept
/// whole.
fn statements(block: &str) -> Vec<String> {
    let mut statements = Vec::new();
    let mut current = String::new();
    for line in block.lines() {
        current += line;
        current.push('\n');
        let code = line.split("--").next().unwrap_or_default().trim_end();
        let in_dollar_quote = current.matches("$$").count() % 2 == 1;
        if code.ends_with(';') && !in_dollar_quote {
            statements.push(std::mem::take(&mut current));
        }
    }
    assert!(
        current.trim().is_empty() || current.trim_start().starts_with("--"),
        "unfinished: {current}"
    );
    statements
}
