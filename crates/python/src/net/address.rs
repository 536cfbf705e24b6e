//! Socket addresses as Python writes them, for the families that servers use.
//!
//! Internet addresses that are numbers, and paths, are translated here. Names need a resolver, and
//! rarer families are left to the standard library: for both, the answer here is None.

use std::ffi::OsStr;
use std::net::{IpAddr, Ipv6Addr, SocketAddrV4, SocketAddrV6};
use std::os::unix::ffi::OsStrExt;

use pyo3::IntoPyObjectExt;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyString, PyTuple};
use rustix::net::addr::SocketAddrArg;
use rustix::net::{AddressFamily, SocketAddrAny, SocketAddrUnix};

/// The address as Python writes it: `(host, port)`, `(host, port, flowinfo, scope_id)`, a path, or
/// bytes for an abstract name. None for other families.
pub fn to_python<'py>(
    py: Python<'py>,
    address: &SocketAddrAny,
) -> PyResult<Option<Bound<'py, PyAny>>> {
    if let Ok(v4) = SocketAddrV4::try_from(address.clone()) {
        return (v4.ip().to_string(), v4.port())
            .into_bound_py_any(py)
            .map(Some);
    }
    if let Ok(v6) = SocketAddrV6::try_from(address.clone()) {
        let host = host6(v6.ip());
        let flow = u32::from_be(v6.flowinfo());
        return (host, v6.port(), flow, v6.scope_id())
            .into_bound_py_any(py)
            .map(Some);
    }
    match SocketAddrUnix::try_from(address.clone()) {
        Ok(unix) => unix_to_python(py, &unix).map(Some),
        Err(_) => Ok(None),
    }
}

fn unix_to_python<'py>(py: Python<'py>, address: &SocketAddrUnix) -> PyResult<Bound<'py, PyAny>> {
    if let Some(name) = address.abstract_name().filter(|name| !name.is_empty()) {
        let name: Vec<u8> = std::iter::once(0).chain(name.iter().copied()).collect();
        return Ok(PyBytes::new(py, &name).into_any());
    }
    match address.path() {
        Some(path) => OsStr::from_bytes(path.to_bytes()).into_bound_py_any(py),
        None => Ok(PyString::new(py, "").into_any()),
    }
}

/// The text of inet_ntop, which writes the last four bytes of `::a.b.c.d` as IPv4 does.
fn host6(ip: &Ipv6Addr) -> String {
    match ip.segments() {
        [0, 0, 0, 0, 0, 0, high, low] if high != 0 => {
            let [a, b] = high.to_be_bytes();
            let [c, d] = low.to_be_bytes();
            format!("::{a}.{b}.{c}.{d}")
        }
        _ => ip.to_string(),
    }
}

/// The internet address that Python means, if it needs no resolver and is well-formed. What is not
/// is for the caller to resolve, or to hand to the standard library for its error.
pub fn from_python(
    family: AddressFamily,
    address: &Bound<'_, PyAny>,
) -> Option<impl SocketAddrArg + use<>> {
    let parts = address.cast::<PyTuple>().ok()?;
    let host = parts.get_item(0).ok()?;
    let ip: IpAddr = host.cast::<PyString>().ok()?.to_str().ok()?.parse().ok()?;
    let port: u16 = parts.get_item(1).ok()?.extract().ok()?;
    match (ip, family, parts.len()) {
        (IpAddr::V4(ip), AddressFamily::INET, 2) => {
            Some(SocketAddrAny::from(SocketAddrV4::new(ip, port)))
        }
        (IpAddr::V6(ip), AddressFamily::INET6, 2..=4) => {
            let number = |index| match parts.get_item(index) {
                Ok(item) => item.extract::<u32>().ok(),
                Err(_) => Some(0),
            };
            let flow = number(2).filter(|flow| *flow <= 0xf_ffff)?;
            let scope = number(3)?;
            Some(SocketAddrAny::from(SocketAddrV6::new(
                ip,
                port,
                flow.to_be(),
                scope,
            )))
        }
        _ => None,
    }
}
