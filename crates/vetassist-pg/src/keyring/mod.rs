//! This backend's key ring: where it comes from, when it is read again, and the keys derived from it.

use core::{
    cell::RefCell,
    sync::atomic::{AtomicU64, Ordering},
};

use pgrx::{pg_guard, pg_sys};
use vetassist_core::{KeyRing, Nonce, NoncePool, UserRing, Uuid};

use self::memory::{below, in_secret, wipe_stack, SecretText};
use crate::{
    errors::{bad_ring, config, log_to_server, Explain, Outcome},
    settings,
};

mod command;
mod environment;
mod file;
mod memory;

/// How much of the stack reading a ring takes, and making keys of it, with room to spare.
const LOADING_STACK: usize = 32 << 10;
/// How much of it deriving a user's key takes, with room to spare.
const DERIVING_STACK: usize = 4 << 10;

/// Where a ring came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Source {
    File,
    Command,
    Environment,
}

impl Source {
    /// As `vetassist_keys()` shows it.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::File => "file",
            Self::Command => "command",
            Self::Environment => "environment",
        }
    }

    const fn place(self) -> &'static str {
        match self {
            Self::File => "key file",
            Self::Command => "output of the key command",
            Self::Environment => "environment variable VETASSIST_MASTER_KEY",
        }
    }
}

/// A ring that was read.
pub(crate) struct Loaded {
    pub(crate) ring: KeyRing,
    pub(crate) source: Source,
    /// When the server's settings had last been read.
    configured_at: pg_sys::TimestampTz,
    /// The keys of the user asked for last: rows of one user often come in a row.
    user: Option<UserRing>,
    /// How many keys were derived for the users before.
    derived: usize,
}

impl Loaded {
    /// How many keys were derived for all users so far.
    fn derived(&self) -> usize {
        self.derived + self.user.as_ref().map_or(0, UserRing::derived)
    }

    /// This user's keys.
    pub(crate) fn user(&mut self, user_id: Uuid) -> &mut UserRing {
        if self.user.as_ref().is_none_or(|user| user.user_id() != user_id) {
            self.derived = self.derived();
            self.user = Some(self.ring.user(user_id));
        }
        // Just filled if it was empty or another's.
        self.user.get_or_insert_with(|| self.ring.user(user_id))
    }
}

thread_local! {
    static LOADED: RefCell<Option<Loaded>> = const { RefCell::new(None) };
    static NONCES: RefCell<NoncePool> = const { RefCell::new(NoncePool::new()) };
}

/// Counts the forks between the process that loaded the library and this one, so that a child never
/// uses a nonce that its parent drew.
static FORKS: AtomicU64 = AtomicU64::new(0);

extern "C" fn forked() {
    FORKS.fetch_add(1, Ordering::Relaxed);
}

/// Called once, when the library is loaded.
pub(crate) fn init() {
    // SAFETY: the handler only adds to an atomic number, and PostgreSQL never unloads a library.
    let registered = unsafe { libc::pthread_atfork(None, None, Some(forked)) };
    if registered != 0 {
        pgrx::error!("could not register a fork handler");
    }
    // SAFETY: the callback is guarded and takes no argument.
    unsafe { pg_sys::on_proc_exit(Some(wipe), pg_sys::Datum::from(0)) };
}

/// Drops, and so wipes, the ring and what was derived from it before the process ends.
#[pg_guard]
unsafe extern "C-unwind" fn wipe(_code: core::ffi::c_int, _argument: pg_sys::Datum) {
    // The process may be ending in the middle of a call that holds the ring.
    let _ = LOADED.try_with(|loaded| loaded.try_borrow_mut().map(|mut loaded| loaded.take()));
    wipe_stack::<LOADING_STACK>();
}

/// A nonce, from this process's pool. Inlined, as [`with_ring`] is: both are on the way of each token.
#[inline(always)]
pub(crate) fn nonce() -> Outcome<Nonce> {
    NONCES.with_borrow_mut(|pool| pool.draw(FORKS.load(Ordering::Relaxed))).explain()
}

/// Calls `f` with the ring, reading it first where it was not read since the settings last were.
#[inline(always)]
pub(crate) fn with_ring<T>(f: impl FnOnce(&mut Loaded) -> Outcome<T>) -> Outcome<T> {
    // SAFETY: a variable of this process, written when it reads its settings.
    let configured_at = unsafe { pg_sys::PgReloadTime };
    let changed = settings::take_changed();
    in_secret(|| {
        LOADED.with_borrow_mut(|loaded| {
            let current =
                matches!(loaded, Some(ring) if !changed && ring.configured_at == configured_at);
            if !current {
                // The old keys go first: if the new ones are broken, the call fails, as it would in a
                // new backend.
                *loaded = None;
                let read = below(|| load(configured_at));
                wipe_stack::<LOADING_STACK>();
                *loaded = Some(read?);
            }
            let Some(loaded) = loaded else { unreachable!("loaded just now") };
            let before = loaded.derived();
            let outcome = below(|| f(loaded));
            if loaded.derived() != before {
                wipe_stack::<DERIVING_STACK>();
            }
            outcome
        })
    })
}

/// Forgets the ring, so that the next call reads it.
pub(crate) fn forget() {
    LOADED.with_borrow_mut(|loaded| *loaded = None);
}

fn load(configured_at: pg_sys::TimestampTz) -> Outcome<Loaded> {
    let (source, mut text) = read_source()?;
    let ring = KeyRing::parse(text.as_bytes()).map_err(|error| {
        log_to_server(format!("vetassist: the {} is malformed: {error}", source.place()));
        bad_ring(source.place(), error)
    })?;
    Ok(Loaded { ring, source, configured_at, user: None, derived: 0 })
}

fn read_source() -> Outcome<(Source, SecretText)> {
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
