//! Runs code with the rights of the tables' owner, no matter which role calls.

use pgrx::{pg_sys, spi::SpiClient};

use crate::{errors::Result, statements::one};

/// Returns the owner of the extension's tables.
pub(crate) fn owner_of_tables(client: &SpiClient<'_>) -> Result<pg_sys::Oid> {
    found(
        client,
        "SELECT c.relowner FROM pg_catalog.pg_class c WHERE c.oid OPERATOR(pg_catalog.=) tables.users",
    )
}

/// Returns the caller if it is a superuser, otherwise the owner of the extension's tables. If the table of users does not
/// belong to the extension any more, it is the role that the installation created.
pub(crate) fn owner_or_superuser(client: &SpiClient<'_>) -> Result<pg_sys::Oid> {
    found(
        client,
        "SELECT coalesce((SELECT r.oid FROM pg_catalog.pg_roles r WHERE r.rolname OPERATOR(pg_catalog.=) current_user AND r.rolsuper),
                         (SELECT c.relowner FROM pg_catalog.pg_class c WHERE c.oid OPERATOR(pg_catalog.=) tables.users),
                         (SELECT r.oid FROM pg_catalog.pg_roles r WHERE r.rolname OPERATOR(pg_catalog.=) 'vetassist_owner'))",
    )
}

/// Returns the role that a query selects. In the query, `tables.users` is the table of users. Operators have their schema,
/// because functions without a search_path of their own call this too.
fn found(client: &SpiClient<'_>, role: &str) -> Result<pg_sys::Oid> {
    let query = format!(
        "SELECT ({role})
         FROM (SELECT (
               SELECT c.oid
               FROM pg_catalog.pg_extension e
               JOIN pg_catalog.pg_depend d
                 ON d.refclassid OPERATOR(pg_catalog.=) 'pg_catalog.pg_extension'::pg_catalog.regclass
                AND d.refobjid OPERATOR(pg_catalog.=) e.oid AND d.deptype OPERATOR(pg_catalog.=) 'e'
               JOIN pg_catalog.pg_class c
                 ON d.classid OPERATOR(pg_catalog.=) 'pg_catalog.pg_class'::pg_catalog.regclass
                AND c.oid OPERATOR(pg_catalog.=) d.objid AND c.relname OPERATOR(pg_catalog.=) 'vetassist_users'
               WHERE e.extname OPERATOR(pg_catalog.=) 'vetassist')) AS tables (users)"
    );
    one(client.select(&query, Some(1), &[]).and_then(|rows| rows.first().get_one()))
}

/// Runs `f` with the rights of a role, in the way in which PostgreSQL checks foreign keys: row security hides no rows.
pub(crate) fn as_role<T>(role: pg_sys::Oid, f: impl FnOnce() -> T) -> T {
    let _role = Role::assume(role);
    f()
}

/// The caller and its security context. Dropping the value restores both.
struct Role {
    caller: pg_sys::Oid,
    context: i32,
}

impl Role {
    fn assume(role: pg_sys::Oid) -> Self {
        let more = pg_sys::SECURITY_LOCAL_USERID_CHANGE | pg_sys::SECURITY_NOFORCE_RLS;
        let (caller, context) = exchange(role, |context| context | more.cast_signed());
        Self { caller, context }
    }
}

impl Drop for Role {
    fn drop(&mut self) {
        exchange(self.caller, |_| self.context);
    }
}

/// Sets the current user and the security context, and returns the former values.
#[allow(unsafe_code)]
fn exchange(user: pg_sys::Oid, context: impl FnOnce(i32) -> i32) -> (pg_sys::Oid, i32) {
    let (mut old_user, mut old_context) = (pg_sys::Oid::INVALID, 0);
    // SAFETY: this reads and sets variables of this process. If an error occurs in the meantime, the unwinding panic resets
    // them, and so does PostgreSQL at the end of the transaction.
    unsafe {
        pg_sys::GetUserIdAndSecContext(&raw mut old_user, &raw mut old_context);
        pg_sys::SetUserIdAndSecContext(user, context(old_context));
    }
    (old_user, old_context)
}
