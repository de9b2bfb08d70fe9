//! Hashes of addresses, plain and keyed.

use core::net::IpAddr;
use std::collections::BTreeSet;

use pgrx::{check_for_interrupts, pg_extern, pg_sys, spi::SpiClient};
use vetassist_core::{AddressError, IpHash, IpHashError, IpHashing};

use crate::{
    errors::{Error, Result, SqlResult},
    keyring::with_ring,
    settings::{self, IpHashKind},
    statements::{connected, run, Statements},
    values::{Inet, Text, TextResult},
};

/// Returns SHA-256 over the canonical text of an address, as 64 lower-case hexadecimal digits.
#[pg_extern(immutable, strict, parallel_safe, sql = false)]
fn vetassist_hash_ip(ip: Inet) -> SqlResult<TextResult> {
    Ok(text(IpHash::of(ip.host()?))?)
}

/// Returns the hash of an address under a key derived from the current master key.
#[pg_extern(stable, strict, parallel_safe, sql = false)]
fn vetassist_hash_ip_keyed(ip: Inet) -> SqlResult<TextResult> {
    Ok(text(keyed(&IpHash::of(ip.host()?))?)?)
}

/// Makes a keyed hash of a plain one.
#[pg_extern(stable, strict, parallel_safe, sql = false)]
fn vetassist_upgrade_ip_hash(plain_hash: Text<'_>) -> SqlResult<TextResult> {
    let plain = plain_hash.as_ascii().and_then(|hash| hash.parse().ok());
    let plain = plain.ok_or_else(|| Error::from(IpHashError))?;
    Ok(text(keyed(&plain)?)?)
}

/// Returns the hash of an address that is stored, plain or keyed. Registers a keyed hash.
#[pg_extern(volatile, strict, parallel_unsafe, sql = false)]
fn vetassist_stored_ip_hash(ip: Inet, fcinfo: pg_sys::FunctionCallInfo) -> SqlResult<TextResult> {
    let mut hasher = Hasher::default();
    let hash = hasher.hash(ip.host()?)?;
    connected(|client| hasher.register(Statements::of(fcinfo, client)?, client))?;
    Ok(text(hash)?)
}

/// Returns whether new hashes of addresses are keyed. Versions before 0.3.0 call it.
#[pg_extern(stable, strict, parallel_safe, sql = false)]
fn vetassist_hashes_are_keyed() -> SqlResult<bool> {
    Ok(settings::ip_hash()? == IpHashKind::keyed)
}

/// Returns the plain hash of an address that is written as text. Its error does not quote the text, as that of `inet` does.
/// Versions before 0.3.0 call it.
#[pg_extern(immutable, strict, parallel_safe, sql = false)]
fn vetassist_hash_ip_text(address: Text<'_>) -> SqlResult<TextResult> {
    let address = address.as_ascii().ok_or_else(|| Error::from(AddressError))?;
    Ok(text(IpHash::of_text(address).map_err(Error::from)?)?)
}

fn text(hash: IpHash) -> Result<TextResult> {
    TextResult::of(hash.as_str())
}

/// Makes a keyed hash of a plain one.
pub(super) fn keyed(plain: &IpHash) -> Result<IpHash> {
    with_ring(|session, _| Ok(session.upgrade_ip_hash(plain)))
}

/// Hashes addresses in the kind that `vetassist.ip_hash` selects.
#[derive(Default)]
pub(super) struct Hasher {
    /// The keyed hashes made so far.
    keyed: BTreeSet<IpHash>,
}

impl Hasher {
    /// Returns the hash of an address, and collects it if it is keyed.
    pub(super) fn hash(&mut self, address: IpAddr) -> Result<IpHash> {
        check_for_interrupts!();
        let stored = match settings::ip_hash()? {
            IpHashKind::sha256 => IpHashing::Sha256.hash(address),
            IpHashKind::keyed => {
                with_ring(|session, _| Ok(IpHashing::Keyed(session.ring()).hash(address)))?
            }
        };
        if stored.is_keyed {
            self.keyed.insert(stored.hash);
        }
        Ok(stored.hash)
    }

    /// Registers the keyed hashes. It inserts them in their order, so that two transactions at the same time do not
    /// deadlock.
    pub(super) fn register(
        self,
        statements: &Statements,
        client: &mut SpiClient<'_>,
    ) -> Result<()> {
        for hash in self.keyed {
            run(client, &statements.mark_keyed, &[hash.as_str().into()])?;
        }
        Ok(())
    }
}
