//! Tests that no object can replace one of the extension's, and that no other role's code runs with the owner's rights.

use postgres::Client;
use vetassist_server_tests::{column_of, database, empty_database, sqlstate, KeyedServer};

const PROBLEMS: &str = "SELECT object || ': ' || problem FROM vetassist_check_schema() ORDER BY 1";

/// Creates a database whose owner is no superuser. Returns a connection of a superuser and one of the owner.
fn owned_database(server: &mut KeyedServer) -> (Client, Client) {
    server.db.batch_execute("CREATE ROLE mallory LOGIN").unwrap();
    server.db.batch_execute("CREATE DATABASE owned OWNER mallory").unwrap();
    let mut db = server.connect_to("owned");
    db.batch_execute("CREATE EXTENSION vetassist").unwrap();
    let mallory = server.connect_to_as("owned", "mallory");
    (db, mallory)
}

#[test]
fn renaming_the_schema_or_moving_its_objects_is_refused() {
    let mut server = KeyedServer::start();
    let (mut db, mut mallory) = owned_database(&mut server);
    mallory.batch_execute("CREATE SCHEMA theirs").unwrap();
    // Otherwise every reference to "public" would find the objects of a new schema of that name.
    for db in [&mut mallory, &mut db] {
        for command in [
            "ALTER SCHEMA public RENAME TO elsewhere",
            "DO $$ BEGIN EXECUTE 'ALTER SCHEMA public RENAME TO x'; END $$",
        ] {
            let error = db.batch_execute(command).unwrap_err();
            assert_eq!(sqlstate(&error), "0A000", "{command}: {error:?}");
            assert!(error.as_db_error().unwrap().hint().unwrap().contains("vetassist_detach"));
        }
    }
    for command in [
        "ALTER TABLE vetassist_users SET SCHEMA theirs",
        "ALTER SEQUENCE vetassist_auth_audit_id_seq SET SCHEMA theirs",
        "ALTER FUNCTION vetassist_mark_keyed(text) SET SCHEMA theirs",
        "ALTER FUNCTION vetassist_mark_keyed(text) RENAME TO mark_keyed",
        "ALTER ROUTINE vetassist_mark_keyed(text) RENAME TO mark_keyed",
        "ALTER PROCEDURE vetassist_rotate_tokens(integer) SET SCHEMA theirs",
        "ALTER EXTENSION vetassist SET SCHEMA theirs",
    ] {
        let error = db.batch_execute(command).unwrap_err();
        assert_eq!(sqlstate(&error), "0A000", "{command}: {error:?}");
    }
    assert_eq!(column_of(&mut db, PROBLEMS), [""; 0]);
    // A superuser may rename a table, as pg_repack does. The check shows that the table is missing.
    db.batch_execute("ALTER TABLE vetassist_users RENAME TO users").unwrap();
    assert_eq!(
        column_of(&mut db, PROBLEMS)[..1],
        ["vetassist_auth_audit FOREIGN KEY (user_id): references"]
    );
    db.batch_execute("ALTER TABLE users RENAME TO vetassist_users").unwrap();
    // Objects that are not the extension's can be renamed and moved.
    mallory
        .batch_execute(
            "CREATE TABLE theirs.vetassist_users (id int); ALTER TABLE theirs.vetassist_users RENAME TO x;
             ALTER TABLE theirs.x SET SCHEMA public; ALTER SCHEMA theirs RENAME TO hers; DROP TABLE public.x;
             CREATE FUNCTION hers.f() RETURNS int LANGUAGE sql AS 'SELECT 1'; ALTER FUNCTION hers.f() RENAME TO g",
        )
        .unwrap();
    db.batch_execute(
        "ALTER TABLE vetassist_users ADD note text; ALTER TABLE vetassist_users DROP note",
    )
    .unwrap();
}

#[test]
fn the_check_shows_renames_that_the_event_trigger_missed() {
    for (change, seen) in [
        ("ALTER SCHEMA public RENAME TO elsewhere", "schema elsewhere: renamed"),
        (
            "ALTER FUNCTION vetassist_mark_keyed(text) SET SCHEMA theirs",
            "function vetassist_mark_keyed(text): schema",
        ),
        ("ALTER TABLE vetassist_users SET SCHEMA theirs", "vetassist_users: missing"),
        ("ALTER TABLE vetassist_users RENAME TO users", "vetassist_users: missing"),
    ] {
        let mut db = database();
        db.batch_execute(
            "CREATE SCHEMA theirs; ALTER EVENT TRIGGER vetassist_guard_schema DISABLE",
        )
        .unwrap();
        assert_eq!(column_of(&mut db, PROBLEMS), ["event trigger vetassist_guard_schema: enabled"]);
        db.batch_execute(change).unwrap();
        db.batch_execute("ALTER EVENT TRIGGER vetassist_guard_schema ENABLE ALWAYS; SET search_path = elsewhere, public").unwrap();
        assert!(
            column_of(&mut db, PROBLEMS).contains(&seen.to_owned()),
            "{change}: {:?}",
            column_of(&mut db, PROBLEMS)
        );
    }
}

