//! The settings. None of them ever holds a key.

use core::sync::atomic::{AtomicBool, Ordering};
use std::ffi::CString;

use pgrx::{pg_guard, pg_sys, GucContext, GucFlags, GucRegistry, GucSetting, PostgresGucEnum};

static MASTER_KEY_FILE: GucSetting<Option<CString>> = GucSetting::<Option<CString>>::new(None);
static MASTER_KEY_COMMAND: GucSetting<Option<CString>> = GucSetting::<Option<CString>>::new(None);
static IP_HASH: GucSetting<IpHashKind> = GucSetting::<IpHashKind>::new(IpHashKind::sha256);

static DROP_WITH_DATA: GucSetting<bool> = GucSetting::<bool>::new(false);

/// Whether where the ring comes from may have changed since it was last asked.
static CHANGED: AtomicBool = AtomicBool::new(false);

/// Which hash of an address is stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PostgresGucEnum)]
#[allow(non_camel_case_types)] // the names are the setting's values
pub(crate) enum IpHashKind {
    /// SHA-256 over the canonical text.
    sha256,
    /// HMAC under a key derived from the current master key.
    keyed,
}

/// Defines the settings; called when the library is loaded.
pub(crate) fn define() {
    let flags = GucFlags::SUPERUSER_ONLY;
    // SAFETY: the hook is guarded and does nothing but raise a flag.
    unsafe {
        GucRegistry::define_string_guc_with_hooks(
            c"vetassist.master_key_file",
            c"File that holds the key ring of vetassist.",
            c"One key of 64 hexadecimal digits a line, the current one first. The file must belong to the server's user or to root and be closed to others.",
            &MASTER_KEY_FILE,
            GucContext::Suset,
            flags,
            None,
            Some(source_changed),
            None,
        );
    }
    // SAFETY: as above.
    unsafe {
        GucRegistry::define_string_guc_with_hooks(
            c"vetassist.master_key_command",
            c"Shell command that prints the key ring of vetassist.",
            c"Used when vetassist.master_key_file is not set. It runs as ssl_passphrase_command does; its output is never logged.",
            &MASTER_KEY_COMMAND,
            GucContext::Suset,
            flags,
            None,
            Some(source_changed),
            None,
        );
    }
    GucRegistry::define_enum_guc(
        c"vetassist.ip_hash",
        c"Which hash of an address vetassist stores.",
        c"sha256 is SHA-256 over the address, keyed is HMAC-SHA-256 over that under a key derived from the current master key.",
        &IP_HASH,
        GucContext::Suset,
        GucFlags::empty(),
    );
    GucRegistry::define_bool_guc(
        c"vetassist.drop_with_data",
        c"Whether the extension may be dropped while its tables have rows.",
        c"Its tables and all that is in them go with it. vetassist_detach() makes them stay.",
        &DROP_WITH_DATA,
        // Whoever may drop the extension may also say that he means it.
        GucContext::Userset,
        GucFlags::empty(),
    );
    // Names that nobody defined would otherwise be accepted in silence, misspelt ones among them.
    // SAFETY: the prefix is a NUL-terminated string that Postgres copies.
    unsafe { pg_sys::MarkGUCPrefixReserved(c"vetassist".as_ptr()) };
}

#[pg_guard]
unsafe extern "C-unwind" fn source_changed(
    _value: *const core::ffi::c_char,
    _extra: *mut core::ffi::c_void,
) {
    CHANGED.store(true, Ordering::Relaxed);
}

/// Whether a setting was assigned since the last call.
pub(crate) fn take_changed() -> bool {
    // A load and, rarely, a store: the flag is only ever touched by this process's one thread.
    CHANGED.load(Ordering::Relaxed) && CHANGED.swap(false, Ordering::Relaxed)
}

/// `vetassist.master_key_file`, if it is set to something.
pub(crate) fn master_key_file() -> Option<CString> {
    MASTER_KEY_FILE.get().filter(|value| !value.is_empty())
}

/// `vetassist.master_key_command`, if it is set to something.
pub(crate) fn master_key_command() -> Option<CString> {
    MASTER_KEY_COMMAND.get().filter(|value| !value.is_empty())
}

/// `vetassist.ip_hash`.
pub(crate) fn ip_hash() -> IpHashKind {
    IP_HASH.get()
}

/// `vetassist.drop_with_data`.
pub(crate) fn drop_with_data() -> bool {
    DROP_WITH_DATA.get()
}
