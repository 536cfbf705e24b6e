//! `local`: an object whose attributes each greenlet has for itself.
//!
//! A `local` keeps one dict for each greenlet that has touched it, and looks attributes up as
//! any object does, with the dict of the running greenlet in place of its own. The dicts are
//! found by the address of the greenlet; the one used last is kept at hand. A greenlet's values
//! go when it has ended (a gevent greenlet, which can be asked to tell) or when it is freed (a
//! raw one, or one whose hub was destroyed, which never told): `Forget` is called then. So no
//! greenlet finds the values of another that had its address.

use std::collections::HashMap;

use pyo3::exceptions::{PyAttributeError, PyTypeError};
use pyo3::gc::{PyTraverseError, PyVisit};
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyDict, PyString, PyTuple, PyType, PyWeakrefMethods, PyWeakrefReference};

use super::current::{current_greenlet, current_id};
use crate::gil::GilCell;
use crate::greenlet::local_dict;

#[derive(Default)]
struct Dicts {
    by_greenlet: HashMap<usize, Entry>,
    /// The entry used last.
    recent: Option<(usize, Py<PyDict>)>,
}

struct Entry {
    dict: Py<PyDict>,
    /// Weak: values must not keep a greenlet alive. Its callback is `forget`.
    greenlet: Py<PyWeakrefReference>,
    forget: Py<Forget>,
}

/// An object whose attributes are different in each greenlet.
///
/// A subclass's `__init__` runs again, with the same arguments, in each greenlet that uses the
/// object. Its `__slots__` and class attributes are shared by all greenlets.
#[pyclass(frozen, subclass, weakref, name = "local", module = "verdigris.local")]
pub struct Local {
    dicts: GilCell<Dicts>,
    args: Py<PyTuple>,
    kwargs: Option<Py<PyDict>>,
    /// Who made the object, and runs `__init__` anyway: its dict needs no other run.
    creator: GilCell<Option<Py<PyWeakrefReference>>>,
}

/// Forgets the values of a greenlet: called when it ends, or by its weak reference.
#[pyclass(frozen, weakref, module = "verdigris.local")]
struct Forget {
    local: Py<PyWeakrefReference>,
    greenlet: usize,
}

#[pymethods]
impl Forget {
    fn __call__(&self, py: Python<'_>, source: &Bound<'_, PyAny>) {
        let _ = source;
        if let Some(local) = self.local.bind(py).upgrade_as::<Local>().ok().flatten() {
            local.get().forget(py, self.greenlet);
        }
    }
}

impl Local {
    /// The dict of the running greenlet, made and initialised when there is none yet.
    #[inline]
    fn dict<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyDict>> {
        let (py, local) = (slf.py(), slf.get());
        let current = current_id(py)?;
        if let Some((greenlet, dict)) = &local.dicts.borrow(py).recent
            && *greenlet == current
        {
            return Ok(dict.bind(py).clone());
        }
        local
            .known_dict(py, current)
            .map_or_else(|| Self::initialised_dict(slf), Ok)
    }

    fn known_dict<'py>(&self, py: Python<'py>, greenlet: usize) -> Option<Bound<'py, PyDict>> {
        let (dict, replaced) = {
            let mut dicts = self.dicts.borrow_mut(py);
            let dict = dicts.by_greenlet.get(&greenlet)?.dict.clone_ref(py);
            let replaced = dicts.recent.replace((greenlet, dict.clone_ref(py)));
            (dict, replaced)
        };
        drop(replaced);
        Some(dict.into_bound(py))
    }

    #[cold]
    fn initialised_dict<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyDict>> {
        let (py, local) = (slf.py(), slf.get());
        let greenlet = current_greenlet(py)?;
        let is_creator = local.take_creator(&greenlet);
        let dict = Self::create_dict(slf, &greenlet)?;
        let init = slf.get_type().getattr(intern!(py, "__init__"))?;
        if is_creator || init.is(object_init(py)?) {
            return Ok(dict);
        }
        let args = local.args.bind(py).to_list();
        args.insert(0, slf)?;
        let kwargs = local.kwargs.as_ref().map(|kwargs| kwargs.bind(py));
        if let Err(error) = init.call(args.to_tuple(), kwargs) {
            // The next access shall try again rather than find half of the attributes.
            local.forget(py, greenlet.as_ptr().addr());
            return Err(error);
        }
        Ok(dict)
    }

    /// Whether `greenlet` made the object and has no dict yet; true once.
    fn take_creator(&self, greenlet: &Bound<'_, PyAny>) -> bool {
        let py = greenlet.py();
        let creator = self
            .creator
            .borrow(py)
            .as_ref()
            .map(|creator| creator.clone_ref(py));
        let is_creator = creator
            .and_then(|creator| creator.bind(py).upgrade())
            .is_some_and(|creator| creator.is(greenlet));
        if is_creator {
            let creator = self.creator.borrow_mut(py).take();
            drop(creator);
        }
        is_creator
    }

    /// A new dict for a greenlet.
    fn create_dict<'py>(
        slf: &Bound<'py, Self>,
        greenlet: &Bound<'py, PyAny>,
    ) -> PyResult<Bound<'py, PyDict>> {
        let (py, local) = (slf.py(), slf.get());
        let (id, dict) = (greenlet.as_ptr().addr(), PyDict::new(py));
        let weak_self = PyWeakrefReference::new(slf.as_any())?.unbind();
        let forget = Bound::new(
            py,
            Forget {
                local: weak_self,
                greenlet: id,
            },
        )?;
        let weak = PyWeakrefReference::new_with(greenlet, &forget)?;
        if let Some(rawlink) = greenlet.getattr_opt(intern!(py, "rawlink"))? {
            rawlink.call1((&forget,))?;
        }
        let entry = Entry {
            dict: dict.clone().unbind(),
            greenlet: weak.unbind(),
            forget: forget.unbind(),
        };
        let old = {
            let mut dicts = local.dicts.borrow_mut(py);
            (dicts.by_greenlet.insert(id, entry), dicts.recent.take())
        };
        drop(old);
        Ok(dict)
    }

    fn forget(&self, py: Python<'_>, greenlet: usize) {
        let forgotten = {
            let mut dicts = self.dicts.borrow_mut(py);
            let recent = dicts.recent.take_if(|(recent, _)| *recent == greenlet);
            (dicts.by_greenlet.remove(&greenlet), recent)
        };
        drop(forgotten);
    }

    /// Forgets all values, and has the greenlets forget us.
    fn forget_all(&self, py: Python<'_>) {
        let dicts = std::mem::take(&mut *self.dicts.borrow_mut(py));
        for entry in dicts.by_greenlet.values() {
            let greenlet = entry.greenlet.bind(py).upgrade();
            let unlink = greenlet
                .and_then(|greenlet| greenlet.getattr_opt(intern!(py, "unlink")).ok().flatten());
            if let Some(unlink) = unlink
                && let Err(error) = unlink.call1((&entry.forget,))
            {
                error.write_unraisable(py, Some(&unlink));
            }
        }
    }
}

