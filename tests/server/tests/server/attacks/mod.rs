//! Attacks, one file a kind, each with its attacker, its steps and the outcome that it must have.
//!
//! They run in a database that belongs to an attacker, who is no superuser: she may create what she likes in its schema
//! `public`, before the extension is installed and afterwards. What she plants says in the server's log that it was
//! called and by whom, which no rollback takes back.

mod addresses;
mod adoption;
mod audit_guard;
mod callers_settings;
mod drop_guard;
mod encodings;
mod erasure;
mod events;
mod grants;
mod inactive;
mod isolation;
mod key_command;
mod names_taken;
mod overloads;
mod owner;
mod plain_names;
mod plain_rights;
mod proportion;
mod referring_tables;
mod replaced_functions;
mod replication_role;
mod retention;
mod revoking;
mod schema_creators;
mod schema_moves;
mod sealed_trail;
mod secrets;
mod session_active;
mod settings;
mod threat_model;
mod triggers;

use postgres::{Client, NoTls};
use vetassist_server_tests::{column_of, hex_key, sqlstate, Server};

use crate::hostile_calls::values;

/// The attacker, who owns the database.
pub(crate) const MALLORY: &str = "mallory";

/// The roles that have a tier each, named like it.
pub(crate) const TIERS: [&str; 3] = ["app", "auditor", "admin"];

/// A ring of two keys, the current one first.
pub(crate) fn ring() -> String {
    format!("{}\n{}", hex_key(0x22), hex_key(0x11))
}

/// A server with a database of the attacker's, and a superuser's connection to it.
pub(crate) struct Victim {
    pub(crate) server: Server,
    pub(crate) db: Client,
}

impl Victim {
    /// Starts one, without the extension in the database.
    pub(crate) fn start(settings: &[(&str, &str)]) -> Self {
        Self::with_environment(settings, &[("VETASSIST_MASTER_KEY", &ring())])
    }

    pub(crate) fn with_environment(
        settings: &[(&str, &str)],
        environment: &[(&str, &str)],
    ) -> Self {
        let server = Server::start(settings, environment);
        let mut db = server.connect_to("postgres");
        db.batch_execute(
            "CREATE ROLE mallory LOGIN; CREATE ROLE reporting LOGIN; CREATE ROLE backend LOGIN;
             CREATE ROLE app LOGIN; CREATE ROLE auditor LOGIN; CREATE ROLE admin LOGIN;",
        )
        .unwrap();
        db.batch_execute("CREATE DATABASE victim OWNER mallory").unwrap();
        let db = server.connect_to("victim");
        Self { server, db }
    }

    /// Drops the database and makes it anew.
    pub(crate) fn empty(&mut self) {
        let mut db = self.server.connect_to("postgres");
        db.batch_execute("DROP DATABASE victim WITH (FORCE)").unwrap();
        db.batch_execute("CREATE DATABASE victim OWNER mallory").unwrap();
        self.db = self.server.connect_to("victim");
    }

    /// Starts one with the extension in the database, and with a role for each tier.
    pub(crate) fn installed(settings: &[(&str, &str)]) -> Self {
        let mut victim = Self::start(settings);
        victim.db.batch_execute("CREATE EXTENSION vetassist").unwrap();
        victim.grant_tiers();
        victim
    }

    pub(crate) fn grant_tiers(&mut self) {
        for tier in TIERS {
            self.db.execute(&format!("SELECT vetassist_grant('{tier}', '{tier}')"), &[]).unwrap();
        }
    }

    /// Connects as a role.
    pub(crate) fn connect(&self, role: &str) -> Client {
        self.server.config(role, "victim").connect(NoTls).unwrap()
    }

    /// Connects as a role, with options from its environment, as `PGOPTIONS` gives them.
    pub(crate) fn connect_with(&self, role: &str, options: &str) -> Client {
        self.server.config(role, "victim").options(options).connect(NoTls).unwrap()
    }

    /// Runs statements as a role.
    pub(crate) fn run(&self, role: &str, statements: &str) -> Result<(), Refused> {
        self.connect(role).batch_execute(statements).map_err(|error| Refused::of(&error))
    }

