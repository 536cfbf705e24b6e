//! Where Python's memory and descriptors meet the kernel: buffers as slices, received bytes as
//! `bytes`, numbers as owned descriptors.
//!
//! Received bytes take one of two roads. A short message lands in a scratch buffer of the thread and
//! is copied into a `bytes` of its own size: programs ask for 64 KiB and get 64 bytes, and a copy of
//! 64 bytes is cheaper than making and shrinking a large object. A long one is received straight
//! into a `bytes` of the size asked for, which is then shrunk. No buffer exists while a greenlet
//! waits.

#![expect(
    unsafe_code,
    reason = "Py_buffer and unfinished bytes as slices; descriptors that Python gives as numbers"
)]

use std::cell::RefCell;
use std::mem::MaybeUninit;
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, IntoRawFd, OwnedFd, RawFd};
use std::{ptr, slice};

use pyo3::exceptions::{PyMemoryError, PyTypeError};
use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::types::PyBytes;
use rustix::io::Errno;
use rustix::net::{RecvFlags, recv};

/// A contiguous buffer of a Python object, held until this is dropped.
///
/// The object cannot resize or free the memory meanwhile, but other greenlets may write to it while
/// the holder waits. So a slice is only lent to one closure at a time.
pub struct Buffer {
    view: Box<ffi::Py_buffer>,
}

impl Buffer {
    /// Memory to send from. Raises `TypeError` if `object` has none, `BufferError` if it is not
    /// contiguous.
    pub fn readable(object: &Bound<'_, PyAny>) -> PyResult<Self> {
        Self::get(object, ffi::PyBUF_SIMPLE)
    }

    /// Memory to receive into. Raises `TypeError` also if it is read-only.
    pub fn writable(object: &Bound<'_, PyAny>) -> PyResult<Self> {
        Self::get(object, ffi::PyBUF_WRITABLE).map_err(|_| {
            let kind = object.get_type();
            PyTypeError::new_err(format!(
                "a read-write bytes-like object is required, not {kind}"
            ))
        })
    }

    fn get(object: &Bound<'_, PyAny>, flags: std::ffi::c_int) -> PyResult<Self> {
        let mut view = Box::new(ffi::Py_buffer::new());
        // SAFETY: the object is alive and the GIL held, both by Bound; the view is ours to fill, and
        // its address, which an exporter may remember, does not change before the release.
        let status = unsafe { ffi::PyObject_GetBuffer(object.as_ptr(), &raw mut *view, flags) };
        if status == -1 {
            // The view was not filled: there is nothing to release.
            return Err(PyErr::fetch(object.py()));
        }
        Ok(Self { view })
    }

    pub fn len(&self) -> usize {
        self.view.len.unsigned_abs()
    }

    /// Lends the bytes to `body`, which must not run Python.
    pub fn with<R>(&self, _py: Python<'_>, body: impl FnOnce(&[u8]) -> R) -> R {
        if self.len() == 0 {
            return body(&[]);
        }
        // SAFETY: the export keeps `len` bytes at `buf` in place; the GIL is held and `body` runs
        // no Python, so that nobody writes to them while they are lent.
        body(unsafe { slice::from_raw_parts(self.view.buf.cast::<u8>(), self.len()) })
    }

    /// Lends the first `length` bytes (at most all) to `body`, to be written; it must not run Python.
    pub fn with_mut<R>(
        &mut self,
        _py: Python<'_>,
        length: usize,
        body: impl FnOnce(&mut [u8]) -> R,
    ) -> R {
        let length = length.min(self.len());
        if length == 0 {
            return body(&mut []);
        }
        debug_assert_eq!(self.view.readonly, 0);
        // SAFETY: as in `with`; PyBUF_WRITABLE was asked for, and nobody else reads or writes
        // because nobody else has the GIL.
        body(unsafe { slice::from_raw_parts_mut(self.view.buf.cast::<u8>(), length) })
    }
}

impl Drop for Buffer {
    fn drop(&mut self) {
        // SAFETY: the view was filled by PyObject_GetBuffer and is released once. Buffers live on
        // the stack of a method of a socket, which holds the GIL when it unwinds.
        unsafe { ffi::PyBuffer_Release(&raw mut *self.view) };
    }
}

/// Why nothing was received.
pub enum Refusal {
    Kernel(Errno),
    Python(PyErr),
}

impl From<Errno> for Refusal {
    fn from(errno: Errno) -> Self {
        Self::Kernel(errno)
    }
}

/// Receives at most `size` bytes as a `bytes`. `long` says that a long message is likely.
pub fn receive<'py>(
    py: Python<'py>,
    fd: BorrowedFd<'_>,
    size: usize,
    flags: RecvFlags,
    long: bool,
) -> Result<Bound<'py, PyBytes>, Refusal> {
    if long || size > SCRATCH {
        return receive_in_place(py, fd, size, flags);
    }
    SCRATCH_BUFFER.with_borrow_mut(|scratch| {
        let room = &mut scratch.spare_capacity_mut()[..size];
        let (received, _) = recv(fd, room, flags)?.0;
        Ok(PyBytes::new(py, received))
    })
}

