//! Reads the information that PostgreSQL passes with the call of a function.

use pgrx::pg_sys;

/// Returns the function that is called.
#[inline(always)]
pub(crate) fn function(fcinfo: pg_sys::FunctionCallInfo) -> pg_sys::Oid {
    // SAFETY: PostgreSQL passes the information of this call, including the function that it looked up.
    unsafe { (*(*fcinfo).flinfo).fn_oid }
}

/// Returns the context that a function is called in, if it has this tag.
pub(crate) fn context<'a, T>(
    fcinfo: pg_sys::FunctionCallInfo,
    tag: pg_sys::NodeTag,
) -> Option<&'a T> {
    // SAFETY: PostgreSQL passes the information of this call.
    node(unsafe { (*fcinfo).context }, tag)
}

/// Returns a node as the type of this tag, if the node has the tag. The node lives as long as the call.
pub(crate) fn node<'a, N, T>(node: *mut N, tag: pg_sys::NodeTag) -> Option<&'a T> {
    // SAFETY: every node begins with a tag, which gives its type; each caller passes the tag of the type that it asks for.
    unsafe {
        let found = node.cast::<pg_sys::Node>().as_ref()?;
        (found.type_ == tag).then(|| &*node.cast::<T>())
    }
}
