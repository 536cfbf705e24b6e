//! The part of `PyThreadState` that belongs to a C stack, and so to a greenlet.
//!
//! CPython keeps pointers into the running stack (the innermost frame, the handled exception,
//! the frame arena) and counters of its depth in the thread state. A switch stores them in the
//! greenlet that stops and loads those of the one that goes on. *Not* swapped: the exception
//! being raised (it carries `throw()` across), `tracing`, the async-generator hooks, asyncio's
//! running loop and `gilstate_counter`, which all belong to the thread.
//!
//! Nor these of 3.15. `generator_return_kind`: nothing can run between the place that sets it and
//! the one that reads it. `jit_tracer_state`, the trace that the JIT compiler records: only the
//! interpreter loop that began it writes to it, and each other loop finds that there is one, nested
//! or on another stack; it is for the next trace to wait. `lazy_imports`, the placeholders being
//! resolved: another greenlet that needs one of these meanwhile gets the ImportCycleError of a
//! circular import, and may ask again; with a set of its own it would get the half-made module.
//!
//! How CPython keeps C code from running off a stack has changed twice. 3.11 counts Python and C
//! calls together; 3.12 and 3.13 count C calls apart; from 3.14 on the thread state has the
//! stack's own bounds, and what is compared with them is the stack pointer.
//!
//! Where the fields lie is asked of the interpreter's own headers at build time (`build.rs`) and
//! checked once more when the module is imported ([`check_layout`]).

#![expect(
    unsafe_code,
    reason = "fields of PyThreadState have no public accessors"
)]

use std::ffi::c_int;
use std::ptr;

use coro::Stack;
use pyo3::exceptions::PyImportError;
use pyo3::ffi;
use pyo3::prelude::*;

use super::object::PyGreenlet;

mod layout {
    include!(concat!(env!("OUT_DIR"), "/thread_state_layout.rs"));
}

/// Bytes of C stack that CPython may use for one level of its own recursion, measured on 33
/// kinds of deep recursion; `c_recursion_remaining` is what it counts down.
#[cfg(all(Py_3_12, not(Py_3_14)))]
const BYTES_PER_C_LEVEL: usize = 2600;

/// The root of a greenlet's chain of handled exceptions (`_PyErr_StackItem`).
#[repr(C)]
struct ExceptionRoot {
    value: *mut ffi::PyObject,
    previous: *mut ExceptionRoot,
}

const _: () = assert!(size_of::<ExceptionRoot>() == layout::ERR_STACK_ITEM_SIZE);

/// A root `_PyCFrame`, which 3.11 and 3.12 thread through the C stack.
#[cfg(not(Py_3_13))]
#[repr(C, align(8))]
struct RootCFrame([u8; layout::CFRAME_SIZE]);

/// Between which addresses CPython may use a C stack: `c_stack_top`, `c_stack_soft_limit`, where
/// it raises RecursionError, and `c_stack_hard_limit`, where it gives up.
#[cfg(Py_3_14)]
#[derive(Clone, Copy)]
struct Bounds {
    top: usize,
    soft_limit: usize,
    hard_limit: usize,
}

#[cfg(Py_3_14)]
impl Bounds {
    const NONE: Self = Self {
        top: 0,
        soft_limit: 0,
        hard_limit: 0,
    };

    /// Those of a stack of ours, with the margins that CPython gives itself on a thread's.
    fn of(stack: &Stack) -> Self {
        let hard_limit = stack.limit() as usize + layout::C_STACK_MARGIN;
        Self {
            top: stack.top() as usize,
            soft_limit: hard_limit + layout::C_STACK_MARGIN,
            hard_limit,
        }
    }
}

/// What a suspended greenlet keeps of the thread state.
///
/// Its owner keeps it in one place: the thread state points into it (`exception_root`,
/// `root_cframe`) while the greenlet runs.
pub struct StackState {
    frame: *mut u8,
    exc_info: *mut ExceptionRoot,
    context: *mut ffi::PyObject,
    datastack_chunk: *mut u8,
    datastack_top: *mut u8,
    datastack_limit: *mut u8,
    depth: c_int,
    #[cfg(all(Py_3_12, not(Py_3_14)))]
    c_recursion_remaining: c_int,
    #[cfg(Py_3_14)]
    bounds: Bounds,
    /// What the JIT compiler's code, if it is that which runs, belongs to (borrowed).
    #[cfg(Py_3_14)]
    executor: *mut ffi::PyObject,
    /// Where its chain of frames ends.
    #[cfg(Py_3_15)]
    base_frame: *mut u8,
    #[cfg(not(Py_3_13))]
    trash_nesting: c_int,
    exception_root: ExceptionRoot,
    #[cfg(not(Py_3_13))]
    root_cframe: RootCFrame,
}

