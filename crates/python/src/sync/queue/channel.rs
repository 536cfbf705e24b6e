//! `Channel`: a meeting place, where a put waits for its get.
//!
//! Whoever puts leaves an *offer*, and waits until a getter takes it. Getters that wait are
//! promised an offer, as the getters of a queue are promised an item.

use std::collections::VecDeque;

use pyo3::exceptions::{PyStopIteration, PyValueError};
use pyo3::gc::{PyTraverseError, PyVisit};
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyGenericAlias, PyTuple, PyType};

use super::errors::{Full, empty, full, prepare, timed_out};
use crate::gil::GilCell;
use crate::hub::{WaitQueue, Waiter, Wake, hub_if_exists, truth};
use crate::sync::linkable;

struct Offer {
    number: u64,
    item: Py<PyAny>,
    /// Who waits for it to be taken; nobody, if that was not to wait.
    putter: Option<Waiter>,
}

#[derive(Default)]
struct Offers {
    offers: VecDeque<Offer>,
    last: u64,
    /// How many of the offers getters have been woken for.
    promised: usize,
}

/// A queue that holds nothing: `put()` returns when a greenlet has got the item.
///
/// Args:
///     maxsize: 1, for code that also makes queues.
#[pyclass(frozen, subclass, weakref, module = "verdigris.queue")]
#[derive(Default)]
pub struct Channel {
    state: GilCell<Offers>,
    getters: WaitQueue,
}

impl Channel {
    fn offer(&self, py: Python<'_>, item: Py<PyAny>, putter: Option<Waiter>) -> u64 {
        let mut state = self.state.borrow_mut(py);
        state.last += 1;
        let number = state.last;
        state.offers.push_back(Offer {
            number,
            item,
            putter,
        });
        number
    }

    /// Takes an offer back; false if it was taken.
    fn withdraw(&self, py: Python<'_>, number: u64) -> bool {
        let offer = {
            let mut state = self.state.borrow_mut(py);
            let place = state.offers.iter().position(|offer| offer.number == number);
            place.and_then(|place| state.offers.remove(place))
        };
        offer.is_some()
    }

    /// Takes the oldest offer.
    fn accept(&self, py: Python<'_>) -> Option<Py<PyAny>> {
        let offer = self.state.borrow_mut(py).offers.pop_front()?;
        if let Some(putter) = offer.putter {
            putter.wake(py);
        }
        Some(offer.item)
    }

    /// Whether there is an offer that no getter has been woken for.
    fn has_free_offer(&self, py: Python<'_>) -> bool {
        let state = self.state.borrow(py);
        state.offers.len() > state.promised
    }

    /// Gives an item to a getter that waits already.
    fn hand_over(&self, py: Python<'_>, item: Py<PyAny>) -> PyResult<()> {
        if !self.promise(py) {
            return Err(full());
        }
        self.offer(py, item, None);
        Ok(())
    }

    fn accept_free(&self, py: Python<'_>) -> Option<Py<PyAny>> {
        if self.has_free_offer(py) {
            self.accept(py)
        } else {
            None
        }
    }

    /// Wakes a getter, for an offer that is or will be there.
    fn promise(&self, py: Python<'_>) -> bool {
        let promised = self.getters.notify_one(py);
        if promised {
            self.state.borrow_mut(py).promised += 1;
        }
        promised
    }

    fn count_putters(&self, py: Python<'_>) -> usize {
        let state = self.state.borrow(py);
        let waits = |offer: &&Offer| offer.putter.is_some();
        state.offers.iter().filter(waits).count()
    }

    fn describe(&self, py: Python<'_>) -> String {
        let mut text = String::new();
        for (name, waiting) in [
            ("getters", self.getters.len(py)),
            ("putters", self.count_putters(py)),
        ] {
            if waiting > 0 {
                text += &format!(" {name}[{waiting}]");
            }
        }
        text
    }
}

#[pymethods]
impl Channel {
    #[new]
    #[pyo3(signature = (*_args, **_kwargs))]
    fn new(_args: &Bound<'_, PyTuple>, _kwargs: Option<&Bound<'_, PyDict>>) -> Self {
        Self::default()
    }

    #[pyo3(signature = (maxsize=1))]
    fn __init__(&self, maxsize: isize) -> PyResult<()> {
        if maxsize != 1 {
            return Err(PyValueError::new_err("Channels have a maxsize of 1"));
        }
        Ok(())
    }

