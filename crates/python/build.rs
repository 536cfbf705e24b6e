//! Asks the headers of the interpreter we build for where the stack-bound fields of
//! `PyThreadState` lie, and a few of a frame, and writes them as constants for
//! `greenlet/thread_state.rs` and `greenlet/frames.rs`.
//!
//! PyO3 keeps that struct opaque, and no public API swaps these fields. A C program compiled
//! against the very headers answers with `offsetof`, so a field that CPython moves is followed,
//! and one that it removes or renames is a build error here and not a crash there.

use std::path::PathBuf;
use std::process::Command;
use std::{env, fs};

/// The probe. Each line it prints becomes one `pub(super) const NAME: usize = N;`.
const PROBE: &str = r#"
#include <stddef.h>
#include <stdio.h>
#include <patchlevel.h>
#if PY_VERSION_HEX >= 0x030e0000
#define Py_BUILD_CORE 1
#endif
#include <Python.h>
#ifdef Py_GIL_DISABLED
#error "verdigris does not support free-threaded CPython yet"
#endif
#if PY_VERSION_HEX < 0x030b0000 || PY_VERSION_HEX >= 0x03100000
#error "verdigris supports CPython 3.11 to 3.15"
#endif
#if PY_VERSION_HEX >= 0x030e0000
#include <internal/pycore_tstate.h>
#include <internal/pycore_pythonrun.h>
#endif
#define FIELD(name, field) printf(#name " %zu\n", offsetof(PyThreadState, field))
#define SIZE(name, type) printf(#name " %zu\n", sizeof(type))
int main(void) {
    FIELD(ID, id);
    FIELD(EXC_INFO, exc_info);
    FIELD(CONTEXT, context);
    FIELD(CONTEXT_VER, context_ver);
    FIELD(DATASTACK_CHUNK, datastack_chunk);
    FIELD(DATASTACK_TOP, datastack_top);
    FIELD(DATASTACK_LIMIT, datastack_limit);
#if PY_VERSION_HEX < 0x030c0000
    FIELD(RECURSION_REMAINING, recursion_remaining);
    FIELD(RECURSION_LIMIT, recursion_limit);
    FIELD(TRASH_NESTING, trash_delete_nesting);
    printf("CFRAME_USE_TRACING %zu\n", offsetof(_PyCFrame, use_tracing));
#else
    FIELD(RECURSION_REMAINING, py_recursion_remaining);
    FIELD(RECURSION_LIMIT, py_recursion_limit);
#endif
#if PY_VERSION_HEX >= 0x030c0000 && PY_VERSION_HEX < 0x030e0000
    FIELD(C_RECURSION_REMAINING, c_recursion_remaining);
#endif
#if PY_VERSION_HEX >= 0x030e0000
    printf("C_STACK_TOP %zu\n", offsetof(_PyThreadStateImpl, c_stack_top));
    printf("C_STACK_SOFT_LIMIT %zu\n", offsetof(_PyThreadStateImpl, c_stack_soft_limit));
    printf("C_STACK_HARD_LIMIT %zu\n", offsetof(_PyThreadStateImpl, c_stack_hard_limit));
    printf("C_STACK_MARGIN %zu\n", (size_t)_PyOS_STACK_MARGIN_BYTES);
    FIELD(CURRENT_EXECUTOR, current_executor);
#endif
#if PY_VERSION_HEX >= 0x030f0000
    FIELD(BASE_FRAME, base_frame);
    SIZE(BASE_FRAME_SIZE, ((_PyThreadStateImpl *)0)->base_frame);
#endif
#if PY_VERSION_HEX < 0x030d0000
    FIELD(FRAME, cframe);
    SIZE(CFRAME_SIZE, _PyCFrame);
#else
    FIELD(FRAME, current_frame);
#endif
#if PY_VERSION_HEX >= 0x030c0000 && PY_VERSION_HEX < 0x030d0000
    FIELD(TRASH_NESTING, trash.delete_nesting);
#endif
    SIZE(ERR_STACK_ITEM_SIZE, _PyErr_StackItem);
    printf("CHUNK_DATA %zu\n", offsetof(_PyStackChunk, data));
    return 0;
}
"#;

