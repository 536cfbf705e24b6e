//! What a greenlet that runs off its stack says before the process dies of it.
//!
//! The guard below a stack turns an overflow into SIGSEGV, and a bare "Segmentation fault" tells nobody what to do. So
//! there is a handler that recognises the case ([`coro::Overflow`]), names the greenlet and the setting, and passes the
//! signal on to whatever handled it before: `faulthandler`, which goes on to show the Python calls, or the system,
//! which ends the process and writes a core. Every other fault is passed on without a word.
//!
//! It is installed when the first thread of the process comes to have greenlets. Whoever sets a handler of their own
//! afterwards has the last word; we don't take it back.

#![expect(unsafe_code, reason = "a handler of SIGSEGV")]

use std::cell::UnsafeCell;
use std::ffi::{CStr, c_int, c_void};
use std::fmt::{self, Write};
use std::mem::MaybeUninit;
use std::sync::Once;
use std::sync::atomic::{AtomicBool, Ordering};

use coro::Overflow;
use libc::{SA_RESETHAND, SIG_DFL, SIG_IGN, SIGSEGV, siginfo_t};
use pyo3::ffi;

use super::object::{PyGreenlet, inner};
use super::thread_state;

/// Has the running thread tell of overflows. Cheap, but not for every switch.
pub fn watch() {
    // Without one the kernel can't call the handler, and the process dies wordless, as it would without us.
    let _ = coro::ensure_signal_stack();
    static INSTALLED: Once = Once::new();
    INSTALLED.call_once(|| {
        // SAFETY: a sigaction of zeroes is a valid one: no flags, an empty mask.
        let mut action: libc::sigaction = unsafe { MaybeUninit::zeroed().assume_init() };
        action.sa_sigaction = faulted as *const () as libc::sighandler_t;
        action.sa_flags = libc::SA_SIGINFO | libc::SA_ONSTACK;
        // SAFETY: nobody reads it before the handler is in place, which is so at the end of this very call at the
        // earliest; `Once` lets one thread in. The action is whole, and its handler does only what a handler may.
        unsafe { libc::sigaction(SIGSEGV, &raw const action, PREVIOUS.0.get().cast()) };
    });
}

/// What handled SIGSEGV before us: written once, before our handler can run.
struct Previous(UnsafeCell<MaybeUninit<libc::sigaction>>);

// SAFETY: see `watch`.
unsafe impl Sync for Previous {}

static PREVIOUS: Previous = Previous(UnsafeCell::new(MaybeUninit::zeroed()));

/// One word is enough: a handler that returns from an overflow comes back to it for ever.
static SAID: AtomicBool = AtomicBool::new(false);

unsafe extern "C" fn faulted(signal: c_int, info: *mut siginfo_t, context: *mut c_void) {
    // SAFETY: the kernel calls this, with what it gives handlers; `watch` has set PREVIOUS.
    unsafe {
        let previous = (*PREVIOUS.0.get()).assume_init_ref();
        if let Some(overflow) = Overflow::of_signal(info, context)
            && !SAID.swap(true, Ordering::Relaxed)
        {
            let errno = *libc::__errno_location();
            say(overflow);
            *libc::__errno_location() = errno;
        }
        if previous.sa_flags & SA_RESETHAND != 0 {
            // As the system does for a handler that is to be called once only: it relies on not being called for the
            // instruction that faults again when it returns.
            libc::signal(SIGSEGV, SIG_DFL);
        }
        // A handler is called from here, since on the stack that has overflowed there may be no room for it.
        match previous.sa_sigaction {
            SIG_IGN if was_sent(info) => {}
            SIG_DFL | SIG_IGN => leave_to_system(info),
            handler if previous.sa_flags & libc::SA_SIGINFO != 0 => {
                let handler: unsafe extern "C" fn(c_int, *mut siginfo_t, *mut c_void) =
                    std::mem::transmute(handler);
                handler(signal, info, context);
            }
            handler => {
                let handler: unsafe extern "C" fn(c_int) = std::mem::transmute(handler);
                handler(signal);
            }
        }
    }
}

/// Has the system do what it does: what has faulted does so once more when the handler returns, and what was sent is sent
/// again.
///
/// # Safety
/// Called by the handler.
unsafe fn leave_to_system(info: *const siginfo_t) {
    // SAFETY: `info` is the handler's.
    unsafe {
        libc::signal(SIGSEGV, SIG_DFL);
        if was_sent(info) {
            libc::raise(SIGSEGV);
        }
    }
}

