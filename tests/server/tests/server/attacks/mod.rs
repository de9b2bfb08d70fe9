//! Attacks, one file for each kind, with the attacker, the steps and the required outcome.
//!
//! They run in a database whose owner, the attacker, is no superuser. She may create objects in its schema `public`, before
//! and after the installation of the extension. Her functions write into the server's log that they were called and by
//! which role, so a rollback does not hide the call.

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
mod sealed_functions;
mod sealed_trail;
mod secrets;
mod session_active;
mod session_users;
mod settings;
mod threat_model;
mod triggers;

use postgres::{Client, NoTls};
use vetassist_server_tests::{column_of, hex_key, sqlstate, Server};

use crate::hostile_calls::values;

/// The attacker, who owns the database.
pub(crate) const MALLORY: &str = "mallory";

/// The roles with one tier each, with the names of the tiers.
pub(crate) const TIERS: [&str; 3] = ["app", "auditor", "admin"];

/// A ring of two keys, the current one first.
pub(crate) fn ring() -> String {
    format!("{}\n{}", hex_key(0x22), hex_key(0x11))
}

/// A server with a database of the attacker, and a superuser's connection to it.
pub(crate) struct Victim {
    pub(crate) server: Server,
    pub(crate) db: Client,
}

impl Victim {
    /// Starts a server without the extension in the database.
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

    /// Drops the database and creates it again.
    pub(crate) fn empty(&mut self) {
        let mut db = self.server.connect_to("postgres");
        db.batch_execute("DROP DATABASE victim WITH (FORCE)").unwrap();
        db.batch_execute("CREATE DATABASE victim OWNER mallory").unwrap();
        self.db = self.server.connect_to("victim");
    }

    /// Starts a server with the extension in the database, and with a role for each tier.
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

    /// Connects as a role with connection options, as `PGOPTIONS` sets them.
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

    /// Creates objects as a role, installs or updates the extension as a superuser, and rolls both back. Returns None if the
    /// role could not create the objects.
    pub(crate) fn with_planted(
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

    /// Returns the first column of a query that a superuser runs.
    pub(crate) fn column(&mut self, query: &str) -> Vec<String> {
        column_of(&mut self.db, query)
    }

    /// Returns the first value of a query that a superuser runs.
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

/// Compares lists of many lines, and shows only the differences.
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

/// A function of the extension.
pub(crate) struct Function {
    pub(crate) name: String,
    pub(crate) is_procedure: bool,
    /// The types of its arguments, with their names in `pg_type`.
    pub(crate) arguments: Vec<String>,
    /// The type of its result, as it was declared.
    pub(crate) result: String,
}

impl Function {
    /// Returns every function of an extension in `public`, except trigger functions.
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

    /// Returns a call with harmless arguments. Every name has its schema, and no other function is called.
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

/// Returns a harmless argument of a type, which is named as in `pg_type`.
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

/// Runs each of the statements, and returns the number that succeeded.
pub(crate) fn plant(db: &mut Client, statements: &[String]) -> usize {
    let mut planted = 0;
    for statements in statements.chunks(200) {
        let mut block = String::from("DO $plant$ DECLARE planted int := 0; BEGIN\n");
        for statement in statements {
            // A statement that fails is left out.
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

/// Returns the statement that creates a function that logs its call.
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

/// Creates a database with the extension and nothing else.
pub(crate) fn reference(victim: &Victim) -> Client {
    victim.server.connect_to("postgres").batch_execute("CREATE DATABASE reference").unwrap();
    let mut reference = victim.server.connect_to("reference");
    reference.batch_execute("CREATE EXTENSION vetassist").unwrap();
    reference
}

/// Creates functions with the names and arguments of vetassist's in a schema that is to replace vetassist's.
pub(crate) fn plant_copies(db: &mut Client, schema: &str, reference: &mut Client) {
    let copies: Vec<String> = Function::all(reference)
        .iter()
        .map(|f| look_alike(schema, &f.name, &f.arguments.join(", "), &f.result, f.is_procedure))
        .collect();
    assert!(plant(db, &copies) > 40);
}
