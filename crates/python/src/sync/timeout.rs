//! `Timeout`: an exception that is raised in a greenlet when its time is up.
//!
//! Between `start()` and its end a timeout is one timer of the loop and nothing else: no watcher
//! object, no callback. When the timer fires the hub calls `expire` at its turn. Until then the
//! greenlet may have gone on and ended the timeout, and even started it again: such a call is
//! counted as `void`, and does nothing.

use std::ffi::CStr;

use pyo3::exceptions::{PyAssertionError, PyBaseException, PyTypeError};
use pyo3::gc::{PyTraverseError, PyVisit};
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyBool, PyDict, PyInt, PyString, PyTuple, PyType};

use crate::fast_method::{self, FastClass, FastMethod, Nature};
use crate::gil::{GilCell, Ref};
use crate::greenlet::method::Args;
use crate::greenlet::{GreenletRef, Thread};
use crate::hub::{EventLoop, Limit, TimerId, TimerTarget};

/// An exception that is raised in the greenlet which started it, when its seconds are over.
///
/// It derives from BaseException, so that `except Exception` does not swallow it. End it with
/// `close()`, or use it in a with-block, which starts it and closes it.
///
/// Args:
///     seconds: how long after `start()`; None is never.
///     exception: what to raise instead of the timeout itself: a class or an instance. False
///         also raises the timeout, but the with-block swallows it; a string is added to its text.
///     ref: False does not keep the loop running.
///     priority: accepted for gevent's sake; all timers are equal.
#[pyclass(frozen, subclass, extends = PyBaseException, module = "verdigris.timeout")]
pub struct Timeout(GilCell<State>);

#[derive(Default)]
struct State {
    seconds: Option<Py<PyAny>>,
    /// The same as a number, if that is known yet.
    length: Option<f64>,
    exception: Option<Py<PyAny>>,
    keeps_loop_alive: bool,
    /// `cancel()` is to be `close()`.
    one_shot: bool,
    closed: bool,
    running: Option<Running>,
    /// How many calls of `expire` are on their way that are for a timer which was ended.
    void: usize,
}

struct Running {
    timer: TimerId,
    event_loop: Py<EventLoop>,
    greenlet: Ref,
}

impl Timeout {
    /// Raises the exception where it is to be raised, unless the timeout has been ended since the
    /// timer fired. Called by the hub.
    pub fn expire(slf: &Bound<'_, Self>) -> PyResult<()> {
        let py = slf.py();
        let running = {
            let mut state = slf.get().0.borrow_mut(py);
            if state.void > 0 {
                state.void -= 1;
                return Ok(());
            }
            state.running.take()
        };
        let Some(running) = running else {
            return Ok(());
        };
        let raised = slf
            .get()
            .raised(py)
            .unwrap_or_else(|| slf.clone().into_any().unbind());
        let greenlet = running.greenlet.bind(py);
        slf.call_method1(intern!(py, "_on_expiration"), (greenlet, raised))?;
        Ok(())
    }

    /// The greenlet that it is to be raised in, while it runs.
    pub fn greenlet(&self, py: Python<'_>) -> Option<GreenletRef> {
        let state = self.0.borrow(py);
        let running = state.running.as_ref()?;
        GreenletRef::new(running.greenlet.bind(py)).ok()
    }

    /// What is raised in its stead.
    fn raised(&self, py: Python<'_>) -> Option<Py<PyAny>> {
        let exception = self.exception(py)?.into_bound(py);
        let stands_in = !exception.is_none()
            && !is_false(&exception)
            && !exception.is_instance_of::<PyString>();
        stands_in.then(|| exception.unbind())
    }

    fn is_pending(&self, py: Python<'_>) -> bool {
        self.0.borrow(py).running.is_some()
    }

    fn begin(slf: &Bound<'_, Self>) -> PyResult<()> {
        let (py, timeout) = (slf.py(), slf.get());
        if timeout.is_pending(py) {
            let text = format!(
                "{} is already started; to restart it, cancel it first",
                slf.repr()?
            );
            return Err(PyAssertionError::new_err(text));
        }
        let (expires, length, closed, keeps_alive) = {
            let state = timeout.0.borrow(py);
            let expires = state.seconds.is_some();
            (expires, state.length, state.closed, state.keeps_loop_alive)
        };
        if !expires {
            return Ok(());
        }
        if closed {
            return Err(PyAssertionError::new_err(
                "non-expiring timer cannot be started",
            ));
        }
        let length = match length {
            Some(length) => length,
            None => timeout.measure(py)?,
        };
        let after = Limit::duration(length);
        let thread = Thread::current(py)?;
        let greenlet = thread.current_ref();
        let event_loop = EventLoop::of(py, thread)?;
        let target = TimerTarget::Timeout(slf.clone().unbind());
        let timer = event_loop.get().start_timer(py, after, target, keeps_alive);
        timeout.0.borrow_mut(py).running = Some(Running {
            timer,
            event_loop: event_loop.unbind(),
            greenlet,
        });
        Ok(())
    }

