"""Signals that run greenlets, and ends of programs."""

import os
import signal as native

import pytest

import verdigris
from programs import output_of, python
from verdigris import signal
from verdigris.event import Event


def test_a_handler_runs_in_a_greenlet_and_may_wait():
    arrived, seen = Event(), []

    def handler(*args, **kwargs):
        verdigris.sleep(0)
        seen.extend([args, kwargs, isinstance(verdigris.getcurrent(), verdigris.Greenlet)])
        arrived.set()

    watching = verdigris.signal_handler(native.SIGUSR1, handler, 1, key=2)
    os.kill(os.getpid(), native.SIGUSR1)
    assert arrived.wait(timeout=10)
    assert seen == [(1,), {"key": 2}, True]
    watching.cancel()


def test_cancel_gives_the_signal_back():
    before = native.getsignal(native.SIGUSR1)
    watching = verdigris.signal_handler(native.SIGUSR1, print)
    watching.cancel()
    verdigris.sleep(0)
    assert native.getsignal(native.SIGUSR1) == before


def test_what_cannot_be_called_or_is_no_signal():
    with pytest.raises(TypeError, match="callable"):
        verdigris.signal_handler(native.SIGUSR1, 5)
    with pytest.raises(ValueError):
        verdigris.signal_handler(12345, print)


def test_it_does_not_keep_the_program_alive():
    watching = verdigris.signal_handler(native.SIGUSR1, print)
    assert not watching.ref
    watching.cancel()


@pytest.mark.parametrize(
    "registration",
    [
        "gevent.signal_handler(signal.SIGQUIT, gevent.kill, sleeper)",
        "gevent.signal(signal.SIGQUIT, gevent.kill)",
        "gevent.signal_handler(signal.SIGQUIT, gevent.shutdown)",
        "gevent.signal(signal.SIGQUIT, gevent.shutdown)",
    ],
)
def test_ways_to_end_a_program_by_a_signal(registration):
    assert (
        output_of(f"""
        import os, signal
        import verdigris as gevent
        sleeper = gevent.spawn(gevent.sleep, 1000)
        {registration}
        gevent.spawn(os.kill, os.getpid(), signal.SIGQUIT)
        try:
            sleeper.join()
        finally:
            print('cleaned up')
    """)
        == "cleaned up\n"
    )


def test_an_interrupt_ends_the_main_greenlet():
    result = python(
        "-c",
        """if True:
        import os, signal, verdigris
        verdigris.spawn(os.kill, os.getpid(), signal.SIGINT)
        try:
            verdigris.sleep(1000)
        except KeyboardInterrupt:
            print('interrupted')
    """,
    )
    assert result.stdout == "interrupted\n", result.stderr


def test_it_is_the_signal_module():
    assert signal.SIGTERM is native.SIGTERM and signal.getsignal(native.SIGTERM) == native.getsignal(native.SIGTERM)
