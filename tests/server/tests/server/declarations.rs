//! Compares the functions that SQL declares with the functions in Rust.
//!
//! pgrx writes a description of each function into the library: its arguments, its result and its attributes.
//! PostgreSQL's catalog has the declarations in `sql/`.

use std::{collections::BTreeSet, fs};

use object::{Object, ObjectSection};
use pgrx_sql_entity_graph::{
    metadata::{Returns, SqlArrayMapping, SqlMapping},
    section::{decode_entities, is_schema_section_name},
    ExternArgs, PgExternEntity, PgExternReturnEntity, SqlGraphEntity, UsedTypeEntity,
};
use postgres::Client;
use vetassist_server_tests::{database, repository, scratch};

/// A function, as SQL declares it or as the library describes it.
#[derive(Clone, Debug, PartialEq)]
struct Function {
    /// The symbol in the library.
    symbol: String,
    /// The types of its arguments.
    arguments: Vec<String>,
    /// The type of its result, as PostgreSQL writes it.
    result: String,
    is_set: bool,
    /// True if it is not called with NULL.
    is_strict: bool,
    /// `v`, `s` or `i`; none if Rust does not state it.
    volatility: Option<char>,
    /// `u`, `r` or `s`; none if Rust does not state it.
    parallel: Option<char>,
}

/// Returns the functions of the library.
fn in_the_library(db: &mut Client) -> Vec<Function> {
    let library = fs::read(scratch().postgres().lib.join("vetassist.so")).unwrap();
    let file = object::File::parse(&*library).unwrap();
    let mut sections =
        file.sections().filter(|section| section.name().is_ok_and(is_schema_section_name));
    let section = sections.next().expect("the library describes its functions").data().unwrap();
    let described = decode_entities(section).unwrap();
    described
        .iter()
        .filter_map(|entity| match entity {
            SqlGraphEntity::Function(function) => Some(of_rust(db, function)),
            SqlGraphEntity::Trigger(trigger) => Some(Function {
                symbol: format!("{}_wrapper", trigger.function_name),
                arguments: Vec::new(),
                result: "trigger".into(),
                is_set: false,
                is_strict: false,
                volatility: None,
                parallel: None,
            }),
            _ => None,
        })
        .collect()
}

fn of_rust(db: &mut Client, function: &PgExternEntity<'_>) -> Function {
    let attribute = |of: &[(ExternArgs, char)]| {
        let found = of.iter().find(|(attribute, _)| function.extern_attrs.contains(attribute));
        found.map(|(_, letter)| *letter)
    };
    // PostgreSQL also passes information on the call, which is not an argument.
    let arguments: Vec<_> = function
        .fn_args
        .iter()
        .filter(|argument| !matches!(argument.used_ty.metadata.argument_sql, Ok(SqlMapping::Skip)))
        .collect();
    let takes_null = arguments.iter().any(|argument| argument.used_ty.optional);
    let is_strict = function.extern_attrs.contains(&ExternArgs::Strict);
    assert!(!(is_strict && takes_null), "{}", function.name);
    assert!(is_strict || takes_null || arguments.is_empty(), "{}: NULL", function.name);
    let (result, is_set) = match &function.fn_return {
        PgExternReturnEntity::None => ("void".to_owned(), false),
        PgExternReturnEntity::Trigger => ("trigger".to_owned(), false),
        PgExternReturnEntity::Type { ty } => match &ty.metadata.return_sql {
            Ok(Returns::Table(types)) => (table_of(db, ty, types), true),
            _ => match returned(ty) {
                table if table.starts_with("TABLE") => (table, true),
                one => (named(db, &one), false),
            },
        },
        PgExternReturnEntity::SetOf { ty } => (format!("SETOF {}", named(db, &returned(ty))), true),
        PgExternReturnEntity::Iterated { tys } => {
            let columns: Vec<_> = tys
                .iter()
                .map(|column| {
                    format!("{} {}", column.name.unwrap(), named(db, &returned(&column.ty)))
                })
                .collect();
            (format!("TABLE({})", columns.join(", ")), true)
        }
    };
    Function {
        symbol: format!("{}_wrapper", function.unaliased_name),
        arguments: arguments
            .iter()
            .map(|argument| match &argument.used_ty.metadata.argument_sql {
                Ok(SqlMapping::As(sql)) => named(db, sql),
                Ok(SqlMapping::Array(SqlArrayMapping::As(element))) => {
                    named(db, &format!("{element}[]"))
                }
                other => panic!("{}: {other:?}", function.name),
            })
            .collect(),
        result,
        is_set,
        is_strict,
        volatility: attribute(&[
            (ExternArgs::Volatile, 'v'),
            (ExternArgs::Stable, 's'),
            (ExternArgs::Immutable, 'i'),
        ]),
        parallel: attribute(&[
            (ExternArgs::ParallelUnsafe, 'u'),
            (ExternArgs::ParallelRestricted, 'r'),
            (ExternArgs::ParallelSafe, 's'),
        ]),
    }
}