impl StackState {
    pub const fn new() -> Self {
        Self {
            frame: ptr::null_mut(),
            exc_info: ptr::null_mut(),
            context: ptr::null_mut(),
            datastack_chunk: ptr::null_mut(),
            datastack_top: ptr::null_mut(),
            datastack_limit: ptr::null_mut(),
            depth: 0,
            #[cfg(all(Py_3_12, not(Py_3_14)))]
            c_recursion_remaining: 0,
            #[cfg(Py_3_14)]
            bounds: Bounds::NONE,
            #[cfg(Py_3_14)]
            executor: ptr::null_mut(),
            #[cfg(Py_3_15)]
            base_frame: ptr::null_mut(),
            #[cfg(not(Py_3_13))]
            trash_nesting: 0,
            exception_root: ExceptionRoot {
                value: ptr::null_mut(),
                previous: ptr::null_mut(),
            },
            #[cfg(not(Py_3_13))]
            root_cframe: RootCFrame([0; layout::CFRAME_SIZE]),
        }
    }

    /// Prepares the state of a greenlet that is about to run for the first time on `stack`.
    ///
    /// The frame arena's first chunk is put where the stack leaves room for it, above the point
    /// that the C stack starts from: a parked greenlet then touches one page, not two, and no
    /// chunk is mapped for each greenlet. The first slot stays empty, as CPython does with a root
    /// chunk, so that no frame is ever at the chunk's start and the chunk is never unmapped;
    /// [`set_owner`] uses it.
    ///
    /// `depth` counts the Python calls that it is begun under, of which the recursion limit allows
    /// so many in all.
    ///
    /// # Safety
    /// `stack` is not in use and outlives the greenlet's run; `self` does not move from now on;
    /// `tstate` is the current thread state.
    pub unsafe fn begin(&mut self, stack: &Stack, depth: c_int, tstate: *mut ffi::PyThreadState) {
        let (chunk, size) = stack.data();
        let header = chunk.cast::<usize>();
        // SAFETY: `data()` is at least a page of our own memory, aligned to 16. The header is
        // _PyStackChunk { previous, size, top }.
        unsafe { header.cast::<[usize; 3]>().write([0, size, 0]) };
        self.datastack_chunk = chunk;
        self.datastack_top = chunk.wrapping_add(layout::CHUNK_DATA + size_of::<usize>());
        self.datastack_limit = chunk.wrapping_add(size);
        self.exc_info = &raw mut self.exception_root;
        self.depth = depth;
        #[cfg(all(Py_3_12, not(Py_3_14)))]
        {
            let levels = (stack.usable() / BYTES_PER_C_LEVEL).max(100);
            self.c_recursion_remaining = c_int::try_from(levels).unwrap_or(c_int::MAX);
        }
        #[cfg(Py_3_14)]
        {
            self.bounds = Bounds::of(stack);
        }
        // SAFETY: as in `save`.
        self.frame = unsafe { self.root_frame(tstate) };
    }

    /// What a stack without Python frames has for its innermost one.
    ///
    /// # Safety
    /// `tstate` is the current thread state, and the data stack has been laid out.
    #[cfg_attr(not(Py_3_15), expect(unused_variables))]
    unsafe fn root_frame(&mut self, tstate: *mut ffi::PyThreadState) -> *mut u8 {
        #[cfg(not(Py_3_13))]
        let root = {
            self.root_cframe = RootCFrame([0; layout::CFRAME_SIZE]);
            (&raw mut self.root_cframe).cast()
        };
        #[cfg(all(Py_3_13, not(Py_3_15)))]
        let root = ptr::null_mut();
        // A sentinel: profilers take a chain of frames that does not end there for a torn one. Not
        // the thread's own, which goes with the thread: frames may outlive it.
        #[cfg(Py_3_15)]
        let root = {
            let root = self.datastack_top;
            // SAFETY: the field as in `save`; the data stack has room for it, and it is plain data.
            unsafe {
                let theirs: *const u8 = *field(tstate, layout::BASE_FRAME);
                ptr::copy_nonoverlapping(theirs, root, layout::BASE_FRAME_SIZE);
            }
            self.datastack_top = root.wrapping_add(layout::BASE_FRAME_SIZE);
            self.base_frame = root;
            root
        };
        root
    }

