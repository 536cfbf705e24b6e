//! Under the GIL: a cell that only attached threads enter, a reference that is dropped at once,
//! and calls of Python in which a thread may end.
//!
//! Once the interpreter is ending, CPython up to 3.13 lets a thread that runs Python end on the
//! spot, by unwinding its stack. Rust's frames can't be unwound so, and the process would abort
//! for a daemon thread that had greenlets. [`call`] keeps the Rust below it out of sight of that
//! unwinding. (A thread that comes back from PyO3's `detach` then is hung by PyO3.)

#![expect(unsafe_code, reason = "the Sync promise of GilCell; reference counts")]

use std::cell::{Ref as CellRef, RefCell, RefMut};
use std::ffi::CStr;
use std::ptr::NonNull;
use std::sync::atomic::{AtomicU64, Ordering};

use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyTuple};

/// Interior mutability for frozen classes: a `RefCell` that asks for the GIL token.
///
/// Never keep a borrow across a switch or a call that may run Python; dropping a reference may
/// run a finalizer, so take values out and drop them after the borrow. A breach is a panic, not
/// a data race.
#[derive(Default)]
pub struct GilCell<T>(RefCell<T>);

// SAFETY: every access takes a `Python` token, which only the one thread that holds the GIL has,
// and the borrow cannot outlive that token. Free-threaded builds are refused at build time.
unsafe impl<T: Send> Sync for GilCell<T> {}

impl<T> GilCell<T> {
    pub const fn new(value: T) -> Self {
        Self(RefCell::new(value))
    }

    /// A look without a token, for the garbage collector's traversal, which holds the GIL but
    /// may not use it.
    pub fn inspect<R>(&self, look: impl FnOnce(&T) -> R) -> R {
        look(&self.0.borrow())
    }

    #[inline]
    pub fn borrow<'a>(&'a self, _py: Python<'a>) -> CellRef<'a, T> {
        self.0.borrow()
    }

    #[inline]
    pub fn borrow_mut<'a>(&'a self, _py: Python<'a>) -> RefMut<'a, T> {
        self.0.borrow_mut()
    }

    /// None instead of a panic, for a way that is tried first and must stay short: code that may panic is in its way.
    #[inline]
    pub fn try_borrow_mut<'a>(&'a self, _py: Python<'a>) -> Option<RefMut<'a, T>> {
        self.0.try_borrow_mut().ok()
    }
}

/// How often a hub has let go of the GIL so far: a hint for a thread that is about to ask for it.
static RELEASES: AtomicU64 = AtomicU64::new(0);

pub fn releases() -> u64 {
    RELEASES.load(Ordering::Relaxed)
}

/// What a hub does without the GIL; `releases` tells that it has let go of it.
pub fn release<T: Send>(py: Python<'_>, body: impl FnOnce() -> T + Send) -> T {
    py.detach(|| {
        RELEASES.fetch_add(1, Ordering::Relaxed);
        body()
    })
}

/// `callable(*args, **kwargs)`: what long-running Python is called with (see the module's head).
pub fn call<'py>(
    callable: &Bound<'py, PyAny>,
    args: &Bound<'py, PyTuple>,
    kwargs: Option<&Bound<'py, PyDict>>,
) -> PyResult<Bound<'py, PyAny>> {
    let kwargs = kwargs.map_or(std::ptr::null_mut(), Bound::as_ptr);
    // SAFETY: all three are alive and of the types that `call_raw` asks for.
    unsafe {
        let result = call_raw(callable.as_ptr(), args.as_ptr(), kwargs);
        Bound::from_owned_ptr_or_err(callable.py(), result)
    }
}

/// `callable()`, likewise.
pub fn call_without_arguments<'py>(callable: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
    let arguments = [callable.as_ptr().expose_provenance(), 0, 0];
    // SAFETY: PyObject_CallNoArgs takes the first of these, which is alive, and returns a pointer.
    unsafe {
        let result = coro::call_as_outermost(ffi::PyObject_CallNoArgs as *const (), arguments);
        let result = std::ptr::with_exposed_provenance_mut(result);
        Bound::from_owned_ptr_or_err(callable.py(), result)
    }
}