/// Grants TRIGGER and REFERENCES by hand; no tier does that.
fn with_rights(server: &mut KeyedServer) -> Client {
    server
        .db
        .batch_execute(
            "CREATE ROLE mallory LOGIN; CREATE SCHEMA theirs AUTHORIZATION mallory; CREATE ROLE app LOGIN;
             SELECT vetassist_grant('app', 'app');
             GRANT TRIGGER, REFERENCES ON vetassist_auth_audit, vetassist_users TO mallory;",
        )
        .unwrap();
    let mut mallory = server.connect_as("mallory");
    mallory
        .batch_execute(
            "CREATE TABLE theirs.stolen (what text); GRANT ALL ON theirs.stolen TO PUBLIC;
             CREATE FUNCTION theirs.steal() RETURNS trigger LANGUAGE plpgsql AS $$
                 BEGIN INSERT INTO theirs.stolen SELECT current_user || va_icn FROM public.vetassist_users; RETURN NEW; END $$;
             GRANT USAGE ON SCHEMA theirs TO PUBLIC",
        )
        .unwrap();
    mallory
}

#[test]
fn only_a_superuser_can_create_triggers_on_the_tables() {
    let mut server = KeyedServer::start();
    let mut mallory = with_rights(&mut server);
    for table in ["vetassist_auth_audit", "vetassist_users"] {
        for level in ["ROW", "STATEMENT"] {
            let command = format!("CREATE TRIGGER t AFTER INSERT ON public.{table} FOR EACH {level} EXECUTE FUNCTION theirs.steal()");
            let error = mallory.batch_execute(&command).unwrap_err();
            assert_eq!(sqlstate(&error), "42501", "{error:?}");
            assert!(error.as_db_error().unwrap().message().contains("vetassist_owner"));
        }
    }
    let mut app = server.connect_as("app");
    app.batch_execute("SELECT vetassist_login('ICN', 'access', now(), 'jti', now())").unwrap();
    assert_eq!(column_of(&mut server.db, "SELECT what FROM theirs.stolen"), [""; 0]);
    // The role can create triggers on its own table.
    mallory
        .batch_execute("CREATE TABLE theirs.t (); CREATE TRIGGER t AFTER INSERT ON theirs.t EXECUTE FUNCTION theirs.steal()")
        .unwrap();
    // The check shows a superuser's trigger.
    server
        .db
        .batch_execute(
            "CREATE TRIGGER t AFTER INSERT ON vetassist_auth_audit EXECUTE FUNCTION theirs.steal()",
        )
        .unwrap();
    let seen = column_of(&mut server.db, PROBLEMS);
    assert_eq!(
        seen,
        [
            "vetassist_auth_audit trigger t: extra",
            "vetassist_auth_audit: rights of mallory",
            "vetassist_users: rights of mallory",
        ]
    );
}

/// Creates a cast to the type of a column whose function would run with the owner's rights.
const CAST: &str = "
    CREATE FUNCTION theirs.cast(theirs.id) RETURNS uuid LANGUAGE plpgsql AS $$
        BEGIN RAISE EXCEPTION 'ran as %', current_user; END $$;
    CREATE CAST (theirs.id AS uuid) WITH FUNCTION theirs.cast(theirs.id) AS IMPLICIT;";