    /// Runs statements that must succeed as a role.
    pub(crate) fn must(&self, role: &str, statements: &str) {
        if let Err(refused) = self.run(role, statements) {
            panic!("{role}: {statements}: {refused:?}");
        }
    }

    /// Lets the attacker create something and a superuser install or update the extension, and rolls both back. None
    /// if she could not even create it.
    pub(crate) fn in_the_way(
        &mut self,
        role: &str,
        planted: &str,
        installs: &str,
        look: impl FnOnce(&mut postgres::Transaction<'_>),
    ) -> Option<Result<(), Refused>> {
        let mut transaction = self.db.transaction().unwrap();
        transaction.batch_execute(&format!("SET LOCAL ROLE {role}")).unwrap();
        transaction.batch_execute(planted).ok()?;
        transaction.batch_execute("RESET ROLE").unwrap();
        let outcome = transaction.batch_execute(installs).map_err(|error| Refused::of(&error));
        if outcome.is_ok() {
            look(&mut transaction);
        }
        Some(outcome)
    }

    /// The first column of what a query returns a superuser.
    pub(crate) fn column(&mut self, query: &str) -> Vec<String> {
        column_of(&mut self.db, query)
    }

    /// The first value that a query returns a superuser.
    pub(crate) fn count(&mut self, query: &str) -> i64 {
        self.db.query_one(query, &[]).unwrap().get(0)
    }

    /// Returns the traps that were called, and the roles that called them.
    pub(crate) fn trapped(&self) -> Vec<String> {
        let log = self.server.log();
        let lines = log.lines().filter_map(|line| line.split_once("LOG:  TRAP "));
        let mut trapped: Vec<_> = lines.map(|(_, trap)| trap.to_owned()).collect();
        trapped.sort();
        trapped.dedup();
        trapped
    }
}

/// Compares lists of many lines, and says only where they differ.
pub(crate) fn assert_same(found: &[String], expected: &[String], of: &str) {
    let lacking: Vec<_> = expected.iter().filter(|line| !found.contains(line)).collect();
    let left_over: Vec<_> = found.iter().filter(|line| !expected.contains(line)).collect();
    assert!(
        lacking.is_empty() && left_over.is_empty(),
        "{of}: lacks {lacking:?}, has {left_over:?}"
    );
}

/// Returns the beginning of the body of a trap.
pub(crate) fn trap(name: &str) -> String {
    format!("RAISE LOG 'TRAP % as %', $trap${name}$trap$, current_user;")
}

/// An error that the server sent.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Refused {
    pub(crate) state: String,
    /// Message, detail and hint.
    pub(crate) text: String,
}

impl Refused {
    pub(crate) fn of(error: &postgres::Error) -> Self {
        let text = error.as_db_error().map_or_else(
            || error.to_string(),
            |said| {
                let more = [said.detail(), said.hint()].into_iter().flatten();
                [said.message()].into_iter().chain(more).collect::<Vec<_>>().join(" / ")
            },
        );
        Self { state: sqlstate(error).to_owned(), text }
    }
}

/// A function of the extension's.
pub(crate) struct Function {
    pub(crate) name: String,
    pub(crate) is_procedure: bool,
    /// The names that `pg_type` has for the types of its arguments.
    pub(crate) arguments: Vec<String>,
    /// The type of its result, as it was declared.
    pub(crate) result: String,
}

