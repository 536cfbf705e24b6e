"""Signals that arrive while a greenlet runs on its own stack."""

import textwrap

import pytest

from programs import output_of

# Greenlets that switch, recurse to the limit and call C, while a timer interrupts them; `storm` goes on until as many
# signals have come as the program wants.
PROLOGUE = """
    import ctypes, json, os, signal, socket, sys
    from verdigris.rawgreenlet import getcurrent, greenlet

    main = getcurrent()
    libc = ctypes.CDLL(None)

    def deep(level=0):
        try:
            return deep(level + 1)
        except RecursionError:
            return sorted([2, 1], key=lambda number: json.loads(f"[{number}]"))

    def busy():
        while True:
            deep()
            main.switch()

    def storm(enough):
        workers = [greenlet(busy) for _ in range(5)]
        signal.setitimer(signal.ITIMER_REAL, 0.0002, 0.0002)
        while not enough():
            for worker in workers:
                worker.switch()
        signal.setitimer(signal.ITIMER_REAL, 0)
"""


@pytest.fixture
def program():
    return lambda code: output_of(textwrap.dedent(PROLOGUE) + textwrap.dedent(code))


def test_a_handler_in_python_runs_in_the_greenlet_that_runs(program):
    code = """
        hit = []
        signal.signal(signal.SIGALRM, lambda *_: hit.append(getcurrent()))
        storm(lambda: len(set(hit)) > 3 and len(hit) > 300)
        print(len(set(hit) - {main}) > 2)
    """
    assert program(code) == "True\n"


def test_a_handler_in_python_may_switch(program):
    code = """
        def visit(*_):
            visits.append(greenlet(lambda: getcurrent().parent).switch() is getcurrent())

        visits = []
        signal.signal(signal.SIGALRM, visit)
        storm(lambda: len(visits) > 300)
        print(all(visits))
    """
    assert program(code) == "True\n"


def test_an_exception_of_a_handler_is_raised_in_the_greenlet_that_runs(program):
    code = """
        class Interrupted(Exception):
            pass

        def interrupt(*_):
            raise Interrupted

        def wait():
            try:
                signal.setitimer(signal.ITIMER_REAL, 0.001)
                while True:
                    pass
            except Interrupted:
                return getcurrent()

        signal.signal(signal.SIGALRM, interrupt)
        waiting = greenlet(wait)
        print(waiting.switch() is waiting)
    """
    assert program(code) == "True\n"


def test_the_wakeup_descriptor_is_written_to(program):
    code = """
        ours, theirs = socket.socketpair()
        ours.setblocking(False)
        theirs.setblocking(False)
        signal.set_wakeup_fd(theirs.fileno(), warn_on_full_buffer=False)
        signal.signal(signal.SIGALRM, lambda *_: None)
        seen = bytearray()

        def enough():
            try:
                seen.extend(ours.recv(4096))
            except BlockingIOError:
                pass
            return len(seen) > 300

        storm(enough)
        print(set(seen) == {signal.SIGALRM})
    """
    assert program(code) == "True\n"


@pytest.mark.parametrize("flags", [0, 0x08000000], ids=["on the running stack", "on the signal stack"])
def test_a_handler_in_c_finds_room(program, flags):
    # The handler is a function of libc that takes a number and no lock: a signal has come if the random numbers
    # begin as they do for the number of the signal.
    code = f"""
        class Action(ctypes.Structure):
            _fields_ = [("handler", ctypes.c_void_p), ("mask", ctypes.c_ulong * 16), ("flags", ctypes.c_int),
                        ("restorer", ctypes.c_void_p)]

        libc.srand48(signal.SIGALRM)
        begin = libc.lrand48()
        handler = ctypes.cast(libc.srand48, ctypes.c_void_p)
        assert libc.sigaction(signal.SIGALRM, ctypes.byref(Action(handler, flags={flags})), None) == 0
        arrived = []

        def enough():
            if libc.lrand48() == begin:
                arrived.append(True)
            libc.srand48(1)
            return len(arrived) > 50

        storm(enough)
        print("done")
    """
    assert program(code) == "done\n"