    /// How many seconds it runs, where they were assigned and not given at first.
    #[cold]
    fn measure(&self, py: Python<'_>) -> PyResult<f64> {
        let seconds = self.seconds(py).unwrap_or_else(|| py.None());
        number(seconds.bind(py))
    }

    fn end(&self, py: Python<'_>) {
        let Some(running) = self.0.borrow_mut(py).running.take() else {
            return;
        };
        let event_loop = running.event_loop.into_bound(py);
        if !event_loop.get().cancel_timer(py, running.timer) {
            self.0.borrow_mut(py).void += 1;
        }
    }

    fn end_for_good(&self, py: Python<'_>) {
        self.end(py);
        self.0.borrow_mut(py).closed = true;
    }
}

/// Gives the class the methods of a with-block, which starts a timeout and ends it.
pub fn register(py: Python<'_>) -> PyResult<()> {
    fast_method::add::<Enter>(py)?;
    fast_method::add::<Exit>(py)?;
    fast_method::make_fast::<Timeout>(py);
    Ok(())
}

impl FastClass for Timeout {
    const NATURE: &'static Nature = {
        static NATURE: Nature = Nature::unknown();
        &NATURE
    };

    fn make<'py>(args: Args<'py>) -> PyResult<Option<Bound<'py, Self>>> {
        let seconds = args.get(0).filter(|seconds| !seconds.is_none());
        let Some(seconds) = seconds.filter(|_| args.len() <= 2) else {
            return Ok(None);
        };
        let length = number(&seconds)?;
        let state = State {
            seconds: Some(seconds.unbind()),
            length: Some(length),
            exception: args
                .get(1)
                .filter(|exception| !exception.is_none())
                .map(Bound::unbind),
            keeps_loop_alive: true,
            ..State::default()
        };
        Bound::new(args.py(), Self(GilCell::new(state))).map(Some)
    }
}

struct Enter;

impl FastMethod for Enter {
    type Class = Timeout;
    const NAME: &'static CStr = c"__enter__";
    const DOC: &'static CStr = c"__enter__($self, /)\n--\n\nStarts the clock, unless it runs.";

    fn call<'py>(slf: &Bound<'py, Timeout>, args: Args<'py>) -> PyResult<Bound<'py, PyAny>> {
        args.bind::<0>("__enter__", [])?;
        let py = slf.py();
        if !slf.get().is_pending(py) {
            if slf.get_type().is(py.get_type::<Timeout>()) {
                Timeout::begin(slf)?;
            } else {
                slf.call_method0(intern!(py, "start"))?;
            }
        }
        Ok(slf.clone().into_any())
    }
}

struct Exit;

impl FastMethod for Exit {
    type Class = Timeout;
    const NAME: &'static CStr = c"__exit__";
    const DOC: &'static CStr = c"__exit__($self, kind, value, traceback, /)\n--\n\n\
        Stops the clock for good. True if the error is this timeout, and it is a silent one.";

    fn call<'py>(slf: &Bound<'py, Timeout>, args: Args<'py>) -> PyResult<Bound<'py, PyAny>> {
        let py = slf.py();
        let Some(value) = args
            .get(1)
            .filter(|_| args.len() == 3 && args.keywords() == 0)
        else {
            return Err(PyTypeError::new_err(
                "__exit__() takes a type, an exception and a traceback",
            ));
        };
        if slf.get_type().is(py.get_type::<Timeout>()) {
            slf.get().end_for_good(py);
        } else {
            slf.call_method0(intern!(py, "close"))?;
        }
        let exception = slf.get().exception(py).map(|held| held.into_bound(py));
        let swallow = value.is(slf) && exception.is_some_and(|exception| is_false(&exception));
        Ok(PyBool::new(py, swallow).to_owned().into_any())
    }
}

#[pymethods]
impl Timeout {
    #[new]
    #[pyo3(signature = (*_args, **_kwargs))]
    fn new(_args: &Bound<'_, PyTuple>, _kwargs: Option<&Bound<'_, PyDict>>) -> Self {
        Self(GilCell::default())
    }