/// The module of that name, likewise: who imports one that another thread is importing waits for that.
pub fn import<'py>(py: Python<'py>, name: &CStr) -> PyResult<Bound<'py, PyAny>> {
    let arguments = [name.as_ptr().expose_provenance(), 0, 0];
    // SAFETY: PyImport_ImportModule takes the first of these, a C string, and returns a pointer.
    unsafe {
        let result = coro::call_as_outermost(ffi::PyImport_ImportModule as *const (), arguments);
        let result = std::ptr::with_exposed_provenance_mut(result);
        Bound::from_owned_ptr_or_err(py, result)
    }
}

/// As [`call`], for bare pointers; null comes with an exception set.
///
/// # Safety
/// The GIL is held; `callable` is alive, `args` a tuple, and `kwargs` a dict or null.
#[inline]
pub unsafe fn call_raw(
    callable: *mut ffi::PyObject,
    args: *mut ffi::PyObject,
    kwargs: *mut ffi::PyObject,
) -> *mut ffi::PyObject {
    let arguments = [callable, args, kwargs].map(<*mut ffi::PyObject>::expose_provenance);
    // SAFETY: PyObject_Call takes these three and returns a pointer.
    let result = unsafe { coro::call_as_outermost(ffi::PyObject_Call as *const (), arguments) };
    std::ptr::with_exposed_provenance_mut(result)
}

/// A reference more to an argument, of which the interpreter gives up its own as soon as the method returns.
///
/// CPython 3.12 and 3.13 count up in 32 bits and down in 64. A processor hands the value of a store on to a load of the
/// same bytes, but not to a wider one: that waits until the store has reached the cache, which is longer than a short
/// method takes. So what is stored here is the 64 bits that will be loaded, with the value that they have anyway.
#[inline(always)]
pub fn keep<'py>(argument: &Bound<'py, PyAny>) -> Bound<'py, PyAny> {
    #[cfg(all(Py_3_12, not(Py_3_14), not(py_sys_config = "Py_REF_DEBUG")))]
    {
        let object = argument.as_ptr();
        // SAFETY: the object is alive, its count is ours to change under the GIL, and the reference counted here is
        // the one that is returned. Volatile, so that the halves are not loaded as one, which would wait for a store.
        unsafe {
            let count = &raw mut (*object).ob_refcnt;
            let halves = count.cast::<[u32; 2]>().cast::<u32>();
            let low = halves.read_volatile().wrapping_add(1);
            if low != 0 {
                let high = u64::from(halves.add(1).read_volatile());
                count
                    .cast::<u64>()
                    .write_volatile((high << 32) | u64::from(low));
            }
            Bound::from_owned_ptr(argument.py(), object)
        }
    }
    #[cfg(not(all(Py_3_12, not(Py_3_14), not(py_sys_config = "Py_REF_DEBUG"))))]
    argument.clone()
}

/// An owned reference whose drop decrements at once.
///
/// `Py<T>` defers the decrement when PyO3 did not count this thread as attached, which is so in
/// slots and methods that CPython calls directly. A greenlet that nobody refers to must die
/// *now*, so what greenlets and wait queues hold is a `Ref`.
pub struct Ref(NonNull<ffi::PyObject>);

// SAFETY: as for `Py<T>`: the pointer may travel, it is only used by a thread that holds the GIL.
unsafe impl Send for Ref {}
// SAFETY: as above.
unsafe impl Sync for Ref {}

impl Ref {
    /// Takes over one reference; None for null.
    ///
    /// # Safety
    /// `object` is null or carries a reference that the caller gives up.
    pub unsafe fn from_owned(object: *mut ffi::PyObject) -> Option<Self> {
        NonNull::new(object).map(Self)
    }

    /// A new reference to an object that is borrowed from someone; None for null.
    ///
    /// # Safety
    /// `object` is null or a live object, and the GIL is held.
    pub unsafe fn from_borrowed(object: *mut ffi::PyObject) -> Option<Self> {
        // SAFETY: by contract it is null or alive.
        unsafe { ffi::Py_XINCREF(object) };
        NonNull::new(object).map(Self)
    }