impl Function {
    /// Every function of an extension that is in `public`, but for triggers.
    pub(crate) fn all(db: &mut Client) -> Vec<Self> {
        let query = "SELECT p.proname::text, p.prokind = 'p', ARRAY(SELECT typname::text FROM unnest(p.proargtypes) WITH ORDINALITY AS a (t, n)
                            JOIN pg_type ON pg_type.oid = a.t ORDER BY n), coalesce(pg_get_function_result(p.oid), '')
             FROM pg_depend d JOIN pg_proc p ON p.oid = d.objid AND d.classid = 'pg_proc'::regclass
             WHERE d.refclassid = 'pg_extension'::regclass AND d.deptype = 'e' AND d.refobjid = (SELECT oid FROM pg_extension WHERE extname = 'vetassist')
               AND prorettype NOT IN ('trigger'::regtype, 'event_trigger'::regtype)
             ORDER BY 1, 3";
        let rows = db.query(query, &[]).unwrap();
        let functions: Vec<_> = rows
            .iter()
            .map(|row| Self {
                name: row.get(0),
                is_procedure: row.get(1),
                arguments: row.get(2),
                result: row.get(3),
            })
            .collect();
        assert!(functions.len() > 40);
        functions
    }

    /// A call with harmless arguments, in which each name is written with its schema, and nothing is called but this.
    pub(crate) fn call(&self, db: &mut Client) -> String {
        let arguments: Vec<String> = self
            .arguments
            .iter()
            .map(|kind| {
                let value = harmless(kind);
                let literal = format!("SELECT quote_literal(({value})::{kind}::text)");
                format!("{}::pg_catalog.{kind}", column_of(db, &literal)[0])
            })
            .collect();
        let verb = if self.is_procedure { "CALL" } else { "SELECT * FROM" };
        format!("{verb} public.{}({})", self.name, arguments.join(", "))
    }
}

/// Returns an argument of a type, named as `pg_type` has it, that does no harm.
pub(crate) fn harmless(kind: &str) -> &'static str {
    let name = match kind {
        "timestamptz" => "timestamp with time zone",
        "int4" => "integer",
        "int8" => "bigint",
        "bool" => "boolean",
        other => other,
    };
    match name.strip_prefix('_') {
        Some(element) => values(&format!("{element}[]"))[0],
        None => values(name)[0],
    }
}

/// Runs statements that create something, each by itself, and says how many were let through.
pub(crate) fn plant(db: &mut Client, statements: &[String]) -> usize {
    let mut planted = 0;
    for statements in statements.chunks(200) {
        let mut block = String::from("DO $plant$ DECLARE planted int := 0; BEGIN\n");
        for statement in statements {
            // What is there already, or cannot be, is left out.
            block += &format!(
                "BEGIN EXECUTE $statement${statement}$statement$; planted := planted + 1; EXCEPTION WHEN OTHERS THEN NULL; END;\n"
            );
        }
        block += "PERFORM set_config('plant.ed', planted::text, false); END $plant$";
        db.batch_execute(&block).unwrap();
        let row = db.query_one("SELECT current_setting('plant.ed')::int", &[]).unwrap();
        planted += usize::try_from(row.get::<_, i32>(0)).unwrap();
    }
    planted
}

/// A function that says that it was called.
pub(crate) fn look_alike(
    schema: &str,
    name: &str,
    arguments: &str,
    result: &str,
    is_procedure: bool,
) -> String {
    let said = trap(&format!("{name}({arguments})"));
    if is_procedure {
        return format!(
            "CREATE PROCEDURE {schema}.{name}({arguments}) LANGUAGE plpgsql AS $body$ BEGIN {said} END $body$"
        );
    }
    let returns = if result == "void" || result.starts_with("TABLE") || result.starts_with("SETOF")
    {
        "RETURN"
    } else {
        "RETURN NULL"
    };
    format!("CREATE FUNCTION {schema}.{name}({arguments}) RETURNS {result} LANGUAGE plpgsql AS $body$ BEGIN {said} {returns}; END $body$")
}

/// A database with the extension and nothing else.
pub(crate) fn reference(victim: &Victim) -> Client {
    victim.server.connect_to("postgres").batch_execute("CREATE DATABASE reference").unwrap();
    let mut reference = victim.server.connect_to("reference");
    reference.batch_execute("CREATE EXTENSION vetassist").unwrap();
    reference
}

/// Functions like ours to the last argument, in a schema that is to stand in ours' place.
pub(crate) fn plant_copies(db: &mut Client, schema: &str, reference: &mut Client) {
    let copies: Vec<String> = Function::all(reference)
        .iter()
        .map(|f| look_alike(schema, &f.name, &f.arguments.join(", "), &f.result, f.is_procedure))
        .collect();
    assert!(plant(db, &copies) > 40);
}