/// Returns the SQL type of a table that is returned within a result. Its columns' names are in Rust's name of the type.
fn table_of(db: &mut Client, ty: &UsedTypeEntity<'_>, types: &[SqlMapping]) -> String {
    let names = ty.full_path.split("name!").skip(1);
    let names = names.map(|rest| {
        rest.trim_start_matches(|c: char| c.is_whitespace() || c == '(').split(',').next().unwrap()
    });
    let columns: Vec<_> = names
        .zip(types)
        .map(|(name, kind)| match kind {
            SqlMapping::As(sql) => format!("{} {}", name.trim().trim_matches('"'), named(db, sql)),
            other => panic!("{}: {other:?}", ty.full_path),
        })
        .collect();
    assert_eq!(columns.len(), types.len(), "{}", ty.full_path);
    format!("TABLE({})", columns.join(", "))
}

fn returned(ty: &UsedTypeEntity<'_>) -> String {
    match &ty.metadata.return_sql {
        Ok(Returns::One(SqlMapping::As(sql)) | Returns::SetOf(SqlMapping::As(sql))) => sql.clone(),
        other => panic!("{}: {other:?}", ty.full_path),
    }
}

/// Returns PostgreSQL's name of a type.
fn named(db: &mut Client, sql: &str) -> String {
    db.query_one("SELECT format_type($1::text::regtype, NULL)", &[&sql]).unwrap().get(0)
}

/// Returns the functions that SQL declares.
fn in_sql(db: &mut Client) -> Vec<Function> {
    db.query(
        "SELECT p.prosrc, ARRAY(SELECT format_type(t.oid, NULL) FROM unnest(p.proargtypes) WITH ORDINALITY AS t (oid, place)
                                ORDER BY t.place),
                coalesce(replace(pg_get_function_result(p.oid), '\"', ''), 'void'), p.proretset, p.proisstrict,
                p.provolatile::text, p.proparallel::text
         FROM pg_proc AS p JOIN pg_language AS l ON l.oid = p.prolang
         WHERE l.lanname = 'c' AND p.probin LIKE '%vetassist' ORDER BY 1",
        &[],
    )
    .unwrap()
    .iter()
    .map(|row| Function {
        symbol: row.get(0),
        arguments: row.get(1),
        result: row.get(2),
        is_set: row.get(3),
        is_strict: row.get(4),
        volatility: row.get::<_, String>(5).chars().next(),
        parallel: row.get::<_, String>(6).chars().next(),
    })
    .collect()
}

/// Returns the symbols that released scripts name.
fn released() -> BTreeSet<String> {
    let mut symbols = BTreeSet::new();
    for entry in fs::read_dir(repository().join("sql/released")).unwrap() {
        let text = fs::read_to_string(entry.unwrap().path()).unwrap();
        let words = text.split('\'').filter(|word| word.ends_with("_wrapper"));
        symbols.extend(words.map(str::to_owned));
    }
    assert!(symbols.len() > 20, "{symbols:?}");
    symbols
}

