//! What `select.select` sees at its first look: who is ready already.
//!
//! It asks by poll(2), since select(2) refuses large descriptors.

use std::os::fd::RawFd;

use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyInt, PyList, PyTuple};

use crate::error::os_error;

/// What to ask of the members of each list, and which answers mean that one is ready.
const KINDS: [(i16, i16); 3] = [
    (libc::POLLIN, libc::POLLIN | libc::POLLHUP | libc::POLLERR),
    (libc::POLLOUT, libc::POLLOUT | libc::POLLERR),
    (libc::POLLPRI, libc::POLLPRI),
];

/// look(rlist, wlist, xlist)
///
/// The members of the three sequences that can be read now, that can be written, and that have out-of-band data, as
/// three lists. Raises OSError if one is not open, ValueError if its number is negative.
#[pyfunction]
pub fn look<'py>(
    rlist: &Bound<'py, PyAny>,
    wlist: &Bound<'py, PyAny>,
    xlist: &Bound<'py, PyAny>,
) -> PyResult<Bound<'py, PyTuple>> {
    let py = rlist.py();
    let mut items = Vec::new();
    let mut asked = Vec::new();
    let mut ends = [0; 3];
    for ((list, (question, _)), end) in [rlist, wlist, xlist].into_iter().zip(KINDS).zip(&mut ends)
    {
        for item in list.try_iter()? {
            let item = item?;
            asked.push((fileno(&item)?, question.cast_unsigned()));
            items.push(item);
        }
        *end = items.len();
    }
    let found = reactor::look(&asked).map_err(os_error)?;
    let invalid = libc::POLLNVAL.cast_unsigned();
    if found.iter().any(|found| found & invalid != 0) {
        return Err(os_error(std::io::Error::from_raw_os_error(libc::EBADF)));
    }
    let mut lists = Vec::with_capacity(3);
    let mut start = 0;
    for ((_, meaning), end) in KINDS.into_iter().zip(ends) {
        let is_ready = |index: &usize| found[*index] & meaning.cast_unsigned() != 0;
        let ready: Vec<_> = (start..end)
            .filter(is_ready)
            .map(|index| &items[index])
            .collect();
        lists.push(PyList::new(py, ready)?);
        start = end;
    }
    PyTuple::new(py, lists)
}

/// The descriptor that an object is, or has.
fn fileno(item: &Bound<'_, PyAny>) -> PyResult<RawFd> {
    let number = if item.is_instance_of::<PyInt>() {
        item.clone()
    } else {
        let method = item.getattr_opt(intern!(item.py(), "fileno"))?;
        let number = method.map(|method| method.call0()).transpose()?;
        number
            .filter(|number| number.is_instance_of::<PyInt>())
            .ok_or_else(|| {
                PyTypeError::new_err("argument must be an int, or have a fileno() method.")
            })?
    };
    let fd = number.extract()?;
    if fd < 0 {
        return Err(PyValueError::new_err(format!(
            "file descriptor cannot be a negative integer ({fd})"
        )));
    }
    Ok(fd)
}
