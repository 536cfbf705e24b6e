//! `_FreshRefs`: weak references to things of which most are gone before anybody asks for them.

use std::ffi::CStr;

use pyo3::exceptions::PyTypeError;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyType, PyWeakrefReference};

use crate::fast_method::{self, FastMethod};
use crate::gil::{GilCell, Ref};
use crate::greenlet::method::Args;

/// So many may wait: then the subclass is asked to take them all.
const MOST: usize = 64;

/// Additions to a set that a subclass keeps. It takes them by `_pop_fresh()` before it looks at the set, and when its
/// `_settle()` is called, since many have come. A reference that nobody asks for costs little: it tells of no end.
#[pyclass(frozen, subclass, name = "_FreshRefs", module = "verdigris.threading")]
#[derive(Default)]
pub struct FreshRefs {
    /// They refer weakly, so there is nothing here for the garbage collector.
    refs: GilCell<Vec<Ref>>,
}

#[pymethods]
impl FreshRefs {
    #[new]
    #[pyo3(signature = (data = None))]
    fn new(data: Option<&Bound<'_, PyAny>>) -> Self {
        let _ = data;
        Self::default()
    }

    /// Gives a subclass an `add` of its own, which CPython can call the short way.
    #[classmethod]
    fn __init_subclass__(cls: &Bound<'_, PyType>) -> PyResult<()> {
        cls.setattr("add", fast_method::descriptor::<Add>(cls)?)
    }

    /// The weak reference that was added last, or None.
    fn _pop_fresh<'py>(&self, py: Python<'py>) -> Option<Bound<'py, PyAny>> {
        let last = self.refs.borrow_mut(py).pop()?;
        Some(last.bind(py).clone())
    }
}

impl FreshRefs {
    /// Forgets what has gone; returns how many are left.
    fn forget_dead(&self, py: Python<'_>) -> usize {
        let all = std::mem::take(&mut *self.refs.borrow_mut(py));
        let (living, dead): (Vec<Ref>, Vec<Ref>) = all.into_iter().partition(|reference| {
            let reference = reference.bind(py).cast::<PyWeakrefReference>();
            reference.is_ok_and(|reference| reference.upgrade().is_some())
        });
        let left = living.len();
        *self.refs.borrow_mut(py) = living;
        drop(dead);
        left
    }
}

/// Gives the class `add`, which is called for each thread.
pub fn register(py: Python<'_>) -> PyResult<()> {
    fast_method::add::<Add>(py)
}

struct Add;

impl FastMethod for Add {
    type Class = FreshRefs;
    const NAME: &'static CStr = c"add";
    const DOC: &'static CStr = c"add($self, item, /)\n--\n\nAdds item, weakly.\n\nRaises:\n    TypeError: it cannot be referred to weakly, or has no hash.";

    fn call<'py>(slf: &Bound<'py, FreshRefs>, args: Args<'py>) -> PyResult<Bound<'py, PyAny>> {
        let py = slf.py();
        let item = args
            .single()
            .ok_or_else(|| PyTypeError::new_err("add() takes exactly one argument"))?;
        item.hash()?;
        let reference = PyWeakrefReference::new(&item)?.into_any();
        let count = {
            let mut refs = slf.get().refs.borrow_mut(py);
            refs.push(reference.into());
            refs.len()
        };
        if count > MOST && slf.get().forget_dead(py) > MOST / 2 {
            slf.call_method0(intern!(py, "_settle"))?;
        }
        Ok(py.None().into_bound(py))
    }
}