impl Drop for Local {
    fn drop(&mut self) {
        Python::try_attach(|py| self.forget_all(py));
    }
}

#[pymethods]
impl Local {
    #[new]
    #[classmethod]
    #[pyo3(signature = (*args, **kwargs))]
    fn new(
        cls: &Bound<'_, PyType>,
        args: Bound<'_, PyTuple>,
        kwargs: Option<Bound<'_, PyDict>>,
    ) -> PyResult<Self> {
        let py = cls.py();
        let given = !args.is_empty() || kwargs.as_ref().is_some_and(|kwargs| !kwargs.is_empty());
        if given && cls.getattr(intern!(py, "__init__"))?.is(object_init(py)?) {
            return Err(PyTypeError::new_err(
                "Initialization arguments are not supported",
            ));
        }
        Ok(Self {
            dicts: GilCell::default(),
            args: args.unbind(),
            kwargs: kwargs.map(Bound::unbind),
            creator: GilCell::new(Some(
                PyWeakrefReference::new(&current_greenlet(py)?)?.unbind(),
            )),
        })
    }

    fn __getattribute__<'py>(
        slf: &Bound<'py, Self>,
        name: &Bound<'py, PyString>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let dict = Self::dict(slf)?;
        if is_dict(name) {
            return Ok(dict.into_any());
        }
        local_dict::getattr(slf.as_any(), name, &dict)
    }

    fn __setattr__(
        slf: &Bound<'_, Self>,
        name: &Bound<'_, PyString>,
        value: &Bound<'_, PyAny>,
    ) -> PyResult<()> {
        if is_dict(name) {
            return Err(read_only(slf));
        }
        local_dict::setattr(slf.as_any(), name, Some(value), &Self::dict(slf)?)
    }

    fn __delattr__(slf: &Bound<'_, Self>, name: &Bound<'_, PyString>) -> PyResult<()> {
        if is_dict(name) {
            return Err(read_only(slf));
        }
        local_dict::setattr(slf.as_any(), name, None, &Self::dict(slf)?)
    }

    /// A new object of this class, with a copy of the running greenlet's attributes.
    fn __copy__<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>> {
        let (py, local) = (slf.py(), slf.get());
        let values = Self::dict(slf)?.copy()?;
        let kwargs = local.kwargs.as_ref().map(|kwargs| kwargs.bind(py));
        let copy = slf.get_type().call(local.args.bind(py), kwargs)?;
        let dict = Self::dict(copy.cast::<Self>()?)?;
        dict.clear();
        dict.update(values.as_mapping())?;
        Ok(copy)
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        visit.call(&self.args)?;
        visit.call(&self.kwargs)?;
        self.dicts.inspect(|dicts| {
            visit.call(dicts.recent.as_ref().map(|(_, dict)| dict))?;
            dicts
                .by_greenlet
                .values()
                .try_for_each(|entry| visit.call(&entry.dict))
        })
    }

    fn __clear__(&self, py: Python<'_>) {
        self.forget_all(py);
    }
}

/// The attributes that `greenlet` has in `object`, or None: for those who inspect greenlets.
#[pyfunction]
pub fn local_dict_of<'py>(
    object: &Bound<'py, Local>,
    greenlet: &Bound<'py, PyAny>,
) -> Option<Bound<'py, PyDict>> {
    let dicts = object.get().dicts.borrow(object.py());
    let entry = dicts.by_greenlet.get(&greenlet.as_ptr().addr())?;
    Some(entry.dict.bind(object.py()).clone())
}

fn object_init(py: Python<'_>) -> PyResult<&Bound<'_, PyAny>> {
    static OBJECT_INIT: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
    let init = OBJECT_INIT.get_or_try_init(py, || {
        py.get_type::<PyAny>()
            .getattr("__init__")
            .map(Bound::unbind)
    })?;
    Ok(init.bind(py))
}

fn is_dict(name: &Bound<'_, PyString>) -> bool {
    name.is(intern!(name.py(), "__dict__")) || name.to_str().is_ok_and(|name| name == "__dict__")
}

fn read_only(slf: &Bound<'_, Local>) -> PyErr {
    let class = slf
        .get_type()
        .name()
        .map_or_else(|_| "local".into(), |name| name.to_string());
    PyAttributeError::new_err(format!(
        "'{class}' object attribute '__dict__' is read-only"
    ))
}
