//! The settings. None of them ever holds a key.
//!
//! Until the library is loaded, PostgreSQL knows only the name of a setting, and any role may give it any value. When the
//! library defines the setting, PostgreSQL checks only the value that was given last; an option of the connection comes
//! after the server's file. If PostgreSQL refuses that value, it sends a WARNING and uses the default of vetassist: the
//! server's value is lost. So every call that reads a setting whose value was refused raises an error, until the setting has
//! a valid value.

use core::{
    ffi::CStr,
    str::FromStr,
    sync::atomic::{AtomicBool, Ordering},
};
use std::ffi::CString;

use pgrx::{
    datum::Interval, guc::GucValue, pg_guard, pg_sys, GucContext, GucFlags, GucRegistry,
    GucSetting, PostgresGucEnum,
};

use crate::errors::{config, Result};

/// A setting with its name.
struct Setting<T: GucValue> {
    name: &'static CStr,
    value: GucSetting<T>,
}

static MASTER_KEY_FILE: Setting<Option<CString>> =
    Setting { name: c"vetassist.master_key_file", value: GucSetting::<Option<CString>>::new(None) };
static MASTER_KEY_COMMAND: Setting<Option<CString>> = Setting {
    name: c"vetassist.master_key_command",
    value: GucSetting::<Option<CString>>::new(None),
};
static IP_HASH: Setting<IpHashKind> = Setting {
    name: c"vetassist.ip_hash",
    value: GucSetting::<IpHashKind>::new(IpHashKind::sha256),
};
static AUDIT_MIN_RETENTION: Setting<Option<CString>> = Setting {
    name: c"vetassist.audit_min_retention",
    value: GucSetting::<Option<CString>>::new(Some(c"1 year")),
};
static AUDIT_OPENINGS: Setting<bool> =
    Setting { name: c"vetassist.audit_openings", value: GucSetting::<bool>::new(false) };
static REFRESH_PAUSED: Setting<bool> =
    Setting { name: c"vetassist.refresh_paused", value: GucSetting::<bool>::new(false) };
/// Read only by the script of the installation and by the comparison of the tables, not by this crate.
static ADOPT_FROM: Setting<Option<CString>> =
    Setting { name: c"vetassist.adopt_from", value: GucSetting::<Option<CString>>::new(None) };
static DROP_WITH_DATA: Setting<bool> =
    Setting { name: c"vetassist.drop_with_data", value: GucSetting::<bool>::new(false) };

/// The names of the settings whose value was refused. It is itself a setting, so that parallel workers have it too.
static REFUSED: Setting<Option<CString>> = Setting {
    name: c"vetassist.refused_settings",
    value: GucSetting::<Option<CString>>::new(None),
};

/// Set when one of the settings for the source of the ring was assigned.
static CHANGED: AtomicBool = AtomicBool::new(false);

/// The kind of hash that is stored for an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PostgresGucEnum)]
#[allow(non_camel_case_types)] // the names are the setting's values
pub(crate) enum IpHashKind {
    /// SHA-256 over the canonical text.
    sha256,
    /// HMAC under a key derived from the current master key.
    keyed,
}

impl<T: GucValue> Setting<T> {
    /// Returns the value in force, or an error if the given value was refused. All reads of a setting use this function.
    fn get(&'static self) -> Result<T> {
        if let Some(refused) = REFUSED.value.get() {
            let mut names = refused.to_bytes().split(|byte| *byte == b' ');
            if names.any(|name| name == self.name.to_bytes())
                && !is_given(self.name, Which::InForce)
            {
                return Err(config(
                    format!("the value given for {} was refused", self.name.to_string_lossy()),
                    "Remove it from the options of the connection, check that the server's configuration has a valid value, and connect again.",
                ));
            }
        }
        Ok(self.value.get())
    }

    /// Defines the setting. Adds it to `refused` if it had a value that PostgreSQL refuses.
    fn define(
        &'static self,
        refused: &mut Vec<&'static CStr>,
        define: impl FnOnce(&'static CStr, &'static GucSetting<T>),
    ) {
        let was_given = is_given(self.name, Which::Reset);
        define(self.name, &self.value);
        if was_given && !is_given(self.name, Which::Reset) {
            refused.push(self.name);
        }
    }
}

/// Selects one of a setting's values.
#[derive(Clone, Copy)]
enum Which {
    InForce,
    /// The value that RESET restores. SET does not change it.
    Reset,
}