fn receive_in_place<'py>(
    py: Python<'py>,
    fd: BorrowedFd<'_>,
    size: usize,
    flags: RecvFlags,
) -> Result<Bound<'py, PyBytes>, Refusal> {
    let length =
        ffi::Py_ssize_t::try_from(size).map_err(|_| Refusal::Python(PyMemoryError::new_err(())))?;
    // SAFETY: a null source asks for an object whose bytes are not set; the GIL is held.
    let mut object = unsafe { ffi::PyBytes_FromStringAndSize(ptr::null(), length) };
    if object.is_null() {
        return Err(Refusal::Python(PyErr::fetch(py)));
    }
    // SAFETY: `object` is a bytes object, made above.
    let start = unsafe { ffi::PyBytes_AsString(object) };
    // SAFETY: `size` bytes begin at `start`; the object is new, so nobody else knows them. They are
    // not initialised, and MaybeUninit says so.
    let room = unsafe { slice::from_raw_parts_mut(start.cast::<MaybeUninit<u8>>(), size) };
    let received = match recv(fd, room, flags) {
        Ok(((received, _), _)) => received.len(),
        Err(errno) => {
            // SAFETY: the one reference to the object is ours, and ends here.
            unsafe { ffi::Py_DECREF(object) };
            return Err(errno.into());
        }
    };
    // SAFETY: the object has one reference and no hash yet, as a resize demands; on failure it sets
    // `object` to null. `received` <= `size`, which fitted.
    let status = unsafe { _PyBytes_Resize(&raw mut object, received.cast_signed()) };
    if status == -1 {
        return Err(Refusal::Python(PyErr::fetch(py)));
    }
    // SAFETY: `object` is a bytes object of which we own the one reference.
    let bytes = unsafe { Bound::from_owned_ptr(py, object).cast_into_unchecked() };
    Ok(bytes)
}

/// Takes over a descriptor that Python gives as a number. It must be open: the caller has asked the
/// kernel about it.
pub fn adopt(fd: RawFd) -> OwnedFd {
    debug_assert!(fd >= 0);
    // SAFETY: not negative. That nobody else closes it is what the Python program promises when it
    // gives a number away; if it breaks the promise, the kernel says EBADF: no memory is at stake.
    unsafe { OwnedFd::from_raw_fd(fd) }
}

/// Lends a descriptor that Python gives as a number, for one question to the kernel.
pub fn with_descriptor<R>(fd: RawFd, question: impl FnOnce(BorrowedFd<'_>) -> R) -> R {
    debug_assert!(fd >= 0);
    // SAFETY: not negative; the borrow ends with `question`. A number that is not open gets EBADF.
    question(unsafe { BorrowedFd::borrow_raw(fd) })
}

/// Lends memory of the thread to receive into; `body` must not wait or run Python.
pub fn with_scratch<R>(body: impl FnOnce(&mut [MaybeUninit<u8>]) -> R) -> R {
    SCRATCH_BUFFER.with_borrow_mut(|scratch| body(scratch.spare_capacity_mut()))
}

/// Closes a descriptor and says what went wrong, which dropping it would not.
pub fn close(fd: OwnedFd) -> Result<(), Errno> {
    let fd = fd.into_raw_fd();
    // SAFETY: the number was owned and is given up here.
    match unsafe { libc::close(fd) } {
        0 => Ok(()),
        _ => Err(last_error()),
    }
}

unsafe extern "C" {
    /// Public in CPython's C API, missing from pyo3-ffi: shrinks a bytes object that nobody else
    /// knows, or frees it, sets the pointer to null and returns -1.
    fn _PyBytes_Resize(object: *mut *mut ffi::PyObject, size: ffi::Py_ssize_t) -> std::ffi::c_int;
}

/// Sets an option of a socket to a number.
pub fn set_option(fd: BorrowedFd<'_>, level: i32, option: i32, value: i32) -> Result<(), Errno> {
    let (data, size) = ((&raw const value).cast(), size_of_val(&value));
    // SAFETY: `data` is as many bytes of `value` as the size says, and the kernel only reads them.
    match unsafe { libc::setsockopt(fd.as_raw_fd(), level, option, data, size as libc::socklen_t) }
    {
        0 => Ok(()),
        _ => Err(last_error()),
    }
}

fn last_error() -> Errno {
    Errno::from_io_error(&std::io::Error::last_os_error()).unwrap_or(Errno::IO)
}

/// More than this is always received in place: what programs commonly ask for.
pub const SCRATCH: usize = 65536;

thread_local! {
    static SCRATCH_BUFFER: RefCell<Vec<u8>> = RefCell::new(Vec::with_capacity(SCRATCH));
}
