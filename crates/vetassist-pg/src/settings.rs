//! The settings. None of them ever holds a key.
//!
//! Until the library is loaded, PostgreSQL knows a setting by its name alone and takes any value from anybody. When it
//! is defined, PostgreSQL judges the value that was given last, a connection's option before the server's file, and
//! where that is refused it goes on with our default and a WARNING: the server's value is lost. So a setting whose
//! value was refused fails every call that asks for it, until it is given one that is allowed.

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
/// Read by the script of the installation alone, and by whoever compares the tables.
static ADOPT_FROM: Setting<Option<CString>> =
    Setting { name: c"vetassist.adopt_from", value: GucSetting::<Option<CString>>::new(None) };
static DROP_WITH_DATA: Setting<bool> =
    Setting { name: c"vetassist.drop_with_data", value: GucSetting::<bool>::new(false) };

/// The names of the settings whose value was refused. It is a setting itself, so that parallel workers have it too.
static REFUSED: Setting<Option<CString>> = Setting {
    name: c"vetassist.refused_settings",
    value: GucSetting::<Option<CString>>::new(None),
};

/// Set when a setting was assigned that says where the ring comes from.
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

impl<T: GucValue> Setting<T> {
    /// Returns the value that is in force. Nothing else reads a setting.
    fn get(&'static self) -> Result<T> {
        if let Some(refused) = REFUSED.value.get() {
            let mut names = refused.to_bytes().split(|byte| *byte == b' ');
            if names.any(|name| name == self.name.to_bytes())
                && !is_given(self.name, Which::InForce)
            {
                return Err(config(
                    format!("the value given for {} was refused", self.name.to_string_lossy()),
                    "Leave it out of the connection's options, see that the server's configuration has a valid value, and connect again.",
                ));
            }
        }
        Ok(self.value.get())
    }

    /// Defines it, and adds it to `refused` if it was given a value that PostgreSQL does not let pass.
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

/// Which of a setting's values.
#[derive(Clone, Copy)]
enum Which {
    InForce,
    /// The one that RESET returns to, which SET does not touch.
    Reset,
}

/// Returns whether anybody gave a setting a value.
fn is_given(name: &CStr, which: Which) -> bool {
    let Some(setting) = find(name) else { return false };
    let source = match which {
        Which::InForce => setting.source,
        Which::Reset => setting.reset_source,
    };
    source != pg_sys::GucSource::PGC_S_DEFAULT
}

/// Finds what PostgreSQL knows of a setting, by a name in any case.
#[allow(unsafe_code)]
#[cfg(feature = "pg15")]
fn find(name: &CStr) -> Option<pg_sys::config_generic> {
    // SAFETY: PostgreSQL's own list, with that many entries, none of them null. A name ends with a NUL.
    unsafe {
        let count = usize::try_from(pg_sys::GetNumConfigOptions()).unwrap_or(0);
        let settings = core::slice::from_raw_parts(pg_sys::get_guc_variables(), count);
        let mut settings = settings.iter().map(|setting| **setting);
        settings.find(|setting| {
            CStr::from_ptr(setting.name).to_bytes().eq_ignore_ascii_case(name.to_bytes())
        })
    }
}

/// Finds what PostgreSQL knows of a setting, by a name in any case.
#[allow(unsafe_code)]
#[cfg(not(feature = "pg15"))]
fn find(name: &CStr) -> Option<pg_sys::config_generic> {
    // SAFETY: the name ends with a NUL; null where there is no such setting, with an error for nobody.
    unsafe {
        pg_sys::find_option(name.as_ptr(), false, true, pgrx::PgLogLevel::ERROR as _)
            .as_ref()
            .copied()
    }
}

/// Defines the settings; called when the library is loaded.
#[allow(unsafe_code)]
pub(crate) fn define() {
    let mut refused = Vec::new();
    define_source(
        &MASTER_KEY_FILE,
        &mut refused,
        c"File that holds the key ring of vetassist.",
        c"One key of 64 hexadecimal digits a line, the current one first. The file must belong to the server's user or to root and be closed to others.",
    );
    define_source(
        &MASTER_KEY_COMMAND,
        &mut refused,
        c"Shell command that prints the key ring of vetassist.",
        c"Used when vetassist.master_key_file is not set. It runs as ssl_passphrase_command does; its output is never logged.",
    );
    IP_HASH.define(&mut refused, |name, value| {
        GucRegistry::define_enum_guc(
            name,
            c"Which hash of an address vetassist stores.",
            c"sha256 is SHA-256 over the address, keyed is HMAC-SHA-256 over that under a key derived from the current master key.",
            value,
            GucContext::Suset,
            GucFlags::empty(),
        );
    });
    AUDIT_MIN_RETENTION.define(&mut refused, |name, value| {
        GucRegistry::define_string_guc(
            name,
            c"How long rows of the audit trail of vetassist are kept at least.",
            c"An interval. vetassist_purge_audit() refuses to delete what is younger.",
            value,
            GucContext::Suset,
            GucFlags::empty(),
        );
    });
    AUDIT_OPENINGS.define(&mut refused, |name, value| {
        GucRegistry::define_bool_guc(
            name,
            c"Whether the opening of a stored token is an event of the audit trail.",
            c"What opens one is then refused where no event can be written.",
            value,
            GucContext::Suset,
            GucFlags::empty(),
        );
    });
    REFRESH_PAUSED.define(&mut refused, |name, value| {
        GucRegistry::define_bool_guc(
            name,
            c"Whether no token is handed out to be refreshed.",
            c"For the time after a restore, when the stored refresh tokens may have been used before.",
            value,
            GucContext::Suset,
            GucFlags::empty(),
        );
    });
    ADOPT_FROM.define(&mut refused, |name, value| {
        GucRegistry::define_string_guc(
            name,
            c"Role whose tables the installation of vetassist adopts.",
            c"They become the extension's, and the role keeps what its backend needs until vetassist_revoke() takes it.",
            value,
            GucContext::Suset,
            GucFlags::empty(),
        );
    });
    DROP_WITH_DATA.define(&mut refused, |name, value| {
        GucRegistry::define_bool_guc(
            name,
            c"Whether the extension may be dropped while its tables have rows.",
            c"Its tables and all that is in them go with it. vetassist_detach() makes them stay.",
            value,
            // Whoever may drop the extension may also say that he means it.
            GucContext::Userset,
            GucFlags::empty(),
        );
    });
    define_refused(&refused);
    // Names that nobody defined would otherwise be accepted in silence, misspelt ones among them.
    // SAFETY: the prefix is a NUL-terminated string that Postgres copies.
    unsafe { pg_sys::MarkGUCPrefixReserved(c"vetassist".as_ptr()) };
}

/// Defines a setting that says where the ring comes from.
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
        // SAFETY: the hook is guarded and does nothing but raise a flag.
        unsafe {
            GucRegistry::define_string_guc_with_hooks(
                name, short, long, value, context, flags, None, changed, None,
            );
        }
    });
}

