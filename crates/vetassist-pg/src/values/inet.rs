//! `inet`.

use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use pgrx::pg_sys;
use vetassist_core::AddressError;

use super::bytes::content;
use crate::errors::{Error, Result};

/// An `inet`. It may be the address of one host or of a network.
#[derive(Clone, Copy)]
pub(crate) struct Inet {
    datum: pg_sys::Datum,
    host: Option<IpAddr>,
}

argument!(Inet, Inet, "inet", INETOID, |datum| Inet::new(datum, content(datum)));

// PostgreSQL's own numbers for the address families. They may differ from those of the system.
const PGSQL_AF_INET: u8 = 2;
const PGSQL_AF_INET6: u8 = 3;

impl Inet {
    /// Reads the content: the family, the prefix length, then 4 or 16 bytes of address.
    fn new(datum: pg_sys::Datum, content: &[u8]) -> Self {
        let host = match content {
            [PGSQL_AF_INET, 32, address @ ..] => {
                address.first_chunk::<4>().map(|octets| Ipv4Addr::from(*octets).into())
            }
            [PGSQL_AF_INET6, 128, address @ ..] => {
                address.first_chunk::<16>().map(|octets| Ipv6Addr::from(*octets).into())
            }
            _ => None,
        };
        Self { datum, host }
    }

    fn into_raw(self) -> pg_sys::Datum {
        self.datum
    }

    /// Returns the address of the host, or an error if it is that of a network.
    pub(crate) fn host(self) -> Result<IpAddr> {
        self.host.ok_or_else(|| Error::from(AddressError))
    }
}