/// Whether somebody sent the signal, and no instruction will fault again.
///
/// # Safety
/// `info` is the handler's.
unsafe fn was_sent(info: *const siginfo_t) -> bool {
    // SAFETY: by contract.
    unsafe { (*info).si_code <= 0 }
}

/// # Safety
/// Called by the handler, in the thread that runs the greenlet.
unsafe fn say(overflow: Overflow) {
    let mut text = Text::new();
    // SAFETY: the stack is in use, so its greenlet is alive, and has been since it was launched.
    let described = unsafe {
        let greenlet = thread_state::owner_of(overflow.data);
        describe(&mut text, greenlet, overflow.stack_size)
    };
    // A text that is too long has been cut.
    let _ = described;
    // SAFETY: the bytes are our own. Nothing can be done if it fails.
    unsafe { libc::write(libc::STDERR_FILENO, text.bytes.as_ptr().cast(), text.used) };
}

/// # Safety
/// `greenlet` is alive.
unsafe fn describe(text: &mut Text, greenlet: *mut PyGreenlet, stack_size: usize) -> fmt::Result {
    // SAFETY: `greenlet` is alive, so its type is and what it runs; pthread_self has no conditions.
    unsafe {
        let class = CStr::from_ptr((*ffi::Py_TYPE(greenlet.cast())).tp_name);
        write!(
            text,
            "Fatal verdigris error: a greenlet has overflowed its stack of {stack_size} bytes\n\
             <{} object at {greenlet:p}",
            class.to_str().unwrap_or("greenlet"),
        )?;
        let me = inner(greenlet);
        let function = match &me.task {
            Some(task) => task.function(),
            None => me.run.as_ptr(),
        };
        if let Some(name) = function_name(function) {
            text.write_str(": ")?;
            name.iter()
                .filter(|byte| byte.is_ascii_graphic())
                .try_for_each(|byte| text.write_char(char::from(*byte)))?;
        }
        let larger = (stack_size * 4).min(STACK_MAX);
        write!(
            text,
            "> in thread {:#018x}\n\
             If so deep a recursion is meant: VERDIGRIS_STACK_SIZE={} in the environment, or\n\
             verdigris.config.stack_size = {} before it starts, gives greenlets larger stacks.\n",
            libc::pthread_self(),
            larger,
            larger,
        )
    }
}

/// The qualified name of a function, or of a method's; none where it isn't Latin. Runs no code of the object.
///
/// # Safety
/// `function` is null or a live object.
unsafe fn function_name<'a>(mut function: *mut ffi::PyObject) -> Option<&'a [u8]> {
    // SAFETY: each is checked to be of the type that the next call asks for, none of which allocates.
    unsafe {
        if !function.is_null() && ffi::Py_TYPE(function) == &raw mut PyMethod_Type {
            function = PyMethod_Function(function);
        }
        if function.is_null() || ffi::PyFunction_Check(function) == 0 {
            return None;
        }
        let name = (*function.cast::<ffi::PyFunctionObject>()).func_qualname;
        if name.is_null() || ffi::PyUnicode_KIND(name) != ffi::PyUnicode_1BYTE_KIND {
            return None;
        }
        let length = usize::try_from(ffi::PyUnicode_GET_LENGTH(name)).ok()?;
        let data = ffi::PyUnicode_1BYTE_DATA(name);
        Some(std::slice::from_raw_parts(data, length.min(NAME_MAX)))
    }
}

unsafe extern "C" {
    static mut PyMethod_Type: ffi::PyTypeObject;
    fn PyMethod_Function(method: *mut ffi::PyObject) -> *mut ffi::PyObject;
}

/// A text in a place of its own: a signal handler may not allocate.
struct Text {
    bytes: [u8; 768],
    used: usize,
}

impl Text {
    fn new() -> Text {
        Text {
            bytes: [0; 768],
            used: 0,
        }
    }
}

impl Write for Text {
    fn write_str(&mut self, part: &str) -> fmt::Result {
        let room = self
            .bytes
            .get_mut(self.used..self.used + part.len())
            .ok_or(fmt::Error)?;
        room.copy_from_slice(part.as_bytes());
        self.used += part.len();
        Ok(())
    }
}

/// The largest size that `verdigris.config` takes.
const STACK_MAX: usize = 1 << 30;

/// As much of a name as leaves room for the rest.
const NAME_MAX: usize = 200;
