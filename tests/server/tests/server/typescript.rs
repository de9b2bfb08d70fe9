//! The rows as TypeScript: written from the Rust types, and compared with the description of the tables.

use std::{fmt::Write as _, fs, path::PathBuf};

use syn::{
    Attribute, Expr, Fields, GenericArgument, Item, ItemStruct, Lit, Meta, PathArguments, Type,
};
use vetassist_core::schema::{tables, Column};
use vetassist_server_tests::{compare_with_golden_at, repository};

const BEGINNING: &str = "\
// Written from crates/vetassist-core/src/rows.rs by a test of tests/server: do not edit.
//
// A row is what drivers make of it (node-postgres, postgres.js): a property for each column, by its name.
// The timestamps `infinity` and `-infinity` are no dates: node-postgres makes numbers of them, postgres.js an
// invalid Date.

/** What `JSON.parse` returns. */
export type JsonValue = string | number | boolean | null | JsonValue[] | { [name: string]: JsonValue };
";

/// The declarations that the package ships.
fn declarations() -> PathBuf {
    repository().join("crates/vetassist-wasm/npm/types/rows.d.ts")
}

/// What a Rust type is in JavaScript, and what there is to know about that.
fn of_rust(rust: &str) -> (&'static str, &'static str) {
    match rust {
        "Uuid" | "String" | "IpHash" => ("string", ""),
        "bool" => ("boolean", ""),
        "i64" => (
            "string",
            "Digits: drivers return a bigint as a string, because not every one is a number.",
        ),
        "Timestamp" => ("Date", ""),
        "Sealed" => ("Uint8Array", "Nonce, ciphertext and tag."),
        "Json" => ("JsonValue", ""),
        _ => panic!("no TypeScript for {rust}"),
    }
}

/// What the parsing functions take a Rust type for.
fn kind(rust: &str) -> &'static str {
    match rust {
        "Uuid" => "uuid",
        "String" => "text",
        "IpHash" => "hash",
        "bool" => "bool",
        "i64" => "digits",
        "Timestamp" => "time",
        "Sealed" => "sealed",
        "Json" => "json",
        _ => panic!("no kind for {rust}"),
    }
}

/// What a column of the tables is in JavaScript.
fn of_sql(column: &Column) -> String {
    let known = match column.sql_type.split('(').next().unwrap() {
        "uuid" | "character varying" | "bigint" => "string",
        "boolean" => "boolean",
        "timestamp with time zone" => "Date",
        "bytea" => "Uint8Array",
        "jsonb" => "JsonValue",
        other => panic!("no TypeScript for {other}"),
    };
    format!("{}: {known}{};", column.name, if column.not_null { "" } else { " | null" })
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
        // What follows the first paragraph is about Rust.
        .take_while(|line| !line.is_empty())
        .collect();
    let text = lines.join(" ");
    assert!(!text.is_empty() && !text.contains("]("), "no doc comment for JavaScript: {text}");
    text
}

/// The last name of a type, and that of its argument if it has one.
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

/// The fields of a row, each with the name of its type and whether it may be NULL.
fn fields(row: &ItemStruct) -> Vec<(&syn::Field, String, bool)> {
    let Fields::Named(fields) = &row.fields else { panic!("a row has named fields") };
    let typed = fields.named.iter().map(|field| match names(&field.ty) {
        (option, Some(rust)) if option == "Option" => (field, rust, true),
        (rust, None) => (field, rust, false),
        other => panic!("no TypeScript for {other:?}"),
    });
    typed.collect()
}

fn interface(row: &ItemStruct) -> String {
    let mut text = format!("\n/** {} */\nexport interface {} {{\n", docs(&row.attrs), row.ident);
    for (field, rust, null) in fields(row) {
        let null = if null { " | null" } else { "" };
        let (typescript, note) = of_rust(&rust);
        let docs = [&docs(&field.attrs), note].join(" ");
        let name = field.ident.as_ref().unwrap();
        writeln!(text, "  /** {} */\n  {name}: {typescript}{null};", docs.trim_end()).unwrap();
    }
    text + "}\n"
}

/// The row types of the core.
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
fn the_declarations_are_those_of_the_rust_types() {
    let interfaces: String = rows().iter().map(interface).collect();
    compare_with_golden_at(&declarations(), &(BEGINNING.to_owned() + &interfaces));
}

#[test]
fn the_columns_that_are_parsed_are_those_of_the_rust_types() {
    let mut text = "// Written from crates/vetassist-core/src/rows.rs by a test of tests/server: do not edit.\n\n\
         /** The columns of each table with their kinds; a question mark where NULL is allowed. */\n\
         export const columns = {\n"
        .to_owned();
    for (table, row) in tables().iter().zip(rows()) {
        writeln!(text, "  {}: {{", table.name).unwrap();
        for (field, rust, null) in fields(&row) {
            let (name, null) = (field.ident.as_ref().unwrap(), if null { "?" } else { "" });
            writeln!(text, "    {name}: '{}{null}',", kind(&rust)).unwrap();
        }
        text += "  },\n";
    }
    text += "};\n";
    let path = repository().join("crates/vetassist-wasm/npm/src/columns.js");
    compare_with_golden_at(&path, &text);
}

#[test]
fn the_declarations_are_those_of_the_tables() {
    let text = fs::read_to_string(declarations()).unwrap();
    let interfaces: Vec<&str> = text.split("\nexport interface ").skip(1).collect();
    assert_eq!(interfaces.len(), tables().len());
    for (interface, (table, name)) in
        interfaces.iter().zip(tables().iter().zip(["User", "VaToken", "Session", "AuthAudit"]))
    {
        let (head, body) = interface.split_once(" {\n").unwrap();
        assert_eq!(head, name);
        let found: Vec<&str> = body
            .split("\n}")
            .next()
            .unwrap()
            .lines()
            .map(str::trim)
            .filter(|line| !line.starts_with("/**"))
            .collect();
        let expected: Vec<String> = table.columns.iter().map(of_sql).collect();
        assert_eq!(found, expected, "{name}");
    }
}

#[test]
fn the_package_exports_all_of_them() {
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
