//! Whether to wait, and how long: what gevent's functions take as `block=` and `timeout=`.

use std::time::Duration;

use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;

/// None, seconds, or a `Timeout` object, which then is what ends the wait.
pub enum Limit {
    None,
    Seconds(f64),
    Timeout(Py<PyAny>),
}

/// 136 years.
const LONGEST: Duration = Duration::from_secs(u32::MAX as u64);

impl<'py> FromPyObject<'_, 'py> for Limit {
    type Error = PyErr;

    fn extract(object: Borrowed<'_, 'py, PyAny>) -> PyResult<Self> {
        if object.is_none() {
            return Ok(Limit::None);
        }
        if let Ok(seconds) = object.extract::<f64>() {
            return Ok(Limit::Seconds(seconds));
        }
        if object.hasattr("start")? && object.hasattr("cancel")? {
            return Ok(Limit::Timeout(object.to_owned().unbind()));
        }
        Err(PyTypeError::new_err(format!(
            "timeout must be None, a number of seconds or a Timeout, not {}",
            object.get_type().name()?
        )))
    }
}

impl Limit {
    /// The Timeout that is raised when this limit was reached.
    pub fn error(&self, py: Python<'_>) -> PyErr {
        let made = match self {
            Limit::Timeout(timeout) => Ok(timeout.bind(py).clone()),
            Limit::Seconds(seconds) => timeout_class(py).and_then(|class| class.call1((*seconds,))),
            Limit::None => timeout_class(py).and_then(|class| class.call0()),
        };
        made.map_or_else(|error| error, PyErr::from_value)
    }

    /// A number of seconds as a length of time: at least 0, and so little that it can be added to
    /// what any clock says.
    pub fn duration(seconds: f64) -> Duration {
        Duration::try_from_secs_f64(seconds.max(0.0))
            .map_or(LONGEST, |duration| duration.min(LONGEST))
    }
}

/// Whether an argument such as `block=` is true. Programs give 0 and 1 there as well.
pub fn truth(object: &Bound<'_, PyAny>) -> PyResult<bool> {
    object.is_truthy()
}

fn timeout_class(py: Python<'_>) -> PyResult<Bound<'_, PyAny>> {
    py.import("verdigris.timeout")?.getattr("Timeout")
}
