//! `put` and `get`: a queue's two methods that are called for every item.

use std::ffi::CStr;
use std::sync::atomic::Ordering::Relaxed;

use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;

use super::errors::check;
use super::joinable::Queue;
use super::simple::{Ask, SimpleQueue};
use crate::fast_method::{self, FastMethod};
use crate::greenlet::method::Args;
use crate::hub::truth;

/// Gives the two classes that are used most their methods.
pub fn register(py: Python<'_>) -> PyResult<()> {
    fast_method::add::<Put>(py)?;
    fast_method::add::<Get>(py)?;
    fast_method::add_to::<Put, Queue>(py)?;
    fast_method::add_to::<Get, Queue>(py)
}

struct Put;

impl FastMethod for Put {
    type Class = SimpleQueue;
    const NAME: &'static CStr = c"put";
    const DOC: &'static CStr = c"put($self, /, item, block=True, timeout=None)\n--\n\n\
        Puts an item, waiting for a free slot if need be.\n\n\
        Args:\n    item: any object.\n    block: False never waits.\n    \
        timeout: seconds to wait at most, not negative; None waits for ever.\n\n\
        Raises:\n    Full: there was no free slot in time.\n    ShutDown: the queue was shut down.";

    #[inline(always)]
    fn shortcut<'py>(slf: &Bound<'py, SimpleQueue>, args: Args<'py>) -> Option<Bound<'py, PyAny>> {
        let py = slf.py();
        let put = slf.get().put_simply(args.only()?);
        put.then(|| py.None().into_bound(py))
    }

    fn call<'py>(slf: &Bound<'py, SimpleQueue>, args: Args<'py>) -> PyResult<Bound<'py, PyAny>> {
        let py = slf.py();
        match args.single() {
            Some(item) => SimpleQueue::put(slf, item, true, None)?,
            None => {
                let [item, block, timeout] = args.bind("put", ["item", "block", "timeout"])?;
                let item = item.ok_or_else(|| {
                    PyTypeError::new_err("put() missing 1 required positional argument: 'item'")
                })?;
                let (block, timeout) = wait_arguments(block, timeout)?;
                if block && timeout.is_some() && !slf.get().shut_down.load(Relaxed) {
                    check(timeout.as_ref())?;
                }
                SimpleQueue::put(slf, item, block, timeout.as_ref())?;
            }
        }
        Ok(py.None().into_bound(py))
    }
}

struct Get;

impl FastMethod for Get {
    type Class = SimpleQueue;
    const NAME: &'static CStr = c"get";
    const DOC: &'static CStr = c"get($self, /, block=True, timeout=None)\n--\n\n\
        Takes the next item out, waiting for one if need be.\n\n\
        Args:\n    block: False never waits.\n    \
        timeout: seconds to wait at most, not negative; None waits for ever.\n\n\
        Raises:\n    Empty: there was no item in time.\n    \
        ShutDown: the queue was shut down, and is empty.";

    #[inline(always)]
    fn shortcut<'py>(slf: &Bound<'py, SimpleQueue>, args: Args<'py>) -> Option<Bound<'py, PyAny>> {
        let nothing_asked = args.is_empty();
        nothing_asked.then(|| slf.get().take_simply(slf.py()))?
    }

    fn call<'py>(slf: &Bound<'py, SimpleQueue>, args: Args<'py>) -> PyResult<Bound<'py, PyAny>> {
        if args.is_empty() {
            return SimpleQueue::ask(slf, Ask::Take, true, None);
        }
        let [block, timeout] = args.bind("get", ["block", "timeout"])?;
        let (block, timeout) = wait_arguments(block, timeout)?;
        SimpleQueue::ask(slf, Ask::Take, block, timeout.as_ref())
    }
}

/// `block=` and `timeout=` as they are meant: None is no timeout.
fn wait_arguments<'py>(
    block: Option<Bound<'py, PyAny>>,
    timeout: Option<Bound<'py, PyAny>>,
) -> PyResult<(bool, Option<Bound<'py, PyAny>>)> {
    let block = block.map_or(Ok(true), |block| truth(&block))?;
    Ok((block, timeout.filter(|timeout| !timeout.is_none())))
}
