//! Who can reach what a suspended greenlet has on its stack.
//!
//! CPython's frames (`_PyInterpreterFrame`) lie on the greenlet's own stack, in its data room. Somebody else than the
//! greenlet can come to read them in two ways only: by a frame object, which points to its frame until that has
//! returned; and by the frame of a generator or coroutine, which lies in the heap and points to the frame that runs it.
//!
//! Where such a greenlet's stack is needed by another one nevertheless (`shared_stack.rs`), its frames are moved to where they can be
//! read meanwhile, and back before it goes on: [`move_chain`] has those who point to them point to the new place.
//!
//! And the garbage collector strings the objects that it looks at on lists, which begin and end on the C stack of whoever
//! runs it. A finalizer that it calls may wait, and whoever frees one of those objects meanwhile writes to its neighbours.
//!
//! The fields' offsets are those of the interpreter's internal headers (`build.rs`).

#![expect(unsafe_code, reason = "walks CPython's frames")]

use std::ffi::c_int;
use std::ops::Range;
use std::ptr;

use pyo3::ffi;
use pyo3::prelude::*;

mod layout {
    include!(concat!(env!("OUT_DIR"), "/frame_layout.rs"));
}

/// Whether nobody but the greenlet itself can reach its frames, which `innermost` is the first of, and all of which
/// must lie in `room`, except for the interpreter's own.
///
/// A frame object does no harm if only its frame refers to it (`sys._getframe` has made it, and whoever called that has
/// forgotten it), for the collector does not know frame objects whose frames still run. Any other reference may be read
/// from at any time: a traceback's, a debugger's, that of a deeper frame which has become an object with an `f_back`.
///
/// # Safety
/// `innermost` is null, or the innermost frame of a suspended greenlet whose stack is in place.
pub unsafe fn are_private(innermost: *mut u8, room: &Range<usize>) -> bool {
    let mut frame = innermost;
    // SAFETY: a chain of live frames that ends in null; the offsets are those of the headers.
    unsafe {
        while !frame.is_null() {
            let owner = usize::from(frame.add(layout::OWNER).read());
            if owner == layout::OWNED_BY_GENERATOR || owner == layout::OWNED_BY_FRAME_OBJECT {
                return false;
            }
            if owner == layout::OWNED_BY_THREAD
                && !(room.contains(&frame.addr()) && is_unshared(*pointer(frame, layout::OBJECT)))
            {
                return false;
            }
            frame = *pointer(frame, layout::PREVIOUS);
        }
    }
    true
}

/// Part of a stack, which has been copied word for word and is to be read at its new place from now on; or back.
pub struct Move {
    pub from: Range<usize>,
    pub to: *mut u8,
}

impl Move {
    /// The way back.
    pub fn reversed(&self) -> Self {
        let to = ptr::with_exposed_provenance_mut(self.from.start);
        let start = self.to.expose_provenance();
        Self {
            from: start..start + self.from.len(),
            to,
        }
    }

    /// Where what was at an address is now.
    pub fn of(&self, at: *mut u8) -> *mut u8 {
        match self.from.contains(&at.addr()) {
            true => self.to.wrapping_add(at.addr() - self.from.start),
            false => at,
        }
    }
}

/// Has everything that refers to the frames of a suspended greenlet find them at their new places: frame objects, and frames
/// themselves, of which those of generators lie elsewhere and stay there. `kept` is what was saved of the greenlet, as for
/// [`innermost`], before the move.
///
/// # Safety
/// Both places are readable, and the new one is writable and has the contents already. The frames are all of the greenlet's, with their
/// owners.
pub unsafe fn move_chain(kept: *mut u8, by: &Move) {
    // SAFETY: a chain of live frames that ends in null, read at the places that they have now; the offsets are those of the
    // headers. Who refers to a frame has done so at its old place, and is told the new one.
    unsafe {
        #[cfg(not(Py_3_13))]
        shift(by.of(kept), layout::CFRAME_CURRENT, by);
        let mut frame = innermost(by.of(kept));
        while !frame.is_null() {
            let owner = usize::from(frame.add(layout::OWNER).read());
            let object: *mut u8 = match owner == layout::OWNED_BY_THREAD {
                true => *pointer(frame, layout::OBJECT),
                false => ptr::null_mut(),
            };
            if !object.is_null() {
                shift(object, layout::OBJECT_FRAME, by);
            }
            #[cfg(Py_3_14)]
            shift(frame, layout::STACK_POINTER, by);
            shift(frame, layout::PREVIOUS, by);
            frame = *pointer(frame, layout::PREVIOUS);
        }
    }
}

/// Has a field point to where what it points to has gone.
///
/// # Safety
/// `offset` is that of a pointer in what `at` points to.
unsafe fn shift(at: *mut u8, offset: usize, by: &Move) {
    // SAFETY: by contract.
    unsafe {
        let field = pointer(at, offset);
        *field = by.of(*field);
    }
}

/// Whether a collection of garbage is under way, in whatever greenlet of whatever thread.
pub fn is_collecting(_py: Python<'_>) -> bool {
    // SAFETY: the token says that the GIL is held, so there is an interpreter; the offset is that of the headers.
    unsafe {
        let interpreter: *mut u8 = ffi::PyInterpreterState_Get().cast();
        interpreter.add(layout::COLLECTING).cast::<c_int>().read() != 0
    }
}

/// # Safety
/// `object` is null or a frame object whose frame runs.
unsafe fn is_unshared(object: *mut ffi::PyObject) -> bool {
    // SAFETY: by contract.
    object.is_null()
        || unsafe { ffi::Py_REFCNT(object) == 1 && ffi::PyObject_GC_IsTracked(object) == 0 }
}

/// # Safety
/// `offset` is that of a pointer in what `at` points to.
unsafe fn pointer<T>(at: *mut u8, offset: usize) -> *mut *mut T {
    // SAFETY: by contract it is inside.
    unsafe { at.add(offset).cast() }
}

/// The innermost frame, given what the thread state keeps for it: that frame, or on 3.11 and 3.12 a C frame.
///
/// # Safety
/// `kept` is what was saved of a suspended greenlet whose stack is in place.
pub unsafe fn innermost(kept: *mut u8) -> *mut u8 {
    #[cfg(Py_3_13)]
    let frame = kept;
    // SAFETY: a C frame, of the suspended C stack or the greenlet's root.
    #[cfg(not(Py_3_13))]
    let frame = unsafe { *pointer(kept, layout::CFRAME_CURRENT) };
    frame
}