#[test]
fn foreign_keys_to_the_tables_cannot_use_a_cast_function() {
    let mut server = KeyedServer::start();
    let mut mallory = with_rights(&mut server);
    server.db.batch_execute("INSERT INTO vetassist_users (va_icn) VALUES ('the secret')").unwrap();
    mallory
        .batch_execute(
            "CREATE TYPE theirs.id AS (id uuid); CREATE TABLE theirs.t (id theirs.id); CREATE TABLE theirs.claims (user_id uuid);
             INSERT INTO theirs.t VALUES (ROW(gen_random_uuid()))",
        )
        .unwrap();
    // A role with REFERENCES on the tables cannot create the cast.
    assert_eq!(sqlstate(&mallory.batch_execute(CAST).unwrap_err()), "42501");
    // A cast that exists already cannot be used either.
    server
        .db
        .batch_execute("REVOKE REFERENCES ON vetassist_auth_audit, vetassist_users FROM mallory")
        .unwrap();
    mallory.batch_execute(CAST).unwrap();
    server
        .db
        .batch_execute("GRANT REFERENCES ON vetassist_auth_audit, vetassist_users TO mallory")
        .unwrap();
    for command in [
        "CREATE TABLE theirs.u (id theirs.id REFERENCES public.vetassist_users)",
        "CREATE TABLE theirs.u (id theirs.id, FOREIGN KEY (id) REFERENCES public.vetassist_users)",
        "CREATE TABLE theirs.u (); ALTER TABLE theirs.u ADD id theirs.id REFERENCES public.vetassist_users",
        "ALTER TABLE theirs.t ADD FOREIGN KEY (id) REFERENCES public.vetassist_users",
        "ALTER TABLE theirs.t ADD FOREIGN KEY (id) REFERENCES public.vetassist_users NOT VALID",
        "ALTER TABLE theirs.t ADD other theirs.id REFERENCES public.vetassist_users",
        "ALTER TABLE theirs.claims ALTER user_id TYPE theirs.id USING NULL, ADD FOREIGN KEY (user_id) REFERENCES public.vetassist_users",
    ] {
        let error = mallory.batch_execute(command).unwrap_err();
        assert_eq!(sqlstate(&error), "42501", "{command}: {error:?}");
    }
    // The check shows a superuser's foreign key.
    server
        .db
        .batch_execute("DELETE FROM theirs.t; ALTER TABLE theirs.t ADD FOREIGN KEY (id) REFERENCES vetassist_users")
        .unwrap();
    let seen = column_of(&mut server.db, PROBLEMS);
    assert!(seen.contains(&"vetassist_users: referenced by way of a cast".to_owned()), "{seen:?}");
}

#[test]
fn a_role_with_references_can_create_foreign_keys_of_the_same_type() {
    let mut server = KeyedServer::start();
    let mut mallory = with_rights(&mut server);
    mallory
        .batch_execute(
            "CREATE TABLE theirs.claims (user_id uuid REFERENCES public.vetassist_users ON DELETE RESTRICT);
             CREATE DOMAIN theirs.own AS uuid; CREATE TABLE theirs.u (id uuid);
             ALTER TABLE theirs.u ADD FOREIGN KEY (id) REFERENCES public.vetassist_users",
        )
        .unwrap();
    let refused =
        mallory.batch_execute("INSERT INTO theirs.claims VALUES (gen_random_uuid())").unwrap_err();
    assert_eq!(sqlstate(&refused), "23503");
}

/// The action of a foreign key fires the triggers of its table. Up to PostgreSQL 17 they run with the rights of the role
/// that deletes.
#[test]
fn only_a_superuser_can_create_foreign_keys_with_actions() {
    let mut server = KeyedServer::start();
    let mut mallory = with_rights(&mut server);
    mallory.batch_execute("CREATE TABLE theirs.t (id uuid)").unwrap();
    for action in
        ["ON DELETE CASCADE", "ON DELETE SET NULL", "ON DELETE SET DEFAULT", "ON UPDATE CASCADE"]
    {
        for command in [
            "CREATE TABLE theirs.claims (user_id uuid REFERENCES public.vetassist_users @)",
            "ALTER TABLE theirs.t ADD FOREIGN KEY (id) REFERENCES public.vetassist_users @",
        ] {
            let error = mallory.batch_execute(&command.replace('@', action)).unwrap_err();
            assert_eq!(sqlstate(&error), "42501", "{command}: {error:?}");
        }
    }
    // The check shows a superuser's foreign key on a table of another owner.
    server
        .db
        .batch_execute("REVOKE ALL ON vetassist_users, vetassist_auth_audit FROM mallory; ALTER TABLE theirs.t ADD FOREIGN KEY (id) REFERENCES vetassist_users ON DELETE CASCADE")
        .unwrap();
    assert_eq!(column_of(&mut server.db, PROBLEMS), ["vetassist_users: referenced with an action"]);
    server.db.batch_execute("ALTER TABLE theirs.t OWNER TO postgres").unwrap();
    assert_eq!(column_of(&mut server.db, PROBLEMS), [""; 0]);
}

#[test]
fn objects_of_other_schemas_can_be_renamed() {
    let mut db = empty_database();
    db.batch_execute("CREATE SCHEMA \"Vet Data\"; CREATE EXTENSION vetassist SCHEMA \"Vet Data\"")
        .unwrap();
    db.batch_execute(
        "CREATE TABLE t (); ALTER TABLE t RENAME TO u; ALTER SCHEMA public RENAME TO other",
    )
    .unwrap();
    let error = db.batch_execute("ALTER SCHEMA \"Vet Data\" RENAME TO vet_data").unwrap_err();
    assert_eq!(sqlstate(&error), "0A000");
    assert_eq!(
        column_of(&mut db, "SELECT object FROM \"Vet Data\".vetassist_check_schema()"),
        [""; 0]
    );
}
