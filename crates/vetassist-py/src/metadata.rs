//! The rules for the metadata of events and the description of devices.

use core::{convert::Infallible, net::IpAddr};

use pyo3::prelude::*;
use vetassist_core::{
    device_info::hash_addresses,
    event_data::{check, check_event_type as check_type},
    IpHash,
};

use crate::{
    arguments::with_text,
    errors::{error, Refused},
    json::{from_python, to_python},
    master_key::Given,
};

/// Replaces the addresses in a device's description by hashes, by the rules of SQL.
///
/// An address is recognised by its value, in any member. A member that has the name of an address and is not one is
/// dropped. The hashes are keyed if a key or a ring is given, and plain otherwise.
#[pyfunction]
#[pyo3(signature = (device, master_key=None))]
pub(crate) fn hash_device<'py>(
    device: &Bound<'py, PyAny>,
    master_key: Option<&Bound<'py, PyAny>>,
) -> PyResult<Bound<'py, PyAny>> {
    let key = master_key.map(Given::of).transpose()?;
    let mut hash = |address: IpAddr| {
        let plain = IpHash::of(address);
        Ok::<_, Infallible>(key.as_ref().map_or(plain, |key| key.upgrade_ip_hash(&plain)))
    };
    let Ok(hashed) = hash_addresses(from_python(device, "device")?, &mut hash);
    to_python(device.py(), hashed)
}

/// Refuses metadata that contains something that looks like a secret, by the rules of `vetassist_log_event`.
#[pyfunction]
#[pyo3(signature = (event_data, /))]
pub(crate) fn check_event_data(event_data: &Bound<'_, PyAny>) -> PyResult<()> {
    let value = from_python(event_data, "event data")?;
    check(&value).map_err(|refusal| refusal.raised(event_data.py()))
}

/// Refuses the type of an event that is blank, too long, reserved, or looks like a secret.
#[pyfunction]
#[pyo3(signature = (event_type, /))]
pub(crate) fn check_event_type(event_type: &Bound<'_, PyAny>) -> PyResult<()> {
    with_text(event_type, "event_type", |text| {
        check_type(text).map_err(|refused| {
            error(event_type.py(), "ERR_INVALID_EVENT_TYPE", &refused.to_string())
        })
    })
}
