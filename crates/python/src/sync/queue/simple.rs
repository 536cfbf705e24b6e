//! `SimpleQueue`: items and the two lines of greenlets that put and get them.
//!
//! A subclass may override `_init`, `_qsize`, `_put`, `_get` and `_peek`, as subclasses of the
//! standard queues do; then, and only then, they are called. `flow` tells how waiting works,
//! `methods` are `put` and `get` as Python calls them.

use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

use pyo3::exceptions::{PyDeprecationWarning, PyStopIteration};
use pyo3::gc::{PyTraverseError, PyVisit};
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyGenericAlias, PyTuple, PyType};
use wait::{Counter, Line};

use super::errors::{check, empty, full, prepare, shut_down, timed_out};
use super::flow::Flow;
use super::items::{Items, Order};
use crate::hub::{WaitQueue, Wake, hub_if_exists, truth};

/// A queue of at most `maxsize` items, first in, first out.
///
/// It is true however few items it has. Iterating over it gets items until the item
/// `StopIteration` comes.
///
/// Args:
///     maxsize: how many items it holds before `put()` waits; None, 0 and less mean no bound.
///     items: what it holds at first.
#[pyclass(frozen, subclass, weakref, module = "verdigris.queue")]
pub struct SimpleQueue {
    pub items: Items,
    pub flow: Flow,
    pub shut_down: AtomicBool,
    /// Tasks put and not done, and who waits for there to be none: what `Queue` adds.
    pub unfinished: Counter,
    pub finished: WaitQueue,
    /// The class overrides some of the hooks.
    hooked: AtomicBool,
    /// `repr` is at its items, among which it may find the queue itself.
    describing: AtomicBool,
}

/// What is asked of the next item.
#[derive(Clone, Copy)]
pub enum Ask {
    Take,
    Peek,
}

impl SimpleQueue {
    pub fn with_order(order: Order) -> Self {
        Self {
            items: Items::new(order),
            flow: Flow::default(),
            shut_down: AtomicBool::new(false),
            unfinished: Counter::default(),
            finished: WaitQueue::default(),
            hooked: AtomicBool::new(false),
            describing: AtomicBool::new(false),
        }
    }

