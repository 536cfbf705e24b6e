"""The end of the interpreter, and of threads, with greenlets still about."""

import sys

import pytest

from programs import output_of, python

# While this is deleted, the interpreter is ending. Daemon threads that want to go on running Python then end on the
# spot, or from CPython 3.14 on stay where they are, as those do that wait for the GIL in Rust.
LAST = """
import builtins, os, time

class Last:
    def __del__(self, tasks=os.listdir, sleep=time.sleep, now=time.monotonic, write=os.write):
        deadline = now() + LONG
        while len(tasks("/proc/self/task")) > 1 and now() < deadline:
            sleep(0.001)
        write(1, b"%d left" % (len(tasks("/proc/self/task")) - 1))

builtins.last = Last()
"""


def at_exit(program: str, seconds: float) -> str:
    result = python("-c", LAST.replace("LONG", str(seconds)) + program)
    assert result.returncode == 0, result.stderr
    assert result.stderr == ""
    return result.stdout


@pytest.mark.parametrize(
    "where",
    [
        "greenlet(spin).switch(ready)",
        "verdigris.spawn(spin, ready).join()",
        "verdigris.get_hub().loop.run_callback(spin, ready), verdigris.sleep(9)",
    ],
    ids=["raw greenlet", "Greenlet", "callback in the hub"],
)
def test_daemon_threads_end_wherever_they_run_python(where: str) -> None:
    program = f"""if True:
        import threading
        import verdigris
        from verdigris.rawgreenlet import greenlet

        def spin(ready):
            while True:
                time.sleep(0.0005)
                ready.set()

        for _ in range(4):
            ready = threading.Event()
            threading.Thread(target=lambda: ({where}), daemon=True).start()
            ready.wait()
    """
    if sys.version_info >= (3, 14):
        assert at_exit(program, seconds=0.05) == "4 left"
    else:
        assert at_exit(program, seconds=10) == "0 left"


def test_daemon_threads_may_have_hubs() -> None:
    program = """if True:
        import threading
        import verdigris

        def spin(ready):
            while True:
                verdigris.sleep(0.0005)
                ready.set()

        for _ in range(4):
            ready = threading.Event()
            threading.Thread(target=lambda: verdigris.spawn(spin, ready).join(), daemon=True).start()
            ready.wait()
    """
    assert at_exit(program, seconds=0.05).endswith(" left")


def test_suspended_greenlets_are_left_alone_at_exit() -> None:
    assert (
        output_of("""
        import verdigris
        from verdigris.rawgreenlet import greenlet, getcurrent

        def run():
            getcurrent().parent.switch()

        kept = [greenlet(run) for _ in range(100)]
        for g in kept:
            g.switch()
        print("end")
    """)
        == "end\n"
    )


def test_a_greenlet_may_end_the_program() -> None:
    result = python(
        "-c",
        """if True:
        import sys
        from verdigris.rawgreenlet import greenlet
        greenlet(lambda: sys.exit(3)).switch()
    """,
    )
    assert result.returncode == 3, result.stderr


def test_no_current_greenlet_once_the_interpreter_is_ending() -> None:
    assert (
        output_of("""
        import gc, os
        from verdigris.rawgreenlet import getcurrent

        class Late:
            def __del__(self, write=os.write):
                try:
                    getcurrent()
                except RuntimeError as error:
                    write(1, str(error).encode())

        gc.disable()
        late = Late()
        late.itself = late
        del late
    """)
        == "greenlet is being finalized"
    )


def test_functions_that_are_called_at_exit_may_switch() -> None:
    output = output_of("""
        import atexit
        import verdigris
        from verdigris.event import Event
        from verdigris.rawgreenlet import getcurrent, greenlet

        def run():
            print(getcurrent().parent.switch())

        event = Event()
        parked, waiting = greenlet(run), verdigris.spawn(lambda: print(event.wait()))
        parked.switch()
        verdigris.sleep(0)

        @atexit.register
        def last():
            parked.switch("parked")
            event.set()
            waiting.join()
            print(verdigris.spawn(str.upper, "new").get())
    """)
    assert output == "parked\nTrue\nNEW\n"


def test_greenlets_of_daemon_threads_are_left_alone_at_exit() -> None:
    program = """if True:
        import threading
        import verdigris
        from verdigris.rawgreenlet import getcurrent, greenlet

        def park():
            try:
                getcurrent().parent.switch()
            finally:
                os.write(1, b"too late ")

        def work(ready):
            kept = [greenlet(park) for _ in range(20)]
            for g in kept:
                g.switch()
            verdigris.spawn(park), verdigris.spawn(verdigris.sleep, 1000)
            verdigris.sleep(0)
            ready.set()
            while True:
                verdigris.sleep(0.0005)

        for _ in range(4):
            ready = threading.Event()
            threading.Thread(target=work, args=[ready], daemon=True).start()
            ready.wait()
    """
    assert "too late" not in at_exit(program, seconds=0.05)


def test_sub_interpreters_are_refused() -> None:
    output = output_of("""
        try:
            import _interpreters as interpreters
        except ImportError:
            import _xxsubinterpreters as interpreters
        import sys
        import verdigris

        program = "try: import verdigris\\nexcept ImportError as error: print(error, flush=True)"
        run = interpreters.exec if hasattr(interpreters, "exec") else interpreters.run_string
        made = [interpreters.create()]
        if sys.version_info >= (3, 13):
            made.append(interpreters.create("legacy"))
        elif sys.version_info >= (3, 12):
            made.append(interpreters.create(isolated=False))
        for interpreter in made:
            run(interpreter, program)
            interpreters.destroy(interpreter)
    """)
    texts = output.splitlines()
    assert texts
    assert all("interpreter" in text for text in texts)
    assert "main interpreter" in texts[-1]