    #[classmethod]
    fn __class_getitem__<'py>(
        cls: &Bound<'py, PyType>,
        item: &Bound<'py, PyAny>,
    ) -> PyResult<Bound<'py, PyGenericAlias>> {
        PyGenericAlias::new(cls.py(), cls.as_any(), item)
    }

    /// Gives an item to a greenlet that gets, waiting for one if need be.
    ///
    /// Args:
    ///     item: any object.
    ///     block: False never waits.
    ///     timeout: seconds to wait at most; None waits for ever.
    ///
    /// Raises:
    ///     Full: nobody got the item in time.
    #[pyo3(signature = (item, block=true, timeout=None))]
    fn put(
        &self,
        py: Python<'_>,
        item: Py<PyAny>,
        #[pyo3(from_py_with = truth)] block: bool,
        timeout: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<()> {
        if !block {
            return self.hand_over(py, item);
        }
        let limit = match prepare(py, timeout, full) {
            Ok(limit) => limit,
            Err(error) if error.is_instance_of::<Full>(py) => return self.hand_over(py, item),
            Err(error) => return Err(error),
        };
        let putter = Waiter::current(py)?;
        let number = self.offer(py, item, Some(putter.clone_ref(py)));
        self.promise(py);
        match putter.park(py, &limit) {
            Wake::Notified => Ok(()),
            Wake::TimedOut if self.withdraw(py, number) => Err(timed_out(py, limit, full())),
            Wake::TimedOut => Ok(()),
            Wake::Thrown { error, .. } => {
                self.withdraw(py, number);
                Err(error)
            }
        }
    }

    /// The same as `put(item, block=False)`.
    fn put_nowait(&self, py: Python<'_>, item: Py<PyAny>) -> PyResult<()> {
        self.put(py, item, false, None)
    }

    /// Gets an item from a greenlet that puts, waiting for one if need be.
    ///
    /// Args:
    ///     block: False never waits.
    ///     timeout: seconds to wait at most; None waits for ever.
    ///
    /// Raises:
    ///     Empty: nobody put an item in time.
    #[pyo3(signature = (block=true, timeout=None))]
    fn get(
        &self,
        py: Python<'_>,
        #[pyo3(from_py_with = truth)] block: bool,
        timeout: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<Py<PyAny>> {
        if let Some(item) = self.accept_free(py) {
            return Ok(item);
        }
        if !block {
            return Err(empty());
        }
        let limit = prepare(py, timeout, empty)?;
        loop {
            if let Some(item) = self.accept_free(py) {
                return Ok(item);
            }
            match self.getters.wait(py, &limit)? {
                Wake::Notified => {
                    self.state.borrow_mut(py).promised -= 1;
                    if let Some(item) = self.accept(py) {
                        return Ok(item);
                    }
                    // Its putter has withdrawn it: wait for another.
                    limit.start(py)?;
                }
                Wake::TimedOut => return Err(timed_out(py, limit, empty())),
                Wake::Thrown { error, notified } => {
                    if notified {
                        self.state.borrow_mut(py).promised -= 1;
                        if self.has_free_offer(py) {
                            self.promise(py);
                        }
                    }
                    return Err(error);
                }
            }
        }
    }

    /// The same as `get(block=False)`.
    fn get_nowait(&self, py: Python<'_>) -> PyResult<Py<PyAny>> {
        self.get(py, false, None)
    }

    /// The hub of the thread that asks, or None. A channel belongs to none.
    #[getter]
    fn hub(&self, py: Python<'_>) -> PyResult<Py<PyAny>> {
        hub_if_exists(py)
    }

    /// How many more greenlets wait to put than to get.
    #[getter]
    fn balance(&self, py: Python<'_>) -> isize {
        self.count_putters(py).cast_signed() - self.getters.len(py).cast_signed()
    }

    /// A list of the greenlets that wait to get, oldest first. (gevent's is the deque that it works with.)
    #[getter]
    fn getters<'py>(&self, py: Python<'py>) -> Vec<Bound<'py, PyAny>> {
        self.getters.greenlets(py)
    }

    /// A list of `(item, greenlet)` for each that waits to put, oldest first. (gevent's is the deque that it works with.)
    #[getter]
    fn putters<'py>(&self, py: Python<'py>) -> Vec<(Bound<'py, PyAny>, Bound<'py, PyAny>)> {
        let state = self.state.borrow(py);
        let waiting = state.offers.iter().filter_map(|offer| {
            let putter = offer.putter.as_ref()?;
            Some((offer.item.bind(py).clone(), putter.greenlet(py)))
        });
        waiting.collect()
    }

    /// 0.
    fn qsize(&self) -> usize {
        0
    }

    /// True.
    fn empty(&self) -> bool {
        true
    }

    /// True.
    fn full(&self) -> bool {
        true
    }

    fn __iter__(slf: Bound<'_, Self>) -> Bound<'_, Self> {
        slf
    }

    fn __next__(slf: &Bound<'_, Self>) -> PyResult<Option<Py<PyAny>>> {
        let py = slf.py();
        let item = slf.call_method0(intern!(py, "get"))?;
        Ok((!item.is(py.get_type::<PyStopIteration>())).then(|| item.unbind()))
    }

    fn __repr__(slf: &Bound<'_, Self>) -> PyResult<String> {
        let class = linkable::class_name(slf.as_any())?;
        Ok(format!(
            "<{class} at {:p}{}>",
            slf.as_ptr(),
            slf.get().describe(slf.py())
        ))
    }

    fn __str__(slf: &Bound<'_, Self>) -> PyResult<String> {
        let class = linkable::class_name(slf.as_any())?;
        Ok(format!("<{class}{}>", slf.get().describe(slf.py())))
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        self.state.inspect(|state| {
            state
                .offers
                .iter()
                .try_for_each(|offer| visit.call(&offer.item))
        })
    }

    fn __clear__(&self, py: Python<'_>) {
        let offers = std::mem::take(&mut self.state.borrow_mut(py).offers);
        drop(offers);
    }
}
