//! The functions that SQL calls, one file for each topic, named as the files of `sql/functions` are.

mod audit;
#[allow(unsafe_code)]
mod audit_guard;
#[allow(unsafe_code)]
mod batches;
#[allow(unsafe_code)]
mod check;
mod definitions;
mod device_info;
#[allow(unsafe_code)]
mod drop_guard;
mod encryption;
mod event_data;
#[allow(unsafe_code)]
mod grants;
mod ip_hash;
mod ip_hash_upgrade;
mod keyring;
#[allow(unsafe_code)]
mod login;
mod rotation;
#[allow(unsafe_code)]
mod schema;
#[allow(unsafe_code)]
mod session_active;
mod setting;
mod sign_everybody_out;
mod tokens;
mod version;

/// Called once, when the library is loaded.
pub(crate) fn init() {
    check::init();
    session_active::init();
}