    /// Stores the running stack's fields.
    ///
    /// # Safety
    /// `tstate` is the current thread state and `self` belongs to the running greenlet.
    #[inline(always)]
    pub unsafe fn save(&mut self, tstate: *mut ffi::PyThreadState) {
        // SAFETY: the offsets are those of the headers of this interpreter (build.rs).
        unsafe {
            self.frame = *field(tstate, layout::FRAME);
            self.exc_info = *field(tstate, layout::EXC_INFO);
            self.context = *field(tstate, layout::CONTEXT);
            self.datastack_chunk = *field(tstate, layout::DATASTACK_CHUNK);
            self.datastack_top = *field(tstate, layout::DATASTACK_TOP);
            self.datastack_limit = *field(tstate, layout::DATASTACK_LIMIT);
            self.depth = current_depth(tstate);
            #[cfg(all(Py_3_12, not(Py_3_14)))]
            {
                self.c_recursion_remaining = *field(tstate, layout::C_RECURSION_REMAINING);
            }
            #[cfg(Py_3_14)]
            {
                self.bounds = Bounds {
                    top: *field(tstate, layout::C_STACK_TOP),
                    soft_limit: *field(tstate, layout::C_STACK_SOFT_LIMIT),
                    hard_limit: *field(tstate, layout::C_STACK_HARD_LIMIT),
                };
                self.executor = *field(tstate, layout::CURRENT_EXECUTOR);
            }
            #[cfg(Py_3_15)]
            {
                self.base_frame = *field(tstate, layout::BASE_FRAME);
            }
            #[cfg(not(Py_3_13))]
            {
                self.trash_nesting = *field(tstate, layout::TRASH_NESTING);
            }
        }
    }

    /// Makes this greenlet's stack the one that the thread state speaks of.
    ///
    /// # Safety
    /// `tstate` is the current thread state; the state was prepared by `begin` or `save`; `tracing` was asked of whoever
    /// has run last.
    #[inline(always)]
    pub unsafe fn load(&mut self, tstate: *mut ffi::PyThreadState, tracing: Tracing) {
        // SAFETY: as in `save`.
        unsafe {
            #[cfg(not(Py_3_12))]
            self.frame.add(layout::CFRAME_USE_TRACING).write(tracing.0);
            #[cfg(Py_3_12)]
            let Tracing() = tracing;
            *field(tstate, layout::FRAME) = self.frame;
            *field(tstate, layout::EXC_INFO) = self.exc_info;
            // The reference moves with it: a main greenlet is running when it is freed.
            *field(tstate, layout::CONTEXT) = ptr::replace(&raw mut self.context, ptr::null_mut());
            // Invalidates the ContextVar caches, which are keyed by this number.
            *field::<u64>(tstate, layout::CONTEXT_VER) += 1;
            *field(tstate, layout::DATASTACK_CHUNK) = self.datastack_chunk;
            *field(tstate, layout::DATASTACK_TOP) = self.datastack_top;
            *field(tstate, layout::DATASTACK_LIMIT) = self.datastack_limit;
            // Kept as a depth: sys.setrecursionlimit may have been called meanwhile.
            *field::<c_int>(tstate, layout::RECURSION_REMAINING) =
                *field::<c_int>(tstate, layout::RECURSION_LIMIT) - self.depth;
            #[cfg(all(Py_3_12, not(Py_3_14)))]
            {
                *field(tstate, layout::C_RECURSION_REMAINING) = self.c_recursion_remaining;
            }
            #[cfg(Py_3_14)]
            {
                *field(tstate, layout::C_STACK_TOP) = self.bounds.top;
                *field(tstate, layout::C_STACK_SOFT_LIMIT) = self.bounds.soft_limit;
                *field(tstate, layout::C_STACK_HARD_LIMIT) = self.bounds.hard_limit;
                *field(tstate, layout::CURRENT_EXECUTOR) = self.executor;
            }
            #[cfg(Py_3_15)]
            {
                *field(tstate, layout::BASE_FRAME) = self.base_frame;
            }
            #[cfg(not(Py_3_13))]
            {
                *field(tstate, layout::TRASH_NESTING) = self.trash_nesting;
            }
        }
    }

    /// Takes over the context of a greenlet that ends: all that is kept of one, for `gr_context`.
    ///
    /// # Safety
    /// `tstate` is the current thread state, and `load` for another greenlet comes next.
    pub unsafe fn keep_context(&mut self, tstate: *mut ffi::PyThreadState) {
        // SAFETY: as in `save`. What was saved before went to the thread state with `load`.
        self.context = unsafe { *field(tstate, layout::CONTEXT) };
    }

