//! Reads what PostgreSQL says of the call of a function.

use pgrx::pg_sys;

/// Returns the function that is called.
#[inline(always)]
pub(crate) fn function(fcinfo: pg_sys::FunctionCallInfo) -> pg_sys::Oid {
    // SAFETY: PostgreSQL passes the call's own information, with what it looked up of the function.
    unsafe { (*(*fcinfo).flinfo).fn_oid }
}

/// Returns what a function is called by, if that has this tag.
pub(crate) fn context<'a, T>(
    fcinfo: pg_sys::FunctionCallInfo,
    tag: pg_sys::NodeTag,
) -> Option<&'a T> {
    // SAFETY: PostgreSQL passes the call's own information.
    node(unsafe { (*fcinfo).context }, tag)
}

/// Returns a node as the type that has this tag, if it has it. It lives as long as the call.
pub(crate) fn node<'a, N, T>(node: *mut N, tag: pg_sys::NodeTag) -> Option<&'a T> {
    // SAFETY: every node begins with its tag, which says what it is; each caller asks for the type of its tag.
    unsafe {
        let found = node.cast::<pg_sys::Node>().as_ref()?;
        (found.type_ == tag).then(|| &*node.cast::<T>())
    }
}