/// Returns whether a setting was given a value, even if the value is the default.
fn is_given(name: &CStr, which: Which) -> bool {
    let Some(setting) = find(name) else { return false };
    let source = match which {
        Which::InForce => setting.source,
        Which::Reset => setting.reset_source,
    };
    source != pg_sys::GucSource::PGC_S_DEFAULT
}

/// Finds PostgreSQL's record of a setting. Upper and lower case of the name do not matter.
#[allow(unsafe_code)]
#[cfg(feature = "pg15")]
fn find(name: &CStr) -> Option<pg_sys::config_generic> {
    // SAFETY: this is PostgreSQL's own list, which has that many entries, none of them null. A name ends with a NUL.
    unsafe {
        let count = usize::try_from(pg_sys::GetNumConfigOptions()).unwrap_or(0);
        let settings = core::slice::from_raw_parts(pg_sys::get_guc_variables(), count);
        let mut settings = settings.iter().map(|setting| **setting);
        settings.find(|setting| {
            CStr::from_ptr(setting.name).to_bytes().eq_ignore_ascii_case(name.to_bytes())
        })
    }
}

/// Finds PostgreSQL's record of a setting. Upper and lower case of the name do not matter.
#[allow(unsafe_code)]
#[cfg(not(feature = "pg15"))]
fn find(name: &CStr) -> Option<pg_sys::config_generic> {
    // SAFETY: the name ends with a NUL. If there is no such setting, PostgreSQL returns null and raises no error.
    unsafe {
        pg_sys::find_option(name.as_ptr(), false, true, pgrx::PgLogLevel::ERROR as _)
            .as_ref()
            .copied()
    }
}

/// Defines the settings. It is called once, when the library is loaded.
#[allow(unsafe_code)]
pub(crate) fn define() {
    let mut refused = Vec::new();
    define_source(
        &MASTER_KEY_FILE,
        &mut refused,
        c"Sets the file that holds the key ring of vetassist.",
        c"Each line holds a key of 64 hexadecimal digits, the first line the current key. The file must belong to the server's user or to root and be closed to others.",
    );
    define_source(
        &MASTER_KEY_COMMAND,
        &mut refused,
        c"Sets the shell command that prints the key ring of vetassist.",
        c"It is used if vetassist.master_key_file is not set. It runs as ssl_passphrase_command does. Its output is never logged.",
    );
    IP_HASH.define(&mut refused, |name, value| {
        GucRegistry::define_enum_guc(
            name,
            c"Sets the hash that vetassist stores for an address.",
            c"sha256 is the SHA-256 of the address. keyed is the HMAC-SHA-256 of that hash, under a key derived from the current master key.",
            value,
            GucContext::Suset,
            GucFlags::empty(),
        );
    });
    AUDIT_MIN_RETENTION.define(&mut refused, |name, value| {
        GucRegistry::define_string_guc(
            name,
            c"Sets the shortest time for which vetassist keeps rows of the audit trail.",
            c"The value is an interval. vetassist_purge_audit() refuses to delete younger rows.",
            value,
            GucContext::Suset,
            GucFlags::empty(),
        );
    });
    AUDIT_OPENINGS.define(&mut refused, |name, value| {
        GucRegistry::define_bool_guc(
            name,
            c"Writes an event to the audit trail when a stored token is opened.",
            c"If it is on and no event can be written, as on a standby, functions that open a stored token raise an error.",
            value,
            GucContext::Suset,
            GucFlags::empty(),
        );
    });
    REFRESH_PAUSED.define(&mut refused, |name, value| {
        GucRegistry::define_bool_guc(
            name,
            c"Pauses the refresh of tokens: no lease is given.",
            c"Turn it on after a restore, when the stored refresh tokens may have been used already.",
            value,
            GucContext::Suset,
            GucFlags::empty(),
        );
    });
    ADOPT_FROM.define(&mut refused, |name, value| {
        GucRegistry::define_string_guc(
            name,
            c"Sets the role whose tables the installation of vetassist adopts.",
            c"The extension takes over the tables. The role keeps the rights that its backend needs until vetassist_revoke() takes them.",
            value,
            GucContext::Suset,
            GucFlags::empty(),
        );
    });
    DROP_WITH_DATA.define(&mut refused, |name, value| {
        GucRegistry::define_bool_guc(
            name,
            c"Allows the extension vetassist to be dropped while its tables have rows.",
            c"The tables are dropped together with their rows. vetassist_detach() keeps the tables.",
            value,
            // Any role that may drop the extension may confirm it with this setting.
            GucContext::Userset,
            GucFlags::empty(),
        );
    });
    define_refused(&refused);
    // Without this, PostgreSQL would silently accept misspelt names of settings.
    // SAFETY: the prefix is a NUL-terminated string that PostgreSQL copies.
    unsafe { pg_sys::MarkGUCPrefixReserved(c"vetassist".as_ptr()) };
}

