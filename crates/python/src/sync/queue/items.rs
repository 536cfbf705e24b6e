//! What a queue holds, and in which order it gives it out.
//!
//! Items live in a Rust deque until somebody looks at the `queue` attribute. From then on the
//! Python object that was shown holds them, because whoever saw it may change it. A heap is
//! always a Python list: `heapq` keeps it, and the comparisons are Python's anyway.

use std::collections::VecDeque;

use pyo3::gc::{PyTraverseError, PyVisit};
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::PyList;

use crate::gil::{GilCell, keep};

#[derive(Clone, Copy, PartialEq)]
pub enum Order {
    Fifo,
    Lifo,
    Priority,
}

enum Store {
    Native(VecDeque<Py<PyAny>>),
    Shown(Py<PyAny>),
}

pub struct Items {
    order: Order,
    store: GilCell<Store>,
}

impl Items {
    pub fn new(order: Order) -> Self {
        Self {
            order,
            store: GilCell::new(Store::Native(VecDeque::new())),
        }
    }

    /// Whether Python orders the items.
    #[inline]
    pub fn is_heap(&self) -> bool {
        self.order == Order::Priority
    }

    #[inline]
    pub fn len(&self, py: Python<'_>) -> PyResult<usize> {
        let shown = match &*self.store.borrow(py) {
            Store::Native(items) => return Ok(items.len()),
            Store::Shown(object) => object.clone_ref(py),
        };
        shown.bind(py).len()
    }

    #[inline]
    pub fn push(&self, item: Bound<'_, PyAny>) -> PyResult<()> {
        let py = item.py();
        if !self.is_heap() && self.push_simply(&item, |_| true) {
            return Ok(());
        }
        let shown = self.show(py)?;
        match self.order {
            Order::Fifo | Order::Lifo => shown.call_method1(intern!(py, "append"), (item,))?,
            Order::Priority => heapq(py, &HEAPPUSH, "heappush")?.call1((shown, item))?,
        };
        Ok(())
    }

    /// Adds an item, if Python is not needed for that and `agree`, which is told how many there are, says so. Not for
    /// a heap.
    #[inline(always)]
    pub fn push_simply(&self, item: &Bound<'_, PyAny>, agree: impl FnOnce(usize) -> bool) -> bool {
        let Some(mut store) = self.store.try_borrow_mut(item.py()) else {
            return false;
        };
        match &mut *store {
            Store::Native(items) if agree(items.len()) => {
                items.push_back(keep(item).unbind());
                true
            }
            _ => false,
        }
    }

    /// Takes the next item out, if there is one and Python is not needed for it.
    #[inline(always)]
    pub fn pop_native<'py>(&self, py: Python<'py>) -> Option<Bound<'py, PyAny>> {
        let popped = match &mut *self.store.try_borrow_mut(py)? {
            Store::Native(items) if self.order == Order::Lifo => items.pop_back(),
            Store::Native(items) => items.pop_front(),
            Store::Shown(_) => None,
        };
        popped.map(|item| item.into_bound(py))
    }

    /// Takes the next item out. An error (Python's IndexError) when there is none.
    #[inline]
    pub fn pop<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        match self.pop_native(py) {
            Some(item) => Ok(item),
            None => self.pop_shown(py),
        }
    }

    /// The same, of the Python object that holds the items.
    #[cold]
    fn pop_shown<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        let shown = self.show(py)?;
        match self.order {
            Order::Fifo => shown.call_method0(intern!(py, "popleft")),
            Order::Lifo => shown.call_method0(intern!(py, "pop")),
            Order::Priority => heapq(py, &HEAPPOP, "heappop")?.call1((shown,)),
        }
    }

    /// The next item, which stays. An error (Python's IndexError) when there is none.
    pub fn peek<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        let next = match &*self.store.borrow(py) {
            Store::Native(items) if self.order == Order::Lifo => {
                items.back().map(|item| item.clone_ref(py))
            }
            Store::Native(items) => items.front().map(|item| item.clone_ref(py)),
            Store::Shown(_) => None,
        };
        if let Some(item) = next {
            return Ok(item.into_bound(py));
        }
        let shown = self.show(py)?;
        let index = if self.order == Order::Lifo { -1 } else { 0 };
        shown.get_item(index)
    }

    /// A Python object of the kind that holds this order: a deque, a list, or a heap.
    pub fn container<'py>(&self, items: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
        let py = items.py();
        match self.order {
            Order::Fifo => deque_type(py)?.call1((items,)),
            Order::Lifo => Ok(list_of(items)?.into_any()),
            Order::Priority => {
                let list = list_of(items)?.into_any();
                heapq(py, &HEAPIFY, "heapify")?.call1((&list,))?;
                Ok(list)
            }
        }
    }

    /// Replaces all items.
    pub fn fill(&self, items: &Bound<'_, PyAny>) -> PyResult<()> {
        let py = items.py();
        let store = if self.order == Order::Priority {
            Store::Shown(self.container(items)?.unbind())
        } else {
            let items = items.try_iter()?.map(|item| item.map(Bound::unbind));
            Store::Native(items.collect::<PyResult<_>>()?)
        };
        self.replace(py, store);
        Ok(())
    }

    /// Has `object` hold the items from now on.
    pub fn show_as(&self, object: Bound<'_, PyAny>) {
        let py = object.py();
        self.replace(py, Store::Shown(object.unbind()));
    }

    /// The Python object that holds the items; it does from now on.
    pub fn show<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        let shown = match &*self.store.borrow(py) {
            Store::Native(_) => None,
            Store::Shown(object) => Some(object.clone_ref(py)),
        };
        if let Some(object) = shown {
            return Ok(object.into_bound(py));
        }
        let object = self.snapshot(py)?;
        self.show_as(object.clone());
        Ok(object)
    }

    /// A copy of the items as the kind of Python object that holds them.
    pub fn snapshot<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        let (native, shown) = match &*self.store.borrow(py) {
            Store::Native(items) => (
                items
                    .iter()
                    .map(|item| item.clone_ref(py))
                    .collect::<Vec<_>>(),
                None,
            ),
            Store::Shown(object) => (Vec::new(), Some(object.clone_ref(py))),
        };
        match shown {
            Some(object) => Ok(object.into_bound(py)),
            None => self.container(PyList::new(py, native)?.as_any()),
        }
    }

    pub fn traverse(&self, visit: &PyVisit<'_>) -> Result<(), PyTraverseError> {
        self.store.inspect(|store| match store {
            Store::Native(items) => items.iter().try_for_each(|item| visit.call(item)),
            Store::Shown(object) => visit.call(object),
        })
    }

    pub fn clear(&self, py: Python<'_>) {
        self.replace(py, Store::Native(VecDeque::new()));
    }

    fn replace(&self, py: Python<'_>, store: Store) {
        let old = std::mem::replace(&mut *self.store.borrow_mut(py), store);
        drop(old);
    }
}

fn list_of<'py>(items: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyList>> {
    let list = PyList::empty(items.py());
    list.call_method1(intern!(items.py(), "extend"), (items,))?;
    Ok(list)
}

fn deque_type(py: Python<'_>) -> PyResult<&Bound<'_, PyAny>> {
    DEQUE.import(py, "collections", "deque")
}

fn heapq<'py>(
    py: Python<'py>,
    function: &'static PyOnceLock<Py<PyAny>>,
    name: &str,
) -> PyResult<&'py Bound<'py, PyAny>> {
    function.import(py, "heapq", name)
}

static DEQUE: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
static HEAPPUSH: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
static HEAPPOP: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
static HEAPIFY: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
