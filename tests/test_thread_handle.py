"""`thread._ThreadHandle`: what `threading.Thread` waits for its greenlet by, from Python 3.13."""

import gc
import weakref

import pytest

from programs import output_of
from verdigris import getcurrent, sleep, spawn
from verdigris.event import Event
from verdigris.thread import _make_thread_handle, _ThreadHandle, get_ident, start_joinable_thread


def test_it_is_done_when_the_greenlet_has_ended():
    go = Event()
    handle = start_joinable_thread(go.wait)
    joining = [spawn(handle.join) for _ in range(3)]
    sleep(0)
    assert not handle.is_done()
    go.set()
    handle.join()
    assert handle.is_done()
    sleep(0)
    assert all(greenlet.dead for greenlet in joining)
    handle.join()


def test_its_number_is_the_greenlets():
    numbers = []
    handle = _ThreadHandle()
    assert handle.ident == 0
    assert start_joinable_thread(lambda: numbers.append((get_ident(), get_ident(getcurrent()))), handle) is handle
    handle.join()
    assert numbers == [(handle.ident, handle.ident)]
    assert repr(handle) == f"<_ThreadHandle object: ident={handle.ident}>"


def test_join_waits_no_longer_than_it_is_told():
    go = Event()
    handle = start_joinable_thread(go.wait)
    handle.join(0.001)
    handle.join(0)
    assert not handle.is_done()
    go.set()
    handle.join(-1)
    assert handle.is_done()


def test_it_may_be_declared_done():
    go = Event()
    handle = start_joinable_thread(go.wait)
    joining = spawn(handle.join)
    sleep(0)
    handle._set_done()
    joining.join(1)
    assert joining.successful()
    go.set()


def test_it_is_not_declared_done_before_it_was_started():
    handle = _ThreadHandle()
    with pytest.raises(RuntimeError, match="not started"):
        handle._set_done()
    assert not handle.is_done()


def test_nobody_waits_for_himself_or_for_what_was_not_started():
    errors = []
    handle = _ThreadHandle()

    def join():
        with pytest.raises(RuntimeError, match="Cannot join current thread") as caught:
            handle.join()
        errors.append(caught)

    with pytest.raises(RuntimeError, match="not started"):
        handle.join()
    start_joinable_thread(join, handle).join()
    assert len(errors) == 1
    with pytest.raises(RuntimeError, match="already started"):
        start_joinable_thread(join, handle)
    with pytest.raises(RuntimeError, match="Cannot join current thread"):
        _make_thread_handle(0).join()


def test_a_greenlet_lives_as_long_as_its_handle_until_it_ends():
    class Canary:
        pass

    canary = Canary()
    canaries = [weakref.ref(canary)]

    def wait(kept, go):
        go.wait()

    go = Event()
    handle = start_joinable_thread(lambda kept=canary: wait(kept, go))
    del canary
    sleep(0)
    gc.collect()
    assert canaries[0]() is not None
    go.set()
    handle.join()
    sleep(0)
    gc.collect()
    assert canaries[0]() is None


def test_in_the_child_of_a_fork_only_the_one_that_forked_is_alive():
    assert (
        output_of(
            """
            import os
            from verdigris import sleep
            from verdigris.event import Event
            from verdigris.thread import _make_thread_handle, start_joinable_thread

            handle = start_joinable_thread(Event().wait)
            mine = _make_thread_handle(0)
            sleep(0)
            child = os.fork()
            if not child:
                ended = handle.is_done()
                handle.join()
                mine.survive_fork()
                os._exit(0 if ended and not mine.is_done() else 1)
            print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), handle.is_done())
            """
        )
        == "0 False\n"
    )
