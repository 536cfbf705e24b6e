//! What a group of greenlets does for each of its members: taking it in, starting it, and letting it go when it ends.
//!
//! `verdigris.pool.Group` and `Pool` derive from it in Python and add what is called once a group. Each step that a
//! subclass may override is a call of the method: `spawn` makes a `greenlet_class` and calls `start`, which calls `add`
//! and the greenlet's `start`; a member that has ended leaves by `_discard`. Where that one isn't overridden, the end
//! of a greenlet takes it out at once, without the hub.

use std::ffi::CStr;

use pyo3::exceptions::PyTypeError;
use pyo3::gc::{PyTraverseError, PyVisit};
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyBool, PyDict, PySet, PyTuple, PyType};

use super::event::Event;
use super::semaphore::Semaphore;
use crate::fast_method::{self, FastMethod};
use crate::gil::GilCell;
use crate::greenlet::method::Args;
use crate::greenlet::task;
use crate::hub::{NativeLink, truth};

pyo3::import_exception!(verdigris.pool, PoolFull);

/// The greenlets that belong together, and room for so many.
#[pyclass(frozen, subclass, weakref, module = "verdigris.pool")]
pub struct Group(GilCell<Members>);

struct Members {
    greenlets: Py<PySet>,
    /// Those of them that have been killed.
    dying: Py<PySet>,
    /// Set while there are none.
    empty: Py<Event>,
    /// Has a permit for each that may still come in. None: there is no bound.
    places: Option<Py<PyAny>>,
}

impl Group {
    fn greenlets<'py>(&self, py: Python<'py>) -> Bound<'py, PySet> {
        self.0.borrow(py).greenlets.bind(py).clone()
    }

    fn dying<'py>(&self, py: Python<'py>) -> Bound<'py, PySet> {
        self.0.borrow(py).dying.bind(py).clone()
    }

    fn empty<'py>(&self, py: Python<'py>) -> Bound<'py, Event> {
        self.0.borrow(py).empty.bind(py).clone()
    }

    fn places<'py>(&self, py: Python<'py>) -> Option<Bound<'py, PyAny>> {
        let members = self.0.borrow(py);
        members
            .places
            .as_ref()
            .map(|places| places.bind(py).clone())
    }

    /// Takes a greenlet in, when there is room for it.
    fn take_in<'py>(
        slf: &Bound<'py, Self>,
        greenlet: &Bound<'py, PyAny>,
        blocking: bool,
        timeout: Option<&Bound<'py, PyAny>>,
    ) -> PyResult<()> {
        let py = slf.py();
        let greenlets = slf.get().greenlets(py);
        if greenlets.contains(greenlet)? {
            return Ok(());
        }
        let places = slf.get().places(py);
        if let Some(places) = &places
            && !acquire(places, blocking, timeout)?
        {
            return Err(PoolFull::new_err(()));
        }
        let taken = Self::link(slf, &greenlets, greenlet);
        if taken.is_err() {
            greenlets.discard(greenlet)?;
            if let Some(places) = &places {
                release(places)?;
            }
        }
        taken
    }

    /// Makes a greenlet a member, until it ends. A raw one stays until `discard`.
    fn link<'py>(
        slf: &Bound<'py, Self>,
        greenlets: &Bound<'py, PySet>,
        greenlet: &Bound<'py, PyAny>,
    ) -> PyResult<()> {
        let py = slf.py();
        let running = task::task_of(greenlet).filter(|task| !task.is_done());
        if let Some(task) = running.filter(|_| leaves_natively(&slf.get_type())) {
            greenlets.add(greenlet)?;
            let link = NativeLink::Group(slf.clone().unbind());
            task.links().push_native(py, link);
        } else {
            if let Some(rawlink) = greenlet.getattr_opt(intern!(py, "rawlink"))? {
                rawlink.call1((slf.getattr(intern!(py, "_discard"))?,))?;
            }
            greenlets.add(greenlet)?;
        }
        slf.get().empty(py).get().unset();
        Ok(())
    }

    /// Forgets a greenlet. False if it was no member.
    pub fn let_go(slf: &Bound<'_, Self>, greenlet: &Bound<'_, PyAny>) -> PyResult<bool> {
        let (py, group) = (slf.py(), slf.get());
        let greenlets = group.greenlets(py);
        if !greenlets.discard(greenlet)? {
            return Ok(false);
        }
        let dying = group.dying(py);
        if !dying.is_empty() {
            dying.discard(greenlet)?;
        }
        if greenlets.is_empty() {
            Event::set(&group.empty(py));
        }
        if let Some(places) = group.places(py) {
            release(&places)?;
        }
        Ok(true)
    }
}