/// Writes down which settings were given what was refused. Only a superuser could change it.
#[allow(unsafe_code)]
fn define_refused(refused: &[&'static CStr]) {
    GucRegistry::define_string_guc(
        REFUSED.name,
        c"Settings of vetassist whose value was refused when the library was loaded.",
        c"What depends on them fails until they are set to a valid value.",
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

/// Returns whether such a setting was assigned since the last call.
pub(crate) fn take_changed() -> bool {
    // A load and, rarely, a store: the flag is only ever touched by this process's one thread.
    CHANGED.load(Ordering::Relaxed) && CHANGED.swap(false, Ordering::Relaxed)
}

/// `vetassist.master_key_file`, if it is set to something.
pub(crate) fn master_key_file() -> Result<Option<CString>> {
    Ok(MASTER_KEY_FILE.get()?.filter(|value| !value.is_empty()))
}

/// `vetassist.master_key_command`, if it is set to something.
pub(crate) fn master_key_command() -> Result<Option<CString>> {
    Ok(MASTER_KEY_COMMAND.get()?.filter(|value| !value.is_empty()))
}

/// `vetassist.ip_hash`.
pub(crate) fn ip_hash() -> Result<IpHashKind> {
    IP_HASH.get()
}

/// `vetassist.audit_min_retention`.
pub(crate) fn audit_min_retention() -> Result<Interval> {
    let value = AUDIT_MIN_RETENTION.get()?.unwrap_or_default();
    value.to_str().ok().and_then(|value| Interval::from_str(value).ok()).ok_or_else(|| {
        config(
            "vetassist.audit_min_retention is no interval",
            "Set it to how long the audit trail is kept at least, such as 1 year.",
        )
    })
}

/// `vetassist.audit_openings`.
pub(crate) fn audit_openings() -> Result<bool> {
    AUDIT_OPENINGS.get()
}

/// `vetassist.refresh_paused`.
pub(crate) fn refresh_paused() -> Result<bool> {
    REFRESH_PAUSED.get()
}

/// `vetassist.drop_with_data`.
pub(crate) fn drop_with_data() -> Result<bool> {
    DROP_WITH_DATA.get()
}