/// Returns the differences. A function in Rust may be declared more than once, or by released scripts alone.
fn differences(
    declared: &[Function],
    library: &[Function],
    released: &BTreeSet<String>,
) -> Vec<String> {
    let mut found = Vec::new();
    for declared in declared {
        let Some(function) = library.iter().find(|function| function.symbol == declared.symbol)
        else {
            found.push(format!("{} is not in the library", declared.symbol));
            continue;
        };
        let expected = Function {
            volatility: function.volatility.or(declared.volatility),
            parallel: function.parallel.or(declared.parallel),
            ..function.clone()
        };
        if *declared != expected {
            found.push(format!("SQL declares {declared:?}, and the library has {expected:?}"));
        }
    }
    let is_declared = |symbol: &String| declared.iter().any(|other| other.symbol == *symbol);
    for function in library {
        if !is_declared(&function.symbol) && !released.contains(&function.symbol) {
            found.push(format!("{} is declared nowhere", function.symbol));
        }
    }
    let is_there = |symbol: &String| library.iter().any(|other| other.symbol == *symbol);
    let missing = released.iter().filter(|symbol| !is_there(symbol));
    found.extend(missing.map(|symbol| format!("{symbol} is released, and not in the library")));
    found
}

#[test]
fn sql_declarations_match_the_functions_in_rust() {
    let mut db = database();
    let (declared, library) = (in_sql(&mut db), in_the_library(&mut db));
    assert!(declared.len() > 20 && library.len() >= declared.len() - 5, "{declared:?}");
    assert_eq!(differences(&declared, &library, &released()), Vec::<String>::new());
}

#[test]
fn each_difference_from_the_functions_in_rust_is_found() {
    let mut db = database();
    let (declared, library, released) = (in_sql(&mut db), in_the_library(&mut db), released());
    let symbol = "vetassist_encrypt_token_wrapper";
    let changed = |change: fn(&mut Function)| {
        let mut declared = declared.clone();
        change(declared.iter_mut().find(|function| function.symbol == symbol).unwrap());
        differences(&declared, &library, &released)
    };
    for (change, what) in [
        (
            (|function| function.symbol = "vetassist_nothing_wrapper".into()) as fn(&mut Function),
            "is not in the library",
        ),
        (|function| function.arguments[1] = "text".into(), "SQL declares"),
        (|function| function.arguments.swap(0, 1), "SQL declares"),
        (|function| function.arguments.truncate(1), "SQL declares"),
        (|function| function.arguments.push("text".into()), "SQL declares"),
        (|function| function.result = "text".into(), "SQL declares"),
        (|function| function.is_set = true, "SQL declares"),
        (|function| function.is_strict = false, "SQL declares"),
        (|function| function.volatility = Some('i'), "SQL declares"),
        (|function| function.parallel = Some('u'), "SQL declares"),
    ] {
        let found = changed(change);
        assert!(found.iter().any(|line| line.contains(what)), "{what}: {found:?}");
    }
    let without = |functions: &[Function], symbol: &str| -> Vec<Function> {
        functions.iter().filter(|function| function.symbol != symbol).cloned().collect()
    };
    // A function that no script declares, and a released function that the library lacks.
    let new = "vetassist_checked_event_type_wrapper";
    assert!(!released.contains(new));
    let found = differences(&without(&declared, new), &library, &released);
    assert_eq!(found, [format!("{new} is declared nowhere")]);
    let old = "vetassist_names_address_wrapper";
    assert!(released.contains(old));
    let found = differences(&declared, &without(&library, old), &released);
    assert_eq!(found, [format!("{old} is released, and not in the library")]);
    // A change of the catalog is found as well.
    db.batch_execute("ALTER FUNCTION vetassist_hash_ip(inet) CALLED ON NULL INPUT").unwrap();
    let found = differences(&in_sql(&mut db), &library, &released);
    assert!(found.len() == 1 && found[0].contains("vetassist_hash_ip_wrapper"), "{found:?}");
}