/// Defines a setting for the source of the ring.
#[allow(unsafe_code)]
fn define_source(
    setting: &'static Setting<Option<CString>>,
    refused: &mut Vec<&'static CStr>,
    short: &'static CStr,
    long: &'static CStr,
) {
    let (context, flags) = (GucContext::Suset, GucFlags::SUPERUSER_ONLY);
    let changed = Some(source_changed as unsafe extern "C-unwind" fn(_, _));
    setting.define(refused, |name, value| {
        // SAFETY: the hook is guarded and only sets a flag.
        unsafe {
            GucRegistry::define_string_guc_with_hooks(
                name, short, long, value, context, flags, None, changed, None,
            );
        }
    });
}

/// Stores the names of the settings whose value was refused, in a setting that only a superuser can change.
#[allow(unsafe_code)]
fn define_refused(refused: &[&'static CStr]) {
    GucRegistry::define_string_guc(
        REFUSED.name,
        c"Shows the settings of vetassist whose value was refused when the library was loaded.",
        c"Functions that read one of these settings fail until it has a valid value.",
        &REFUSED.value,
        GucContext::Suset,
        GucFlags::NO_SHOW_ALL | GucFlags::NO_RESET_ALL | GucFlags::DISALLOW_IN_FILE,
    );
    let names: Vec<_> = refused.iter().map(|name| name.to_bytes()).collect();
    let names = CString::new(names.join(&b' ')).unwrap_or_default();
    if !names.is_empty() {
        let (context, source) = (pg_sys::GucContext::PGC_SUSET, pg_sys::GucSource::PGC_S_OVERRIDE);
        // SAFETY: both strings end with a NUL, and PostgreSQL copies them.
        unsafe {
            pg_sys::SetConfigOption(REFUSED.name.as_ptr(), names.as_ptr(), context, source);
        }
    }
}

#[allow(unsafe_code)]
#[pg_guard]
unsafe extern "C-unwind" fn source_changed(
    _value: *const core::ffi::c_char,
    _extra: *mut core::ffi::c_void,
) {
    CHANGED.store(true, Ordering::Relaxed);
}

/// Returns whether a setting for the source of the ring was assigned since the last call.
pub(crate) fn take_changed() -> bool {
    // The load comes first because it is cheap and the flag is seldom set. Only this process's one thread uses the flag.
    CHANGED.load(Ordering::Relaxed) && CHANGED.swap(false, Ordering::Relaxed)
}

/// Returns `vetassist.master_key_file`, unless it is not set or empty.
pub(crate) fn master_key_file() -> Result<Option<CString>> {
    Ok(MASTER_KEY_FILE.get()?.filter(|value| !value.is_empty()))
}

/// Returns `vetassist.master_key_command`, unless it is not set or empty.
pub(crate) fn master_key_command() -> Result<Option<CString>> {
    Ok(MASTER_KEY_COMMAND.get()?.filter(|value| !value.is_empty()))
}

/// Returns `vetassist.ip_hash`.
pub(crate) fn ip_hash() -> Result<IpHashKind> {
    IP_HASH.get()
}

/// Returns `vetassist.audit_min_retention`.
pub(crate) fn audit_min_retention() -> Result<Interval> {
    let value = AUDIT_MIN_RETENTION.get()?.unwrap_or_default();
    value.to_str().ok().and_then(|value| Interval::from_str(value).ok()).ok_or_else(|| {
        config(
            "vetassist.audit_min_retention is not an interval",
            "Set it to the shortest time for which rows of the audit trail are kept, such as 1 year.",
        )
    })
}

/// Returns `vetassist.audit_openings`.
pub(crate) fn audit_openings() -> Result<bool> {
    AUDIT_OPENINGS.get()
}

/// Returns `vetassist.refresh_paused`.
pub(crate) fn refresh_paused() -> Result<bool> {
    REFRESH_PAUSED.get()
}

/// Returns `vetassist.drop_with_data`.
pub(crate) fn drop_with_data() -> Result<bool> {
    DROP_WITH_DATA.get()
}