    #[pyo3(signature = (seconds=None, exception=None, r#ref=true, priority=-1, _one_shot=false))]
    fn __init__(
        &self,
        py: Python<'_>,
        seconds: Option<Py<PyAny>>,
        exception: Option<Py<PyAny>>,
        r#ref: bool,
        priority: isize,
        _one_shot: bool,
    ) -> PyResult<()> {
        let _ = priority;
        let length = seconds
            .as_ref()
            .map(|seconds| number(seconds.bind(py)))
            .transpose()?;
        self.end(py);
        let old = {
            let mut state = self.0.borrow_mut(py);
            state.length = length;
            (state.keeps_loop_alive, state.one_shot, state.closed) = (r#ref, _one_shot, false);
            (
                std::mem::replace(&mut state.seconds, seconds),
                std::mem::replace(&mut state.exception, exception),
            )
        };
        drop(old);
        Ok(())
    }

    /// Starts the clock, for the current greenlet.
    ///
    /// Raises:
    ///     AssertionError: it is running, or was closed.
    fn start(slf: &Bound<'_, Self>) -> PyResult<()> {
        Self::begin(slf)
    }

    /// Makes a timeout and starts it.
    ///
    /// Args:
    ///     timeout: seconds, None for one that never expires, or a `Timeout`, which is started
    ///         unless it runs already.
    ///     exception, ref: as for the class.
    ///
    /// Returns:
    ///     The timeout.
    #[classmethod]
    #[pyo3(signature = (timeout=None, exception=None, r#ref=true, _one_shot=false))]
    fn start_new<'py>(
        cls: &Bound<'py, PyType>,
        timeout: Option<Bound<'py, PyAny>>,
        exception: Option<Bound<'py, PyAny>>,
        r#ref: bool,
        _one_shot: bool,
    ) -> PyResult<Bound<'py, PyAny>> {
        let py = cls.py();
        if let Some(known) = timeout
            .as_ref()
            .and_then(|timeout| timeout.cast::<Self>().ok())
        {
            if !known.get().is_pending(py) {
                known.call_method0(intern!(py, "start"))?;
            }
            return Ok(known.clone().into_any());
        }
        let kwargs = PyDict::new(py);
        kwargs.set_item(intern!(py, "ref"), r#ref)?;
        if _one_shot {
            kwargs.set_item(intern!(py, "_one_shot"), true)?;
        }
        let made = cls.call((timeout, exception), Some(&kwargs))?;
        made.call_method0(intern!(py, "start"))?;
        Ok(made)
    }