    pub fn init(
        slf: &Bound<'_, Self>,
        maxsize: Option<isize>,
        items: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<()> {
        let (py, queue) = (slf.py(), slf.get());
        if maxsize == Some(0) {
            let text =
                c"Queue(0) now equivalent to Queue(None); if you want a channel, use Channel";
            PyErr::warn(py, &py.get_type::<PyDeprecationWarning>(), text, 1)?;
        }
        queue.flow.set_maxsize(maxsize);
        let hooked = overrides_hooks(slf.get_type())?;
        queue.hooked.store(hooked, Relaxed);
        queue.flow.complicate();
        let items = items
            .map(|items| Ok::<_, PyErr>((items, items.is_truthy()?)))
            .transpose()?;
        let items = items.and_then(|(items, any)| any.then_some(items));
        match items {
            Some(items) if queue.is_hooked() => slf
                .call_method1("_init", (queue.maxsize(), items))
                .map(drop),
            None if queue.is_hooked() => slf.call_method1("_init", (queue.maxsize(),)).map(drop),
            Some(items) => queue.items.fill(items),
            None => {
                queue.items.clear(py);
                Ok(())
            }
        }
    }

    #[inline]
    fn is_hooked(&self) -> bool {
        self.hooked.load(Relaxed)
    }

    /// How many items there are, promised ones as well.
    #[inline]
    fn len(slf: &Bound<'_, Self>) -> PyResult<usize> {
        let queue = slf.get();
        if queue.is_hooked() {
            return slf.call_method0(intern!(slf.py(), "_qsize"))?.extract();
        }
        queue.items.len(slf.py())
    }

    fn available(slf: &Bound<'_, Self>) -> PyResult<isize> {
        Ok(slf.get().flow.available(Self::len(slf)?))
    }

    /// Promises to those who wait what there is for them.
    #[inline]
    pub fn promise(slf: &Bound<'_, Self>) -> PyResult<()> {
        let flow = &slf.get().flow;
        if !flow.is_idle(slf.py()) {
            flow.promise(slf.py(), Self::len(slf)?);
        }
        slf.get().simplify(slf.py());
        Ok(())
    }

    /// Notes whether the next `put` and `get` are simple. Whatever makes them less so must say `flow.complicate()`.
    #[inline]
    fn simplify(&self, py: Python<'_>) {
        if !self.is_hooked() && !self.shut_down.load(Relaxed) && !self.items.is_heap() {
            self.flow.simplify(py);
        }
    }

    /// Puts an item, if that is all there is to it: room, no hooks, nobody waiting. False: nothing was done.
    #[inline(always)]
    pub fn put_simply(&self, item: &Bound<'_, PyAny>) -> bool {
        let put = self
            .items
            .push_simply(item, |len| self.flow.puts_simply(len));
        if put {
            self.unfinished.add(1);
        }
        put
    }

    /// Takes the next item, if that is all there is to it.
    #[inline(always)]
    pub fn take_simply<'py>(&self, py: Python<'py>) -> Option<Bound<'py, PyAny>> {
        let simple = self.flow.takes_simply();
        simple.then(|| self.items.pop_native(py))?
    }

    /// Has `put` and `get` raise `ShutDown`, once there is nothing left to get.
    pub fn shut_down(&self) {
        self.shut_down.store(true, Relaxed);
        self.flow.complicate();
    }

    /// Puts an item: at once if there is room, else after a wait for it, if it may be waited for.
    #[inline]
    pub fn put<'py>(
        slf: &Bound<'py, Self>,
        item: Bound<'py, PyAny>,
        block: bool,
        timeout: Option<&Bound<'py, PyAny>>,
    ) -> PyResult<()> {
        let queue = slf.get();
        if queue.shut_down.load(Relaxed) {
            return Err(shut_down(slf.py()));
        }
        if queue.flow.has_room(Self::len(slf)?) {
            return Self::put_now(slf, item);
        }
        if !block {
            return Err(full());
        }
        Self::wait_and_put(slf, item, timeout)
    }

    #[inline]
    fn put_now(slf: &Bound<'_, Self>, item: Bound<'_, PyAny>) -> PyResult<()> {
        let queue = slf.get();
        queue.unfinished.add(1);
        let put = if queue.is_hooked() {
            slf.call_method1(intern!(slf.py(), "_put"), (item,))
                .map(drop)
        } else {
            queue.items.push(item)
        };
        if put.is_err() {
            queue.unfinished.add(-1);
        }
        Self::promise(slf)?;
        put
    }

    #[inline]
    fn answer<'py>(slf: &Bound<'py, Self>, ask: Ask) -> PyResult<Bound<'py, PyAny>> {
        let (py, queue) = (slf.py(), slf.get());
        let item = match (ask, queue.is_hooked()) {
            (Ask::Take, false) => queue.items.pop(py),
            (Ask::Peek, false) => queue.items.peek(py),
            (Ask::Take, true) => slf.call_method0(intern!(py, "_get")),
            (Ask::Peek, true) => slf.call_method0(intern!(py, "_peek")),
        };
        Self::promise(slf)?;
        item
    }

    #[cold]
    fn wait_and_put(
        slf: &Bound<'_, Self>,
        item: Bound<'_, PyAny>,
        timeout: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<()> {
        let (py, queue) = (slf.py(), slf.get());
        check(timeout)?;
        let limit = prepare(py, timeout, full)?;
        if queue.shut_down.load(Relaxed) {
            return Err(shut_down(py));
        }
        if queue.flow.has_room(Self::len(slf)?) {
            return Self::put_now(slf, item);
        }
        match queue.flow.wait(py, Line::Putters, &limit)? {
            Wake::Notified => {
                queue.flow.redeem_slot();
                if queue.shut_down.load(Relaxed) {
                    return Err(shut_down(py));
                }
                Self::put_now(slf, item)
            }
            Wake::TimedOut => Err(timed_out(py, limit, full())),
            Wake::Thrown { error, notified } => {
                if notified {
                    queue.flow.redeem_slot();
                    Self::promise(slf)?;
                }
                Err(error)
            }
        }
    }

    /// Takes or shows the next item: at once if there is one, else after a wait for it, if it may be waited for.
    #[inline]
    pub fn ask<'py>(
        slf: &Bound<'py, Self>,
        ask: Ask,
        block: bool,
        timeout: Option<&Bound<'py, PyAny>>,
    ) -> PyResult<Bound<'py, PyAny>> {
        if Self::available(slf)? > 0 {
            return Self::answer(slf, ask);
        }
        if slf.get().shut_down.load(Relaxed) {
            return Err(shut_down(slf.py()));
        }
        if !block {
            return Err(empty());
        }
        Self::wait_and_ask(slf, ask, timeout)
    }

    #[cold]
    fn wait_and_ask<'py>(
        slf: &Bound<'py, Self>,
        ask: Ask,
        timeout: Option<&Bound<'py, PyAny>>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let (py, queue) = (slf.py(), slf.get());
        check(timeout)?;
        let limit = prepare(py, timeout, empty)?;
        loop {
            if Self::available(slf)? > 0 {
                return Self::answer(slf, ask);
            }
            if queue.shut_down.load(Relaxed) {
                return Err(shut_down(py));
            }
            match queue.flow.wait(py, Line::Getters, &limit)? {
                Wake::Notified => {
                    queue.flow.redeem_item();
                    if Self::len(slf)? > 0 {
                        return Self::answer(slf, ask);
                    }
                    // Somebody emptied `queue.queue` by hand: there is nothing for us after all.
                    limit.start(py)?;
                }
                Wake::TimedOut => return Err(timed_out(py, limit, empty())),
                Wake::Thrown { error, notified } => {
                    if notified {
                        queue.flow.redeem_item();
                        Self::promise(slf)?;
                    }
                    return Err(error);
                }
            }
        }
    }

    /// What both `repr` and `str` tell of the contents.
    pub fn describe(slf: &Bound<'_, Self>) -> PyResult<String> {
        let (py, queue) = (slf.py(), slf.get());
        let mut text = String::new();
        if let Some(maxsize) = queue.flow.maxsize() {
            text += &format!(" maxsize={maxsize}");
        }
        let items = queue.items.snapshot(py)?;
        if queue.describing.swap(true, Relaxed) {
            text += " queue=[...]";
        } else {
            let items = items
                .is_truthy()
                .and_then(|any| any.then(|| items.repr()).transpose());
            queue.describing.store(false, Relaxed);
            if let Some(items) = items? {
                text += &format!(" queue={items}");
            }
        }
        for (name, line) in [
            ("getters", &queue.flow.getters),
            ("putters", &queue.flow.putters),
        ] {
            match line.len(py) {
                0 => {}
                waiting => text += &format!(" {name}[{waiting}]"),
            }
        }
        Ok(text)
    }
}

