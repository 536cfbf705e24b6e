//! Where a `Greenlet` comes from: who made it, from which lines, and what its whole tree shares.
//!
//! It is noted for each greenlet, so it must cost next to nothing: code objects and instruction
//! offsets are kept, and made into lines when somebody asks.

#![expect(unsafe_code, reason = "frames are walked through the C API")]

use std::cell::OnceCell;
use std::ffi::c_int;
use std::ptr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Weak};

use pyo3::ffi;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyTuple, PyType};

use super::greenlet_ref::GreenletRef;
use super::task::lookup;
use crate::gil::{GilCell, Ref, Slot};

/// What is noted when a `Greenlet` is made.
#[derive(Default)]
pub struct Origin {
    /// A weak reference to the greenlet that made it.
    pub spawner: Slot,
    /// A dict that all share that descend from one greenlet of the main greenlet's.
    pub locals: Slot,
    /// The stack that it was made from. Those that are made in a loop share it.
    frames: OnceCell<Arc<[Frame]>>,
}

/// The stack that a greenlet was made from last, as long as one of that stack is left: most are made where the one before was.
static LATEST: GilCell<Weak<[Frame]>> = GilCell::new(Weak::<[Frame; 0]>::new());

/// One frame of the stack that a greenlet was made from.
struct Frame {
    code: Ref,
    offset: c_int,
}

static TRACKED: AtomicBool = AtomicBool::new(true);

/// track_greenlet_tree(flag)
///
/// Whether greenlets that are made from now on note where they come from.
#[pyfunction]
pub fn track_greenlet_tree(flag: bool) {
    TRACKED.store(flag, Ordering::Relaxed);
}

impl Origin {
    /// Notes the running greenlet as the one that makes an instance of `class`, and its stack.
    pub fn note(&self, class: &Bound<'_, PyType>) -> PyResult<()> {
        if TRACKED.load(Ordering::Relaxed) {
            self.note_spawner(class.py())?;
            let _ = self.frames.set(frames(class.py(), limit(class)));
        }
        Ok(())
    }

    /// What is made here, without the stack; None if nothing is to be noted.
    pub fn here(py: Python<'_>) -> PyResult<Option<Self>> {
        if !TRACKED.load(Ordering::Relaxed) {
            return Ok(None);
        }
        let origin = Self::default();
        origin.note_spawner(py)?;
        Ok(Some(origin))
    }

    fn note_spawner(&self, py: Python<'_>) -> PyResult<()> {
        let spawner = GreenletRef::current(py)?;
        // SAFETY: greenlets can be weakly referred to; CPython gives the same reference each time.
        let weak = unsafe {
            let spawner = spawner.bind(py).as_ptr();
            Bound::from_owned_ptr_or_err(py, ffi::PyWeakref_NewRef(spawner, ptr::null_mut()))?
        };
        drop(self.spawner.replace(Some(weak.into())));
        if let Some(theirs) = spawner.inner().origin() {
            let locals = theirs.shared_locals(py);
            drop(self.locals.replace(Some(locals.into())));
        }
        Ok(())
    }

    /// The tree's dict, made when first asked for.
    pub fn shared_locals<'py>(&self, py: Python<'py>) -> Bound<'py, PyAny> {
        self.locals.get(py).unwrap_or_else(|| {
            let locals = PyDict::new(py).into_any();
            drop(self.locals.replace(Some(locals.clone().into())));
            locals
        })
    }

    /// The frames as (code, line number), innermost first.
    pub fn lines<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyTuple>> {
        let lines: Vec<_> = (self
            .frames
            .get()
            .into_iter()
            .flat_map(|frames| frames.iter()))
        .map(|frame| {
            let code = frame.code.bind(py).clone();
            // SAFETY: a frame's code is a code object, and the offset is one of its own.
            let line = unsafe { ffi::PyCode_Addr2Line(code.as_ptr().cast(), frame.offset) };
            (code, line)
        })
        .collect();
        PyTuple::new(py, lines)
    }

    pub fn each_object(&self, see: &mut impl FnMut(*mut ffi::PyObject)) {
        see(self.spawner.as_ptr());
        see(self.locals.as_ptr());
    }

    pub fn clear(&self) {
        drop((self.spawner.take(), self.locals.take()));
    }
}

/// How many frames `class` wants to have kept.
fn limit(class: &Bound<'_, PyType>) -> usize {
    lookup(class, intern!(class.py(), "spawning_stack_limit"))
        .and_then(|limit| limit.extract().ok())
        .unwrap_or(0)
}

/// The innermost frames of the running greenlet.
fn frames(py: Python<'_>, limit: usize) -> Arc<[Frame]> {
    let latest = LATEST.borrow(py).upgrade();
    if let Some(latest) = latest {
        let mut same = 0;
        let mut others = false;
        walk(limit, |code, offset| {
            let known = latest.get(same);
            others = !known.is_some_and(|known| {
                ptr::eq(known.code.as_ptr(), code.as_ptr()) && known.offset == offset
            });
            same += 1;
            !others
        });
        if !others && same == latest.len() {
            return latest;
        }
    }
    let mut frames = Vec::with_capacity(limit);
    walk(limit, |code, offset| {
        frames.push(Frame { code, offset });
        true
    });
    let frames: Arc<[Frame]> = frames.into();
    *LATEST.borrow_mut(py) = Arc::downgrade(&frames);
    frames
}

/// Shows the innermost frames of the running greenlet, until one is not wanted.
fn walk(limit: usize, mut wants: impl FnMut(Ref, c_int) -> bool) {
    // SAFETY: the GIL is held. GetFrame, GetBack and GetCode give new references or null; each is
    // given up here, or to a Ref.
    unsafe {
        let mut at = ffi::PyThreadState_GetFrame(ffi::PyThreadState_Get());
        for _ in 0..limit {
            if at.is_null() {
                return;
            }
            let wanted = Ref::from_owned(ffi::PyFrame_GetCode(at).cast())
                .is_none_or(|code| wants(code, ffi::PyFrame_GetLasti(at)));
            let back = match wanted {
                true => ffi::PyFrame_GetBack(at),
                false => ptr::null_mut(),
            };
            ffi::Py_DECREF(at.cast());
            at = back;
        }
        ffi::Py_XDECREF(at.cast());
    }
}
