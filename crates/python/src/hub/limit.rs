//! Whether to wait, and how long: what gevent's functions take as `block=` and `timeout=`.

use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::Duration;

use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;

use super::event_loop::EventLoop;

/// None, seconds, or a `Timeout` object, which then is what ends the wait.
pub enum Limit {
    None,
    Seconds(f64),
    Timeout(Clock),
}

/// A `Timeout` object under which somebody waits. It is started unless it runs already, and only then cancelled when the wait
/// is over.
pub struct Clock {
    timeout: Py<PyAny>,
    started: AtomicBool,
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
            return Ok(Limit::Timeout(Clock::of(object.to_owned().unbind())));
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
            Limit::Timeout(clock) => Ok(clock.timeout.bind(py).clone()),
            Limit::Seconds(seconds) => timeout_class(py).and_then(|class| class.call1((*seconds,))),
            Limit::None => timeout_class(py).and_then(|class| class.call0()),
        };
        made.map_or_else(|error| error, PyErr::from_value)
    }

    /// Starts the clock, if it is one. That is a call of Python, which may itself wait where a subclass defines it: so it is
    /// to be done before one looks for the last time whether there is anything to wait for.
    #[inline]
    pub fn start(&self, py: Python<'_>) -> PyResult<()> {
        match self {
            Limit::Timeout(clock) => clock.start(py),
            Limit::None | Limit::Seconds(_) => Ok(()),
        }
    }

    /// A number of seconds as a length of time: at least 0, and so little that it can be added to
    /// what any clock says.
    pub fn duration(seconds: f64) -> Duration {
        Duration::try_from_secs_f64(seconds.max(0.0))
            .map_or(LONGEST, |duration| duration.min(LONGEST))
    }
}

impl Clock {
    pub fn of(timeout: Py<PyAny>) -> Clock {
        let started = AtomicBool::new(false);
        Clock { timeout, started }
    }

    /// The `Timeout`.
    pub fn bind<'a, 'py>(&'a self, py: Python<'py>) -> &'a Bound<'py, PyAny> {
        self.timeout.bind(py)
    }

    /// Starts it, unless it runs. Fails in the hub, which cannot wait.
    #[cold]
    pub fn start(&self, py: Python<'_>) -> PyResult<()> {
        EventLoop::for_blocking(py)?;
        if !self.timeout.bind(py).getattr("pending")?.is_truthy()? {
            self.timeout.call_method0(py, "start")?;
            self.started.store(true, Relaxed);
        }
        Ok(())
    }

    /// Cancels it, if it was started here.
    pub fn cancel(&self, py: Python<'_>) -> PyResult<()> {
        if self.started.swap(false, Relaxed) {
            self.timeout.call_method0(py, "cancel")?;
        }
        Ok(())
    }
}

/// What was started for a wait that there was no need for.
impl Drop for Clock {
    fn drop(&mut self) {
        if self.started.load(Relaxed) {
            Python::attach(|py| {
                if let Err(error) = self.cancel(py) {
                    error.write_unraisable(py, Some(self.timeout.bind(py)));
                }
            });
        }
    }
}

/// Whether an argument such as `block=` is true. Programs give 0 and 1 there as well.
pub fn truth(object: &Bound<'_, PyAny>) -> PyResult<bool> {
    object.is_truthy()
}

fn timeout_class(py: Python<'_>) -> PyResult<Bound<'_, PyAny>> {
    py.import("verdigris.timeout")?.getattr("Timeout")
}