/// The probe for the fields of a frame, and the collector's flag.
const FRAME_PROBE: &str = r#"
#define Py_BUILD_CORE 1
#include <stddef.h>
#include <stdio.h>
#include <Python.h>
#if PY_VERSION_HEX >= 0x030e0000
#include <internal/pycore_frame.h>
#include <internal/pycore_interpframe_structs.h>
#else
#include <internal/pycore_frame.h>
#endif
#include <internal/pycore_interp.h>
#define FIELD(name, field) printf(#name " %zu\n", offsetof(struct _PyInterpreterFrame, field))
#define VALUE(name, value) printf(#name " %d\n", (int)value)
int main(void) {
    FIELD(PREVIOUS, previous);
    FIELD(OBJECT, frame_obj);
    FIELD(OWNER, owner);
#if PY_VERSION_HEX >= 0x030e0000
    FIELD(STACK_POINTER, stackpointer);
#endif
    printf("OBJECT_FRAME %zu\n", offsetof(struct _frame, f_frame));
    VALUE(OWNED_BY_THREAD, FRAME_OWNED_BY_THREAD);
    VALUE(OWNED_BY_GENERATOR, FRAME_OWNED_BY_GENERATOR);
    VALUE(OWNED_BY_FRAME_OBJECT, FRAME_OWNED_BY_FRAME_OBJECT);
#if PY_VERSION_HEX < 0x030d0000
    printf("CFRAME_CURRENT %zu\n", offsetof(_PyCFrame, current_frame));
#endif
    printf("COLLECTING %zu\n", offsetof(PyInterpreterState, gc.collecting));
    return 0;
}
"#;

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    pyo3_build_config::use_pyo3_cfgs();
    let python = pyo3_build_config::get();
    let executable = python
        .executable()
        .expect("no Python interpreter to build for: set PYO3_PYTHON");
    let include = include_dir(executable);
    ask(&include, "thread_state", PROBE);
    ask(&include, "frame", FRAME_PROBE);
}

/// Builds a probe, runs it, and writes what it prints as the constants of `NAME_layout.rs`.
fn ask(include: &str, name: &str, probe: &str) {
    let out = PathBuf::from(env::var_os("OUT_DIR").expect("cargo sets OUT_DIR"));
    let source = out.join(format!("{name}_probe.c"));
    let program = out.join(format!("{name}_probe"));
    fs::write(&source, probe).expect("OUT_DIR is writable");

    let compiler = env::var("CC").unwrap_or_else(|_| "cc".into());
    let compiled = Command::new(&compiler)
        .args([format!("-I{include}"), format!("-I{include}/internal")])
        .args([source.as_os_str(), "-o".as_ref(), program.as_os_str()])
        .output()
        .unwrap_or_else(|e| panic!("cannot run the C compiler {compiler}: {e}"));
    assert!(
        compiled.status.success(),
        "the fields that a switch needs cannot be read from the headers in {include}:\n{}",
        String::from_utf8_lossy(&compiled.stderr)
    );
    let answer = Command::new(&program)
        .output()
        .expect("the probe that was just built runs");
    assert!(answer.status.success(), "the probe failed");
    let constants: String = String::from_utf8(answer.stdout)
        .expect("the probe prints ASCII")
        .lines()
        .map(|line| {
            let (name, value) = line.split_once(' ').expect("NAME VALUE");
            format!("pub(super) const {name}: usize = {value};\n")
        })
        .collect();
    fs::write(out.join(format!("{name}_layout.rs")), constants).expect("OUT_DIR is writable");
}

fn include_dir(executable: &str) -> String {
    let asked = Command::new(executable)
        .args([
            "-c",
            "import sysconfig; print(sysconfig.get_path('include'))",
        ])
        .output()
        .unwrap_or_else(|e| panic!("cannot run {executable}: {e}"));
    let dir = String::from_utf8_lossy(&asked.stdout).trim().to_owned();
    assert!(
        PathBuf::from(&dir).join("Python.h").exists(),
        "{executable} has no headers ({dir}/Python.h): install its development package"
    );
    dir
}
