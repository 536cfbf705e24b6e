//! Running off the end of a stack kills the process rather than corrupt memory, and a signal handler can tell.

#![expect(unsafe_code, reason = "signal handlers, and stray pointers on purpose")]

use std::ffi::{c_int, c_void};
use std::hint::black_box;
use std::mem::MaybeUninit;
use std::os::unix::process::ExitStatusExt;
use std::process::{Command, Output};
use std::ptr;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use coro::{Config, Overflow, ensure_signal_stack};

use crate::harness::{Coroutine, coroutine, pool};

#[test]
fn the_guard_lies_right_below_the_limit() {
    let stack = pool().take().unwrap();
    assert_eq!(stack.guard().end, stack.limit() as usize);
    assert!(stack.guard().len() >= 4096);
    assert_eq!(
        stack.top() as usize - stack.limit() as usize,
        stack.usable()
    );
}

#[test]
#[ignore = "dies; run by the test below"]
fn recurses_without_end() {
    coroutine(|_, _| deeper(0, 0)).enter(0);
}

#[test]
fn endless_recursion_is_a_segmentation_fault() {
    assert_eq!(
        dying("recurses_without_end").status.signal(),
        Some(libc::SIGSEGV)
    );
}

#[test]
#[ignore = "dies; run by the last test"]
fn recurses_and_is_asked() {
    answer_by_exiting(&[judge]);
    on_a_known_stack(|_| deeper(0, 0));
}

#[test]
#[ignore = "dies; run by the last test"]
fn recurses_under_a_handler_that_passes_on() {
    // As CPython's faulthandler does.
    answer_by_exiting(&[judge, pass_on]);
    on_a_known_stack(|_| deeper(0, 0));
}

#[test]
#[ignore = "dies; run by the last test"]
fn has_no_room_for_a_signal() {
    answer_by_exiting(&[judge]);
    // SAFETY: the handler only returns.
    unsafe { libc::signal(libc::SIGUSR1, nothing as *const () as libc::sighandler_t) };
    on_a_known_stack(|limit| deeper(0, limit + 1024));
}

#[test]
#[ignore = "dies; run by the last test"]
fn writes_into_the_guard_of_its_own_stack() {
    answer_by_exiting(&[judge]);
    on_a_known_stack(|limit| write_to(limit - 8));
}

#[test]
#[ignore = "dies; run by the last test"]
fn writes_to_nowhere() {
    answer_by_exiting(&[judge]);
    on_a_known_stack(|_| write_to(8));
}

#[test]
fn a_handler_can_tell_an_overflow_from_other_faults() {
    for (program, verdict) in [
        ("recurses_and_is_asked", OVERFLOW),
        ("recurses_under_a_handler_that_passes_on", OVERFLOW),
        ("has_no_room_for_a_signal", OVERFLOW),
        ("writes_into_the_guard_of_its_own_stack", OTHER),
        ("writes_to_nowhere", OTHER),
    ] {
        let output = dying(program);
        assert_eq!(output.status.code(), Some(verdict), "{program}: {output:?}");
    }
}

#[test]
fn a_signal_stack_that_is_there_is_kept() {
    std::thread::spawn(|| {
        ensure_signal_stack().unwrap();
        let first = signal_stack();
        ensure_signal_stack().unwrap();
        assert_eq!(first.ss_flags, 0);
        assert_eq!(signal_stack().ss_sp, first.ss_sp);
    })
    .join()
    .unwrap();
}

/// Calls itself until the stack is used up to `limit`, and there has a signal come; with no limit, without end.
#[expect(unconditional_recursion, reason = "the point of it")]
fn deeper(level: usize, limit: usize) -> usize {
    let frame = black_box([level; 32]);
    if (frame.as_ptr() as usize) < limit {
        // SAFETY: sends a signal that has a handler.
        unsafe { libc::raise(libc::SIGUSR1) };
    }
    deeper(level + 1, limit) + frame[level % 32]
}

fn write_to(address: usize) -> usize {
    // SAFETY: deliberately not safe; the process is to die of it.
    unsafe { ptr::with_exposed_provenance_mut::<u8>(address).write_volatile(1) };
    0
}

/// Runs `body`, which gets the stack's limit, on the stack that [`judge`] takes for the right one.
fn on_a_known_stack(body: fn(usize) -> usize) {
    let stack = pool().take().unwrap();
    DATA.store(stack.data().0.addr(), Relaxed);
    let limit = stack.limit().expose_provenance();
    Coroutine::new(stack, move |_, _| body(limit)).enter(0);
}

static DATA: AtomicUsize = AtomicUsize::new(0);

type Handler = extern "C" fn(c_int, *mut libc::siginfo_t, *mut c_void);

/// Installs handlers of SIGSEGV, the last one outermost.
fn answer_by_exiting(handlers: &[Handler]) {
    ensure_signal_stack().unwrap();
    for &handler in handlers {
        // SAFETY: zeroes are a valid sigaction.
        let mut action: libc::sigaction = unsafe { MaybeUninit::zeroed().assume_init() };
        action.sa_sigaction = handler as *const () as libc::sighandler_t;
        action.sa_flags = libc::SA_SIGINFO | libc::SA_ONSTACK;
        // SAFETY: the handlers do what handlers may.
        unsafe { libc::sigaction(libc::SIGSEGV, &raw const action, ptr::null_mut()) };
    }
}

extern "C" fn judge(_signal: c_int, info: *mut libc::siginfo_t, context: *mut c_void) {
    // SAFETY: called by the kernel.
    let overflow = unsafe { Overflow::of_signal(info, context) };
    let verdict = match overflow {
        Some(found)
            if found.data.addr() == DATA.load(Relaxed)
                && found.stack_size == Config::default().stack_size =>
        {
            OVERFLOW
        }
        Some(_) => WRONG,
        None => OTHER,
    };
    // SAFETY: ends the process at once.
    unsafe { libc::_exit(verdict) };
}

extern "C" fn pass_on(signal: c_int, _info: *mut libc::siginfo_t, _context: *mut c_void) {
    answer_by_exiting(&[judge]);
    // SAFETY: sends a signal that has a handler.
    unsafe { libc::raise(signal) };
}

extern "C" fn nothing(_signal: c_int) {}

const OVERFLOW: c_int = 42;
const OTHER: c_int = 43;
const WRONG: c_int = 44;

fn signal_stack() -> libc::stack_t {
    let mut stack = MaybeUninit::uninit();
    // SAFETY: only asks, and there is room for the answer, which cannot fail to come.
    unsafe {
        libc::sigaltstack(ptr::null(), stack.as_mut_ptr());
        stack.assume_init()
    }
}

/// Runs a test of this module that is to die, in a process of its own.
fn dying(test: &str) -> Output {
    Command::new(std::env::current_exe().unwrap())
        .args([&format!("overflow::{test}"), "--exact", "--ignored"])
        .output()
        .unwrap()
}
