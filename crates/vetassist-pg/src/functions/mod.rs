//! The functions that SQL calls. Each topic has one file, with the name of its file in `sql/functions`.

mod accept_ring;
mod audit_guard;
mod audit_rows;
mod batches;
mod check;
mod definitions;
mod device_info;
mod drop_guard;
mod encryption;
mod event_data;
mod grants;
mod ip_hash;
mod ip_hash_upgrade;
mod keyring;
mod known_keys;
mod login;
mod operation_checks;
mod rotation;
mod schema;
mod session_active;
mod setting;
mod sign_everybody_out;
mod tokens;
mod version;

/// Initialises the modules that need it. It is called once, when the library is loaded.
pub(crate) fn init() {
    check::init();
    session_active::init();
}