/// Whether a class has our own `_discard`.
fn leaves_natively(class: &Bound<'_, PyType>) -> bool {
    static OURS: PyOnceLock<Option<Py<PyAny>>> = PyOnceLock::new();
    let py = class.py();
    let name = intern!(py, "_discard");
    let ours = OURS.get_or_init(py, || {
        task::lookup(&py.get_type::<Group>(), name).map(Bound::unbind)
    });
    let theirs = task::lookup(class, name);
    ours.as_ref()
        .zip(theirs)
        .is_some_and(|(ours, theirs)| theirs.is(ours))
}

fn acquire<'py>(
    places: &Bound<'py, PyAny>,
    blocking: bool,
    timeout: Option<&Bound<'py, PyAny>>,
) -> PyResult<bool> {
    let py = places.py();
    match places.cast_exact::<Semaphore>() {
        Ok(semaphore) => semaphore
            .get()
            .acquire_permit(py, places, blocking, timeout),
        Err(_) => {
            let acquire = places.call_method1(intern!(py, "acquire"), (blocking, timeout))?;
            acquire.is_truthy()
        }
    }
}

fn release(places: &Bound<'_, PyAny>) -> PyResult<()> {
    let py = places.py();
    match places.cast_exact::<Semaphore>() {
        Ok(semaphore) => semaphore.get().release_permit(py, places),
        Err(_) => {
            places.call_method0(intern!(py, "release"))?;
            0
        }
    };
    Ok(())
}

/// Gives the class the methods that are called for each member.
pub fn register(py: Python<'_>) -> PyResult<()> {
    fast_method::add::<Spawn>(py)?;
    fast_method::add::<Start>(py)?;
    fast_method::add::<Add>(py)?;
    fast_method::add::<Discard>(py)
}

struct Spawn;

impl FastMethod for Spawn {
    type Class = Group;
    const NAME: &'static CStr = c"spawn";
    const DOC: &'static CStr = c"spawn($self, /, *args, **kwargs)\n--\n\n\
        Make a `greenlet_class` of the arguments, start it in the group, return it.";

    fn call<'py>(slf: &Bound<'py, Group>, args: Args<'py>) -> PyResult<Bound<'py, PyAny>> {
        let py = slf.py();
        let class = slf.getattr(intern!(py, "greenlet_class"))?;
        let greenlet = match class.is_instance_of::<PyType>() {
            true => crate::greenlet::construct(&class, args, 0)?,
            false => class.call(args.tuple_from(0)?, args.dict()?.as_ref())?,
        };
        slf.call_method1(intern!(py, "start"), (&greenlet,))?;
        Ok(greenlet)
    }
}

struct Start;

impl FastMethod for Start {
    type Class = Group;
    const NAME: &'static CStr = c"start";
    const DOC: &'static CStr = c"start($self, greenlet, /, *args, **kwargs)\n--\n\n\
        Take in a greenlet that was made and not yet started, and start it. The other arguments are `add`'s.";

    fn call<'py>(slf: &Bound<'py, Group>, args: Args<'py>) -> PyResult<Bound<'py, PyAny>> {
        let py = slf.py();
        let add = intern!(py, "add");
        let greenlet = match args.single() {
            Some(greenlet) => {
                slf.call_method1(add, (&greenlet,))?;
                greenlet
            }
            None => {
                let kwargs = args.dict()?;
                let named = kwargs.as_ref().map(|kwargs| kwargs.get_item("greenlet"));
                let named = named.transpose()?.flatten();
                let greenlet = args.get(0).or(named).ok_or_else(|| missing("start"))?;
                slf.call_method(add, args.tuple_from(0)?, kwargs.as_ref())?;
                greenlet
            }
        };
        greenlet.call_method0(intern!(py, "start"))
    }
}

struct Add;

impl FastMethod for Add {
    type Class = Group;
    const NAME: &'static CStr = c"add";
    const DOC: &'static CStr = c"add($self, /, greenlet, blocking=True, timeout=None)\n--\n\n\
        Take in a greenlet; it leaves by itself when it ends. A raw one stays until `discard`.\n\n\
        A pool that is full waits for room if `blocking`, at most `timeout` seconds; a group is never full.\n\n\
        Raises:\n    PoolFull: there was no room.";