    /// `start_new` for functions with a `timeout=` of their own: `cancel()` of the result is all
    /// that they need to call.
    #[staticmethod]
    #[pyo3(signature = (timeout, exception=None, r#ref=true))]
    fn _start_new_or_dummy<'py>(
        py: Python<'py>,
        timeout: Option<Bound<'py, PyAny>>,
        exception: Option<Bound<'py, PyAny>>,
        r#ref: bool,
    ) -> PyResult<Bound<'py, PyAny>> {
        Self::start_new(&py.get_type::<Self>(), timeout, exception, r#ref, true)
    }

    /// What happens when the time is up: `ex` is thrown into `prev_greenlet`, the one that called
    /// `start()`. Runs in the hub. For subclasses to override.
    fn _on_expiration(
        &self,
        prev_greenlet: &Bound<'_, PyAny>,
        ex: Bound<'_, PyAny>,
    ) -> PyResult<()> {
        let py = prev_greenlet.py();
        // What is no exception becomes a TypeError there, rather than here in the hub.
        let error = PyErr::from_value(ex);
        prev_greenlet.call_method1(intern!(py, "throw"), (error,))?;
        Ok(())
    }

    /// True while the clock runs.
    #[getter]
    fn pending(&self, py: Python<'_>) -> bool {
        self.is_pending(py)
    }

    /// Stops the clock, if it runs; `start()` may start it again.
    fn cancel(&self, py: Python<'_>) {
        self.end(py);
        let mut state = self.0.borrow_mut(py);
        state.closed |= state.one_shot;
    }

    /// Stops the clock for good.
    fn close(&self, py: Python<'_>) {
        self.end_for_good(py);
    }

    /// How long it runs, as it was given.
    #[getter]
    fn seconds(&self, py: Python<'_>) -> Option<Py<PyAny>> {
        self.0
            .borrow(py)
            .seconds
            .as_ref()
            .map(|seconds| seconds.clone_ref(py))
    }

    #[setter]
    fn set_seconds(&self, py: Python<'_>, seconds: Option<Py<PyAny>>) {
        let old = {
            let mut state = self.0.borrow_mut(py);
            state.length = None;
            std::mem::replace(&mut state.seconds, seconds)
        };
        drop(old);
    }

    /// What is raised instead, as it was given.
    #[getter]
    fn exception(&self, py: Python<'_>) -> Option<Py<PyAny>> {
        self.0
            .borrow(py)
            .exception
            .as_ref()
            .map(|exception| exception.clone_ref(py))
    }

    #[setter]
    fn set_exception(&self, py: Python<'_>, exception: Option<Py<PyAny>>) {
        let old = std::mem::replace(&mut self.0.borrow_mut(py).exception, exception);
        drop(old);
    }

    /// Itself: where gevent has a watcher with `pending` and `close()`, we need none.
    #[getter]
    fn timer(slf: Bound<'_, Self>) -> Bound<'_, Self> {
        slf
    }

    fn __str__(&self, py: Python<'_>) -> PyResult<String> {
        let Some(seconds) = self.seconds(py) else {
            return Ok(String::new());
        };
        let seconds = seconds.bind(py);
        let plural = if seconds.eq(1)? { "" } else { "s" };
        Ok(
            match self.exception(py).map(|exception| exception.into_bound(py)) {
                None => format!("{seconds} second{plural}"),
                Some(exception) if is_false(&exception) => {
                    format!("{seconds} second{plural} (silent)")
                }
                Some(exception) => format!("{seconds} second{plural}: {exception}"),
            },
        )
    }

    fn __repr__(slf: &Bound<'_, Self>) -> PyResult<String> {
        let (py, timeout) = (slf.py(), slf.get());
        let seconds = timeout.seconds(py).unwrap_or_else(|| py.None());
        let pending = if timeout.is_pending(py) {
            " pending"
        } else {
            ""
        };
        let exception = match timeout.exception(py) {
            Some(exception) => format!(" exception={}", exception.bind(py).repr()?),
            None => String::new(),
        };
        let class = slf.get_type().name()?;
        Ok(format!(
            "<{class} at {:p} seconds={}{exception}{pending}>",
            slf.as_ptr(),
            seconds.bind(py)
        ))
    }

    /// Timeouts compare by their seconds, with numbers and with each other, by `<` alone.
    fn __lt__(&self, py: Python<'_>, other: &Bound<'_, PyAny>) -> PyResult<Py<PyAny>> {
        let seconds = self.seconds(py).unwrap_or_else(|| py.None());
        let other = match other.cast::<Self>() {
            Ok(timeout) => timeout
                .get()
                .seconds(py)
                .unwrap_or_else(|| py.None())
                .into_bound(py),
            Err(_) => other.clone(),
        };
        match seconds.bind(py).lt(other) {
            Ok(less) => Ok(less.into_pyobject(py)?.to_owned().into_any().unbind()),
            Err(_) => Ok(py.NotImplemented()),
        }
    }

    fn __hash__(slf: &Bound<'_, Self>) -> isize {
        // Objects are aligned, so the lowest bits of an address tell nothing.
        (slf.as_ptr().addr() >> 4).cast_signed()
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        self.0.inspect(|state| {
            visit.call(&state.seconds)?;
            visit.call(&state.exception)?;
            visit.call(
                state
                    .running
                    .as_ref()
                    .map(|running| running.greenlet.as_py()),
            )
        })
    }

    fn __clear__(&self, py: Python<'_>) {
        self.end(py);
        let state = std::mem::take(&mut *self.0.borrow_mut(py));
        drop(state);
    }
}

/// What a call raises whose time is up: the `Timeout` it was given, else a new one.
pub fn expired(py: Python<'_>, timeout: Option<&Bound<'_, PyAny>>) -> PyErr {
    let made = match timeout {
        Some(timeout) if timeout.is_instance_of::<Timeout>() => Ok(timeout.clone()),
        Some(seconds) => py.get_type::<Timeout>().call1((seconds,)),
        None => py.get_type::<Timeout>().call0(),
    };
    made.map_or_else(|error| error, PyErr::from_value)
}

/// A number of seconds. Most are small integers, for which Python would make a float first.
fn number(seconds: &Bound<'_, PyAny>) -> PyResult<f64> {
    match seconds.cast_exact::<PyInt>() {
        Ok(integer) => match integer.extract::<i32>() {
            Ok(integer) => Ok(integer.into()),
            Err(_) => seconds.extract(),
        },
        Err(_) => seconds.extract(),
    }
}

fn is_false(object: &Bound<'_, PyAny>) -> bool {
    object.is(pyo3::types::PyBool::new(object.py(), false))
}
