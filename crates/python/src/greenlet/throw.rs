//! `greenlet.throw`, and the exception that its arguments mean.

use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::types::{PyTuple, PyType};

use super::method::Args;
use super::switch::{Payload, deliver};
use crate::error::GreenletExit;

/// `greenlet.throw([type, [value, [traceback]]])`.
pub fn throw_method<'py>(slf: &Bound<'py, PyAny>, args: Args<'py>) -> PyResult<Bound<'py, PyAny>> {
    if args.keywords() > 0 {
        return Err(PyTypeError::new_err(
            "greenlet.throw() takes no keyword arguments",
        ));
    }
    let [kind, value, traceback] = args.bind("throw", ["type", "value", "traceback"])?;
    let error = exception(slf.py(), kind, value, traceback)?;
    deliver(slf, Payload::Error(error))
}

/// The exception that `throw`'s three arguments mean.
pub fn exception<'py>(
    py: Python<'py>,
    kind: Option<Bound<'py, PyAny>>,
    value: Option<Bound<'py, PyAny>>,
    traceback: Option<Bound<'py, PyAny>>,
) -> PyResult<PyErr> {
    let value = value.filter(|value| !value.is_none());
    let traceback = traceback.filter(|traceback| !traceback.is_none());
    let kind = kind.unwrap_or_else(|| py.get_type::<GreenletExit>().into_any());
    let traceback = match traceback {
        None => None,
        Some(traceback) => Some(traceback.cast_into().map_err(|_| {
            PyTypeError::new_err("throw() third argument must be a traceback object")
        })?),
    };
    let base = py.get_type::<pyo3::exceptions::PyBaseException>();
    let error = if kind.is_instance(&base)? {
        if value.is_some() {
            return Err(PyTypeError::new_err(
                "instance exception may not have a separate value",
            ));
        }
        PyErr::from_value(kind)
    } else if let Ok(class) = kind.cast::<PyType>()
        && class.is_subclass(&base)?
    {
        match value {
            Some(value) if value.is_instance(class)? => PyErr::from_value(value),
            Some(value) => match value.cast::<PyTuple>() {
                Ok(args) => PyErr::from_value(class.call1(args)?),
                Err(_) => PyErr::from_value(class.call1((value,))?),
            },
            None => PyErr::from_value(class.call0()?),
        }
    } else {
        return Err(PyTypeError::new_err(format!(
            "exceptions must be classes, or instances, not {}",
            kind.get_type().name()?
        )));
    };
    if traceback.is_some() {
        error.set_traceback(py, traceback);
    }
    Ok(error)
}
