//! Writes the rows as TypeScript, and the rules for reading them in JavaScript, from the core's description of the columns
//! and the doc comments of its row types. Compares them with the shipped files.
//!
//! ts-rs, specta and typeshare write TypeScript from attributes on Rust types. They would be one more dependency of the
//! published crate. Four of the eight kinds would need an attribute that repeats the core's `Kind`. They do not write the
//! rules for reading. So this file has one table of kinds, and uses syn for the doc comments.

use std::{fmt::Write as _, fs, path::PathBuf};

use syn::{
    Attribute, Expr, Fields, GenericArgument, Item, ItemStruct, Lit, Meta, PathArguments, Type,
};
use vetassist_core::{
    rows::Kind,
    schema::{tables, Column},
};
use vetassist_server_tests::{compare_with_golden_at, repository};

const BEGINNING: &str = "\
// Written from crates/vetassist-core/src/rows.rs by a test of tests/server: do not edit.
//
// A row is an object as node-postgres and postgres.js return it, with a property for each column. The timestamps
// `infinity` and `-infinity` cannot be dates: node-postgres returns them as numbers, postgres.js as an invalid Date.

/** A value that `JSON.parse` returns. */
export type JsonValue = string | number | boolean | null | JsonValue[] | { [name: string]: JsonValue };
";

/// Returns the path of the declarations that the package ships.
fn declarations() -> PathBuf {
    repository().join("crates/vetassist-wasm/npm/types/rows.d.ts")
}

/// Returns the Rust type of a kind, its type in JavaScript, and a note on it.
fn types(kind: Kind) -> (&'static str, &'static str, &'static str) {
    match kind {
        Kind::Uuid => ("Uuid", "string", ""),
        Kind::Text => ("String", "string", ""),
        Kind::Hash => ("IpHash", "string", ""),
        Kind::Bool => ("bool", "boolean", ""),
        Kind::Digits => (
            "i64",
            "string",
            " Digits: drivers return a bigint as a string, because not every one is a number.",
        ),
        Kind::Time => ("Timestamp", "Date", ""),
        Kind::Sealed => ("Sealed", "Uint8Array", " Nonce, ciphertext and tag."),
        Kind::Json => ("Json", "JsonValue", ""),
        other => panic!("no types for {other:?}"),
    }
}

fn docs(attributes: &[Attribute]) -> String {
    let lines: Vec<String> = attributes
        .iter()
        .filter_map(|attribute| match &attribute.meta {
            Meta::NameValue(meta) if meta.path.is_ident("doc") => match &meta.value {
                Expr::Lit(literal) => match &literal.lit {
                    Lit::Str(text) => Some(text.value().trim().to_owned()),
                    _ => None,
                },
                _ => None,
            },
            _ => None,
        })
        // The paragraphs after the first are about Rust.
        .take_while(|line| !line.is_empty())
        .collect();
    let text = lines.join(" ");
    assert!(!text.is_empty() && !text.contains("]("), "no doc comment for JavaScript: {text}");
    text
}

/// Returns the last name of a type, and that of its argument if it has one.
fn names(ty: &Type) -> (String, Option<String>) {
    let Type::Path(path) = ty else { panic!("a field is of a named type") };
    let segment = path.path.segments.last().unwrap();
    let argument = match &segment.arguments {
        PathArguments::AngleBracketed(arguments) => match arguments.args.first() {
            Some(GenericArgument::Type(ty)) => Some(names(ty).0),
            _ => panic!("an argument is a type"),
        },
        _ => None,
    };
    (segment.ident.to_string(), argument)
}

/// Returns the fields of a row, each with the name of its type and whether it may be NULL.
fn fields(row: &ItemStruct) -> Vec<(&syn::Field, String, bool)> {
    let Fields::Named(fields) = &row.fields else { panic!("a row has named fields") };
    let typed = fields.named.iter().map(|field| match names(&field.ty) {
        (option, Some(rust)) if option == "Option" => (field, rust, true),
        (rust, None) => (field, rust, false),
        other => panic!("no TypeScript for {other:?}"),
    });
    typed.collect()
}

fn interface(row: &ItemStruct, columns: &[Column]) -> String {
    let mut text = format!("\n/** {} */\nexport interface {} {{\n", docs(&row.attrs), row.ident);
    let fields = fields(row);
    assert_eq!(fields.len(), columns.len(), "{}", row.ident);
    for ((field, found, is_option), column) in fields.into_iter().zip(columns) {
        let (rust, typescript, note) = types(Kind::of(column));
        let name = field.ident.as_ref().unwrap();
        assert_eq!((name.to_string().as_str(), found.as_str()), (column.name, rust));
        assert_eq!(is_option, !column.not_null, "{name}");
        let null = if column.not_null { "" } else { " | null" };
        let docs = docs(&field.attrs);
        writeln!(text, "  /** {docs}{note} */\n  {name}: {typescript}{null};").unwrap();
    }
    text + "}\n"
}

/// Returns the row types of the core.
fn rows() -> Vec<ItemStruct> {
    let source =
        fs::read_to_string(repository().join("crates/vetassist-core/src/rows.rs")).unwrap();
    let items = syn::parse_file(&source).unwrap().items;
    let rows: Vec<_> = items
        .into_iter()
        .filter_map(|item| match item {
            Item::Struct(row) => Some(row),
            _ => None,
        })
        .collect();
    assert_eq!(rows.len(), tables().len());
    rows
}

#[test]
fn the_typescript_declarations_match_the_rust_types_and_the_tables() {
    let interfaces: String =
        rows().iter().zip(tables()).map(|(row, table)| interface(row, table.columns)).collect();
    compare_with_golden_at(&declarations(), &(BEGINNING.to_owned() + &interfaces));
}

#[test]
fn the_rules_for_reading_rows_in_javascript_match_the_core() {
    let mut text = "// Written from the core's description of the columns by a test of tests/server: do not edit.\n\n\
         /** The columns of each table with their kinds; a question mark where NULL is allowed. */\n\
         export const columns = {\n"
        .to_owned();
    for table in tables() {
        writeln!(text, "  {}: {{", table.name).unwrap();
        for column in table.columns {
            let null = if column.not_null { "" } else { "?" };
            writeln!(text, "    {}: '{}{null}',", column.name, Kind::of(column).name()).unwrap();
        }
        text += "  },\n";
    }
    text += "};\n\n/** The checks of each kind of value, and its form as text. */\nexport const kinds = {\n";
    for kind in Kind::ALL {
        let pattern =
            kind.pattern().map_or("undefined".to_owned(), |pattern| format!("/{pattern}/"));
        writeln!(text, "  {}: ['{}', {pattern}],", kind.name(), kind.expected()).unwrap();
    }
    text += "};\n";
    let path = repository().join("crates/vetassist-wasm/npm/src/columns.js");
    compare_with_golden_at(&path, &text);
}

#[test]
fn the_package_exports_every_row_type() {
    let declared = fs::read_to_string(declarations()).unwrap();
    let mut names: Vec<&str> = declared
        .lines()
        .filter_map(|line| line.strip_prefix("export ")?.split(' ').nth(1))
        .collect();
    names.sort_unstable();
    let index = fs::read_to_string(declarations().with_file_name("index.d.ts")).unwrap();
    let export = format!("export type {{ {} }} from './rows.js';", names.join(", "));
    assert!(index.lines().any(|line| line == export), "index.d.ts lacks: {export}");
}