    #[inline]
    pub fn as_ptr(&self) -> *mut ffi::PyObject {
        self.0.as_ptr()
    }

    /// Gives the reference to the caller.
    pub fn into_ptr(self) -> *mut ffi::PyObject {
        let pointer = self.0.as_ptr();
        std::mem::forget(self);
        pointer
    }

    /// The same reference in PyO3's type.
    pub fn into_bound(self, py: Python<'_>) -> Bound<'_, PyAny> {
        // SAFETY: the reference is given up to the Bound.
        unsafe { Bound::from_owned_ptr(py, self.into_ptr()) }
    }

    #[inline]
    pub fn bind<'a, 'py>(&'a self, py: Python<'py>) -> &'a Bound<'py, PyAny> {
        let _ = py;
        // SAFETY: Ref and Bound<PyAny> are both one non-null owned pointer (Bound's token has no
        // size), and the borrow keeps the reference alive.
        unsafe { &*(std::ptr::from_ref(self).cast::<Bound<'py, PyAny>>()) }
    }

    /// The same reference in PyO3's type, to be looked at.
    pub fn as_py(&self) -> &Py<PyAny> {
        // SAFETY: Ref and Py<PyAny> are both one non-null owned pointer.
        unsafe { &*std::ptr::from_ref(self).cast::<Py<PyAny>>() }
    }

    pub fn clone_ref(&self, _py: Python<'_>) -> Self {
        // SAFETY: self keeps the object alive; the token says that the GIL is held.
        unsafe { ffi::Py_INCREF(self.0.as_ptr()) };
        Self(self.0)
    }
}

impl<T> From<Bound<'_, T>> for Ref {
    fn from(object: Bound<'_, T>) -> Self {
        let pointer = object.into_ptr();
        // SAFETY: into_ptr gives one reference to a live, so non-null, object.
        Self(unsafe { NonNull::new_unchecked(pointer) })
    }
}

impl<T> From<Py<T>> for Ref {
    fn from(object: Py<T>) -> Self {
        let pointer = object.into_ptr();
        // SAFETY: as above.
        Self(unsafe { NonNull::new_unchecked(pointer) })
    }
}

impl Drop for Ref {
    #[inline]
    fn drop(&mut self) {
        // SAFETY: we own one reference; Refs are only dropped by threads that hold the GIL,
        // because all that own them (greenlets, queues, loops) are Python objects.
        unsafe { ffi::Py_DECREF(self.0.as_ptr()) };
    }
}

/// A place for an object that may be empty, read as a borrowed pointer and changed through `&`.
#[derive(Default)]
pub struct Slot(std::cell::Cell<Option<Ref>>);

impl Slot {
    pub const fn empty() -> Self {
        Self(std::cell::Cell::new(None))
    }

    pub const fn of(object: Ref) -> Self {
        Self(std::cell::Cell::new(Some(object)))
    }

    /// The object, borrowed from this slot; null when empty.
    #[inline]
    pub fn as_ptr(&self) -> *mut ffi::PyObject {
        // SAFETY: nobody else touches the cell meanwhile: Slot is not Sync, and only a pointer
        // leaves this function.
        match unsafe { &*self.0.as_ptr() } {
            Some(object) => object.as_ptr(),
            None => std::ptr::null_mut(),
        }
    }

    pub fn is_empty(&self) -> bool {
        self.as_ptr().is_null()
    }

    /// A new reference to the object.
    pub fn get<'py>(&self, py: Python<'py>) -> Option<Bound<'py, PyAny>> {
        // SAFETY: what the slot holds is alive, and the token says that the GIL is held.
        unsafe { Bound::from_borrowed_ptr_or_opt(py, self.as_ptr()) }
    }

    /// Puts `object` in and gives the old one back, to be dropped when the caller is consistent.
    #[must_use = "dropping the old object may run Python: decide where"]
    pub fn replace(&self, object: Option<Ref>) -> Option<Ref> {
        self.0.replace(object)
    }

    pub fn take(&self) -> Option<Ref> {
        self.0.take()
    }
}