    fn call<'py>(slf: &Bound<'py, Group>, args: Args<'py>) -> PyResult<Bound<'py, PyAny>> {
        if let Some(greenlet) = args.single() {
            Group::take_in(slf, &greenlet, true, None)?;
        } else {
            let [greenlet, blocking, timeout] =
                args.bind("add", ["greenlet", "blocking", "timeout"])?;
            let greenlet = greenlet.ok_or_else(|| missing("add"))?;
            let blocking = blocking.map_or(Ok(true), |blocking| truth(&blocking))?;
            let timeout = timeout.filter(|timeout| !timeout.is_none());
            Group::take_in(slf, &greenlet, blocking, timeout.as_ref())?;
        }
        Ok(slf.py().None().into_bound(slf.py()))
    }
}

struct Discard;

impl FastMethod for Discard {
    type Class = Group;
    const NAME: &'static CStr = c"_discard";
    const DOC: &'static CStr = c"_discard($self, greenlet, /)\n--\n\n\
        Forget a greenlet; False if it is no member. Called with each that has ended.";

    fn call<'py>(slf: &Bound<'py, Group>, args: Args<'py>) -> PyResult<Bound<'py, PyAny>> {
        let greenlet = args.single().ok_or_else(|| missing("_discard"))?;
        let was_member = Group::let_go(slf, &greenlet)?;
        Ok(PyBool::new(slf.py(), was_member).to_owned().into_any())
    }
}

fn missing(method: &str) -> PyErr {
    PyTypeError::new_err(format!("{method}() needs a greenlet"))
}

#[pymethods]
impl Group {
    #[new]
    #[pyo3(signature = (*_args, **_kwargs))]
    fn new(
        py: Python<'_>,
        _args: &Bound<'_, PyTuple>,
        _kwargs: Option<&Bound<'_, PyDict>>,
    ) -> PyResult<Self> {
        let empty = Bound::new(py, Event::default())?;
        Event::set(&empty);
        Ok(Self(GilCell::new(Members {
            greenlets: PySet::empty(py)?.unbind(),
            dying: PySet::empty(py)?.unbind(),
            empty: empty.unbind(),
            places: None,
        })))
    }

    /// Let go of a greenlet, which goes on running.
    fn discard(slf: &Bound<'_, Self>, greenlet: &Bound<'_, PyAny>) -> PyResult<()> {
        let py = slf.py();
        let discard = slf.getattr(intern!(py, "_discard"))?;
        if !discard.call1((greenlet,))?.is_truthy()? {
            return Ok(());
        }
        if let Some(task) = task::task_of(greenlet)
            && task.links().unlink_native(py, slf.as_any())
        {
            return Ok(());
        }
        if let Some(unlink) = greenlet.getattr_opt(intern!(py, "unlink"))? {
            unlink.call1((discard,))?;
        }
        Ok(())
    }

    /// The members: a set.
    #[getter(greenlets)]
    fn members<'py>(&self, py: Python<'py>) -> Bound<'py, PySet> {
        self.greenlets(py)
    }

    /// Those of them that have been killed: a set.
    #[getter(dying)]
    fn dying_members<'py>(&self, py: Python<'py>) -> Bound<'py, PySet> {
        self.dying(py)
    }

    /// An Event that is set while there are no members.
    #[getter]
    fn _empty_event<'py>(&self, py: Python<'py>) -> Bound<'py, Event> {
        self.empty(py)
    }

    /// What has a permit for each greenlet that may still come in; None in a group.
    #[getter]
    fn _semaphore<'py>(&self, py: Python<'py>) -> Option<Bound<'py, PyAny>> {
        self.places(py)
    }

    #[setter(_semaphore)]
    fn set_places(&self, py: Python<'_>, places: Option<Py<PyAny>>) {
        let old = std::mem::replace(&mut self.0.borrow_mut(py).places, places);
        drop(old);
    }

    fn __len__(&self, py: Python<'_>) -> usize {
        self.greenlets(py).len()
    }

    fn __contains__(&self, greenlet: &Bound<'_, PyAny>) -> PyResult<bool> {
        self.greenlets(greenlet.py()).contains(greenlet)
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        self.0.inspect(|members| {
            visit.call(&members.greenlets)?;
            visit.call(&members.dying)?;
            visit.call(&members.empty)?;
            visit.call(&members.places)
        })
    }

    fn __clear__(&self, py: Python<'_>) {
        // What the sets refer to they clear themselves.
        let places = self.0.borrow_mut(py).places.take();
        drop(places);
    }
}
