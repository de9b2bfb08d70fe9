//! What is done with the rights of the tables' owner, whoever calls.

use pgrx::pg_sys;

/// Runs something with the rights of a role, as PostgreSQL checks foreign keys: row security hides nothing from it.
pub(crate) fn as_role<T>(role: pg_sys::Oid, f: impl FnOnce() -> T) -> T {
    let _role = Role::assume(role);
    f()
}

/// The caller, until the rights are his again.
struct Role {
    caller: pg_sys::Oid,
    context: i32,
}

impl Role {
    fn assume(role: pg_sys::Oid) -> Self {
        let (mut caller, mut context) = (pg_sys::Oid::INVALID, 0);
        let more = pg_sys::SECURITY_LOCAL_USERID_CHANGE | pg_sys::SECURITY_NOFORCE_RLS;
        // SAFETY: reads and sets variables of this process. What ends by an error is put back as below, or by PostgreSQL at
        // the end of the transaction.
        unsafe {
            pg_sys::GetUserIdAndSecContext(&raw mut caller, &raw mut context);
            pg_sys::SetUserIdAndSecContext(role, context | more.cast_signed());
        }
        Self { caller, context }
    }
}

impl Drop for Role {
    fn drop(&mut self) {
        // SAFETY: what they were.
        unsafe { pg_sys::SetUserIdAndSecContext(self.caller, self.context) };
    }
}