    /// The context of a greenlet that is not running (borrowed, may be null). A running one's is
    /// in the thread state.
    pub fn context(&self) -> *mut ffi::PyObject {
        self.context
    }

    /// Replaces the context of a greenlet that is not running; gives back the old reference.
    pub fn replace_context(&mut self, context: *mut ffi::PyObject) -> *mut ffi::PyObject {
        std::mem::replace(&mut self.context, context)
    }

    /// Of a suspended greenlet: what the thread state keeps for its innermost frame, and how far its
    /// frames reach in the stack's data room. None if some lie elsewhere, in chunks of CPython's.
    pub fn extent(&self, stack: &Stack) -> Option<(*mut u8, *mut u8)> {
        (self.datastack_chunk == stack.data().0).then_some((self.frame, self.datastack_top))
    }

    /// Of a suspended greenlet: how far its frames reach in the stack's data room, whatever lies elsewhere.
    ///
    /// # Safety
    /// `stack` is the greenlet's, and what it has there is in place.
    pub unsafe fn reach(&self, stack: &Stack) -> *mut u8 {
        let root = stack.data().0;
        if self.datastack_chunk == root {
            return self.datastack_top;
        }
        // SAFETY: the header that `begin` has written. CPython has noted in it how many words are in use when it went on to
        // another chunk.
        let used = unsafe { root.cast::<usize>().add(CHUNK_TOP).read() };
        root.wrapping_add(layout::CHUNK_DATA + used * size_of::<usize>())
    }

    /// What is kept of its innermost frame.
    pub fn kept_frame(&self) -> *mut u8 {
        self.frame
    }

    /// The innermost frame of a suspended greenlet, made on demand (a new reference or null).
    ///
    /// On 3.11 all of its frames are made: `f_back` makes them one by one otherwise, an allocation then may collect
    /// garbage, and so run, or end, the very greenlet whose frame it is about to look at.
    ///
    /// # Safety
    /// `tstate` is the current thread state; the greenlet is suspended; `kept` is its `kept_frame`, or where that is now.
    pub unsafe fn frame_object(
        &self,
        tstate: *mut ffi::PyThreadState,
        kept: *mut u8,
    ) -> *mut ffi::PyObject {
        // SAFETY: the frame pointer is put back before anything else can look at it. Making a
        // frame object allocates, and on 3.11 an allocation may collect garbage and so run
        // finalizers with the wrong frame current: the collector is held off meanwhile.
        unsafe {
            let enabled = ffi::PyGC_Disable();
            let running: *mut u8 = *field(tstate, layout::FRAME);
            *field(tstate, layout::FRAME) = kept;
            let frame = ffi::PyThreadState_GetFrame(tstate);
            *field(tstate, layout::FRAME) = running;
            #[cfg(not(Py_3_12))]
            make_callers(frame);
            if enabled != 0 {
                ffi::PyGC_Enable();
            }
            frame.cast()
        }
    }
}

/// Makes the frame objects of all that called `frame`; their frames keep them.
///
/// # Safety
/// `frame` is null, or a frame object of a suspended greenlet, and the collector is off.
#[cfg(not(Py_3_12))]
unsafe fn make_callers(frame: *mut ffi::PyFrameObject) {
    // SAFETY: each is kept alive by its frame as long as the greenlet is suspended. Null: the outermost, or no memory.
    unsafe {
        let mut at = frame;
        while !at.is_null() {
            at = ffi::PyFrame_GetBack(at);
            ffi::Py_XDECREF(at.cast());
        }
        ffi::PyErr_Clear();
    }
}

