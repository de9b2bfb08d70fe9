//! The key ring of this backend: its source, when it is read again, and its place in memory.

mod command;
mod environment;
mod file;
mod forks;
#[allow(unsafe_code)] // the whole module is system calls
mod memory;
mod place;
mod text;

use core::cell::{Cell, RefCell};

use pgrx::{pg_guard, pg_sys};
use vetassist_core::{Nonce, NoncePool, RingSession};

pub(crate) use self::forks::forks;
use self::{place::Place, text::RingText};
use crate::{
    backend,
    errors::{bad_ring, config, log_to_server, Result},
    settings,
};

/// The source of a ring.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Source {
    File,
    Command,
    Environment,
}

impl Source {
    /// Returns the name that `vetassist_keys()` shows.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::File => "file",
            Self::Command => "command",
            Self::Environment => "environment",
        }
    }

    /// Returns the name for error messages.
    const fn place(self) -> &'static str {
        match self {
            Self::File => "key file",
            Self::Command => "output of the key command",
            Self::Environment => "environment variable VETASSIST_MASTER_KEY",
        }
    }
}

/// This process's ring.
struct Keyring {
    place: Place,
    source: Source,
    /// False if the system may write the memory to swap or core dumps, or copy it to child processes.
    is_protected: bool,
    /// The last time that the server's settings were read before the ring was.
    configured_at: pg_sys::TimestampTz,
}

thread_local! {
    static KEYRING: RefCell<Option<Keyring>> = const { RefCell::new(None) };
    /// The number of times that the ring was read.
    static READINGS: Cell<u64> = const { Cell::new(0) };
    /// The nonces for keys that are not in the ring.
    static NONCES: RefCell<NoncePool> = const { RefCell::new(NoncePool::new()) };
}

/// Registers the handlers for forks and for the process's end. It is called once, when the library is loaded.
#[allow(unsafe_code)]
pub(crate) fn init() {
    if let Err(error) = forks::count() {
        pgrx::error!("could not register a fork handler: {error}");
    }
    // SAFETY: the callback is guarded, and only drops values of this process. It does not use its argument.
    unsafe { pg_sys::on_proc_exit(Some(wipe), pg_sys::Datum::from(0)) };
}

/// Wipes the ring and the keys derived from it before the process ends.
#[allow(unsafe_code)]
#[pg_guard]
unsafe extern "C-unwind" fn wipe(_code: core::ffi::c_int, _argument: pg_sys::Datum) {
    // The process may end during a call that reads the ring. Then the cell is borrowed, and there is no ring yet.
    let _ = KEYRING.try_with(|keyring| keyring.try_borrow_mut().map(|mut keyring| keyring.take()));
}

/// Returns a nonce from this process's pool.
pub(crate) fn nonce() -> Result<Nonce> {
    Ok(NONCES.with_borrow_mut(|pool| pool.draw(forks()))?)
}

/// Calls `f` with the ring. It first reads the ring if the settings were read again after it. It is inlined, because it runs
/// for each token.
#[inline(always)]
pub(crate) fn with_ring<T>(f: impl FnOnce(&mut RingSession, Source) -> Result<T>) -> Result<T> {
    let configured_at = backend::configured_at();
    let changed = settings::take_changed();
    KEYRING.with_borrow_mut(|keyring| {
        let is_current = keyring.as_mut().is_some_and(|keyring| {
            !changed && keyring.configured_at == configured_at && keyring.place.get().is_some()
        });
        if !is_current {
            read(keyring, configured_at)?;
        }
        let Some(Keyring { place, source, .. }) = keyring else { unreachable!("it was read") };
        let Some(session) = place.get() else { unreachable!("it was read in this process") };
        f(session, *source)
    })
}

/// Returns how often this process has read the ring. The number identifies the ring that [`with_ring`] used last.
pub(crate) fn reading() -> u64 {
    READINGS.get()
}

/// Returns whether the system may write the ring of this process to swap or core dumps. False if no ring was read.
pub(crate) fn is_exposed() -> bool {
    KEYRING.with_borrow(|keyring| keyring.as_ref().is_some_and(|keyring| !keyring.is_protected))
}

/// Returns whether a key file is set and inside the data directory.
pub(crate) fn is_in_data_directory() -> Result<bool> {
    Ok(settings::master_key_file()?.is_some_and(|path| file::is_in_data_directory(&path)))
}

/// Wipes the ring, so that the next call reads it again.
pub(crate) fn forget() {
    KEYRING.with_borrow_mut(|keyring| {
        if let Some(keyring) = keyring {
            keyring.place.clear();
        }
    });
}

/// Reads the ring again. It wipes the old keys first: if the new ring is malformed, the call fails, as in a new backend.
#[cold]
fn read(keyring: &mut Option<Keyring>, configured_at: pg_sys::TimestampTz) -> Result<()> {
    let keyring = match keyring {
        Some(keyring) => keyring,
        None => {
            let place = Place::new().map_err(|error| {
                config(format!("there is no memory for the key ring: {error}"), "Try again.")
            })?;
            // If the system refuses, the memory is used without the protection.
            let protected = place.protect();
            if let Err(error) = &protected {
                log_to_server(format!(
                    "vetassist: the memory of the keys cannot be kept out of swap and core dumps: {error}"
                ));
            }
            let is_protected = protected.is_ok();
            let source = Source::Environment;
            keyring.insert(Keyring { place, source, is_protected, configured_at })
        }
    };
    keyring.place.clear();
    let (source, text) = read_source()?;
    keyring.place.read(text.as_bytes()).map_err(|error| {
        log_to_server(format!("vetassist: the {} is malformed: {error}", source.place()));
        bad_ring(source.place(), error)
    })?;
    READINGS.set(READINGS.get() + 1);
    keyring.source = source;
    keyring.configured_at = configured_at;
    Ok(())
}

fn read_source() -> Result<(Source, RingText)> {
    if let Some(path) = settings::master_key_file()? {
        return Ok((Source::File, file::read(&path)?));
    }
    if let Some(command) = settings::master_key_command()? {
        return Ok((Source::Command, command::run(&command)?));
    }
    if let Some(text) = environment::read()? {
        return Ok((Source::Environment, text));
    }
    Err(config(
        "no key ring is configured",
        "Set vetassist.master_key_file or vetassist.master_key_command, or start the server with VETASSIST_MASTER_KEY in its environment.",
    ))
}
