//! `inet`.

use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use pgrx::{
    callconv::{Arg, ArgAbi},
    impl_sql_translatable,
};
use vetassist_core::AddressError;

use super::bytes::Bytes;
use crate::errors::{Explain, Outcome};

/// An `inet` argument: the address of one host, or of something else.
pub(crate) struct InetArg(Option<IpAddr>);

impl_sql_translatable!(InetArg, arg_only = "inet");

// PostgreSQL's own numbers for the families, whatever the system's are.
const PGSQL_AF_INET: u8 = 2;
const PGSQL_AF_INET6: u8 = 3;

// SAFETY: an inet is a varlena: family, prefix length, then 4 or 16 bytes of address.
unsafe impl<'fcx> ArgAbi<'fcx> for InetArg {
    unsafe fn unbox_arg_unchecked(arg: Arg<'_, 'fcx>) -> Self {
        // SAFETY: as above, and the function is strict.
        Self(match unsafe { Bytes::unbox_arg_unchecked(arg) }.0 {
            [PGSQL_AF_INET, 32, address @ ..] => {
                address.first_chunk::<4>().map(|octets| Ipv4Addr::from(*octets).into())
            }
            [PGSQL_AF_INET6, 128, address @ ..] => {
                address.first_chunk::<16>().map(|octets| Ipv6Addr::from(*octets).into())
            }
            _ => None,
        })
    }
}

impl InetArg {
    /// The address, if it is one host's.
    pub(crate) fn host(self) -> Outcome<IpAddr> {
        self.0.ok_or(AddressError).explain()
    }
}