/// What the *thread* does, but 3.11 keeps in the C frame of whoever runs: use_tracing.
#[derive(Clone, Copy)]
pub struct Tracing(#[cfg(not(Py_3_12))] u8);

impl Tracing {
    /// Of the running greenlet, or the one that has run last, if its stack is still in place.
    ///
    /// # Safety
    /// `tstate` is the current thread state.
    #[inline(always)]
    #[cfg_attr(Py_3_12, expect(unused_variables))]
    pub unsafe fn of(tstate: *mut ffi::PyThreadState) -> Self {
        // SAFETY: the thread state points to a C frame of the running stack.
        #[cfg(not(Py_3_12))]
        unsafe {
            let frame: *mut u8 = *field(tstate, layout::FRAME);
            Self(frame.add(layout::CFRAME_USE_TRACING).read())
        }
        #[cfg(Py_3_12)]
        Self()
    }
}

/// Where in the header of a chunk of frames CPython notes how much is in use, in words.
const CHUNK_TOP: usize = 2;

/// Notes whose `stack` is, in the slot of the frame arena that stays empty, for [`owner_of`].
///
/// # Safety
/// The stack is not in use.
pub unsafe fn set_owner(stack: &Stack, greenlet: *mut PyGreenlet) {
    // SAFETY: the slot lies in the first page of the data room, which nothing uses now.
    unsafe { owner_slot(stack.data().0).write(greenlet) };
}

/// The greenlet that has been noted for a stack last, by where the stack's data room begins.
///
/// # Safety
/// One has been, and the stack still exists.
pub unsafe fn owner_of(data: *mut u8) -> *mut PyGreenlet {
    // SAFETY: by contract.
    unsafe { owner_slot(data).read() }
}

fn owner_slot(data: *mut u8) -> *mut *mut PyGreenlet {
    data.wrapping_byte_add(layout::CHUNK_DATA).cast()
}

/// How deep in Python calls the running greenlet is.
///
/// # Safety
/// `tstate` is the current thread state.
#[inline(always)]
pub unsafe fn current_depth(tstate: *mut ffi::PyThreadState) -> c_int {
    // SAFETY: as in `StackState::save`.
    unsafe {
        *field::<c_int>(tstate, layout::RECURSION_LIMIT)
            - *field::<c_int>(tstate, layout::RECURSION_REMAINING)
    }
}

/// The running greenlet's context (borrowed, may be null).
///
/// # Safety
/// `tstate` is the current thread state.
pub unsafe fn current_context(tstate: *mut ffi::PyThreadState) -> *mut ffi::PyObject {
    // SAFETY: as in `StackState::save`.
    unsafe { *field(tstate, layout::CONTEXT) }
}

/// Replaces the running greenlet's context; gives back the old reference.
///
/// # Safety
/// `tstate` is the current thread state.
pub unsafe fn replace_current_context(
    tstate: *mut ffi::PyThreadState,
    context: *mut ffi::PyObject,
) -> *mut ffi::PyObject {
    // SAFETY: as in `StackState::save`.
    unsafe {
        *field::<u64>(tstate, layout::CONTEXT_VER) += 1;
        ptr::replace(field(tstate, layout::CONTEXT), context)
    }
}

/// Clears what a greenlet that has run to its end leaves in its own exception root.
///
/// # Safety
/// `tstate` is the current thread state.
pub unsafe fn clear_handled_exception(tstate: *mut ffi::PyThreadState) {
    // SAFETY: exc_info points to the running greenlet's root, which owns its value.
    unsafe {
        let root: *mut ExceptionRoot = *field(tstate, layout::EXC_INFO);
        ffi::Py_XDECREF(ptr::replace(&raw mut (*root).value, ptr::null_mut()));
    }
}

/// Refuses to load into an interpreter whose thread state is not laid out as in the headers.
pub fn check_layout(py: Python<'_>) -> PyResult<()> {
    let limit: c_int = py
        .import("sys")?
        .call_method0("getrecursionlimit")?
        .extract()?;
    // SAFETY: the GIL is held, so there is a current thread state. Both fields lie inside it in
    // every supported version.
    let (read, exc_info) = unsafe {
        let tstate = ffi::PyThreadState_Get();
        let exc_info: *mut u8 = *field(tstate, layout::EXC_INFO);
        (*field::<c_int>(tstate, layout::RECURSION_LIMIT), exc_info)
    };
    if read == limit && !exc_info.is_null() {
        return Ok(());
    }
    Err(PyImportError::new_err(format!(
        "verdigris was built for another CPython than this one ({}): its thread state is laid \
         out differently. Reinstall verdigris for this interpreter.",
        Python::version_str()
    )))
}

/// The number of a thread state, which it alone has had so far.
///
/// # Safety
/// `tstate` is a live thread state, and the GIL is held.
#[inline(always)]
pub(super) unsafe fn id(tstate: *mut ffi::PyThreadState) -> u64 {
    // SAFETY: by contract; the offset is that of the headers of this interpreter (build.rs).
    unsafe { *field(tstate, layout::ID) }
}

/// # Safety
/// `offset` is that of a field of type T of the thread state.
#[inline(always)]
unsafe fn field<T>(tstate: *mut ffi::PyThreadState, offset: usize) -> *mut T {
    // SAFETY: by contract the offset is inside the struct.
    unsafe { tstate.byte_add(offset).cast() }
}