#[pymethods]
impl SimpleQueue {
    #[new]
    #[pyo3(signature = (*_args, **_kwargs))]
    fn new(_args: &Bound<'_, PyTuple>, _kwargs: Option<&Bound<'_, PyDict>>) -> Self {
        Self::with_order(Order::Fifo)
    }

    #[pyo3(signature = (maxsize=None, items=None))]
    fn __init__(
        slf: &Bound<'_, Self>,
        maxsize: Option<isize>,
        items: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<()> {
        Self::init(slf, maxsize, items)
    }

    #[classmethod]
    fn __class_getitem__<'py>(
        cls: &Bound<'py, PyType>,
        item: &Bound<'py, PyAny>,
    ) -> PyResult<Bound<'py, PyGenericAlias>> {
        PyGenericAlias::new(cls.py(), cls.as_any(), item)
    }

    /// The same as `put(item, block=False)`.
    fn put_nowait(slf: &Bound<'_, Self>, item: Bound<'_, PyAny>) -> PyResult<()> {
        Self::put(slf, item, false, None)
    }

    /// The same as `get(block=False)`.
    fn get_nowait<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>> {
        Self::ask(slf, Ask::Take, false, None)
    }

    /// Returns the next item without taking it out; else as `get()`.
    #[pyo3(signature = (block=true, timeout=None))]
    fn peek<'py>(
        slf: &Bound<'py, Self>,
        #[pyo3(from_py_with = truth)] block: bool,
        timeout: Option<&Bound<'py, PyAny>>,
    ) -> PyResult<Bound<'py, PyAny>> {
        Self::ask(slf, Ask::Peek, block, timeout)
    }

    /// The same as `peek(block=False)`.
    fn peek_nowait<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>> {
        Self::ask(slf, Ask::Peek, false, None)
    }

    /// How many items can be had. Where we differ from gevent: an item that a woken greenlet is
    /// about to take is not counted.
    fn qsize(slf: &Bound<'_, Self>) -> PyResult<isize> {
        Self::available(slf)
    }

    fn __len__(slf: &Bound<'_, Self>) -> PyResult<usize> {
        slf.call_method0(intern!(slf.py(), "qsize"))?.extract()
    }

    fn __bool__(&self) -> bool {
        true
    }

    /// True if no item can be had.
    fn empty(slf: &Bound<'_, Self>) -> PyResult<bool> {
        Ok(Self::available(slf)? == 0)
    }

    /// True if `put()` would have to wait.
    fn full(slf: &Bound<'_, Self>) -> PyResult<bool> {
        Ok(!slf.get().flow.has_room(Self::len(slf)?))
    }

    /// A new queue of this class with the same bound and items.
    fn copy<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>> {
        let (py, queue) = (slf.py(), slf.get());
        slf.get_type()
            .call1((queue.maxsize(), queue.items.snapshot(py)?))
    }

    /// The hub of the thread that asks, or None. A queue belongs to none.
    #[getter]
    fn hub(&self, py: Python<'_>) -> PyResult<Py<PyAny>> {
        hub_if_exists(py)
    }

    /// How many items it holds before `put()` waits; None if there is no bound.
    #[getter]
    fn maxsize(&self) -> Option<isize> {
        self.flow.maxsize()
    }

    #[setter]
    fn set_maxsize(slf: &Bound<'_, Self>, maxsize: Option<isize>) -> PyResult<()> {
        slf.get().flow.set_maxsize(maxsize);
        Self::promise(slf)
    }

    /// The deque, list or heap that holds the items. It is live: it may be changed.
    #[getter]
    fn queue<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        self.items.show(py)
    }

    #[setter]
    fn set_queue(&self, items: Bound<'_, PyAny>) {
        self.items.show_as(items);
    }

    /// True once `Queue.shutdown()` was called.
    #[getter]
    fn is_shutdown(&self) -> bool {
        self.shut_down.load(Relaxed)
    }

    #[pyo3(signature = (maxsize, items=None))]
    fn _init(
        &self,
        maxsize: Option<&Bound<'_, PyAny>>,
        items: Option<&Bound<'_, PyAny>>,
        py: Python<'_>,
    ) -> PyResult<()> {
        let _ = maxsize;
        match items {
            Some(items) => self.items.fill(items),
            None => self.items.fill(PyTuple::empty(py).as_any()),
        }
    }

    fn _qsize(&self, py: Python<'_>) -> PyResult<usize> {
        self.items.len(py)
    }

    fn _put(&self, item: Bound<'_, PyAny>) -> PyResult<()> {
        self.items.push(item)
    }

    fn _get<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        self.items.pop(py)
    }

    fn _peek<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        self.items.peek(py)
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
        Ok(format!(
            "<{} at {:p}{}>",
            slf.get_type().name()?,
            slf.as_ptr(),
            Self::describe(slf)?
        ))
    }

    fn __str__(slf: &Bound<'_, Self>) -> PyResult<String> {
        Ok(format!(
            "<{}{}>",
            slf.get_type().name()?,
            Self::describe(slf)?
        ))
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        self.items.traverse(&visit)
    }

    fn __clear__(&self, py: Python<'_>) {
        self.items.clear(py);
    }
}

/// Whether a class has hooks of its own.
fn overrides_hooks(class: Bound<'_, PyType>) -> PyResult<bool> {
    let base = class.py().get_type::<SimpleQueue>();
    if class.is(&base) {
        return Ok(false);
    }
    for hook in ["_init", "_qsize", "_put", "_get", "_peek"] {
        if !class.getattr(hook)?.is(&base.getattr(hook)?) {
            return Ok(true);
        }
    }
    Ok(false)
}
