"""The threads of a pool, seen from the calls that run in them."""

import sys
import threading
import weakref

import pytest

import verdigris
from builds import traces_from_outside
from verdigris.event import Event
from verdigris.exceptions import LoopExit
from verdigris.threadpool import ThreadPool, ThreadResult, _WorkerGreenlet
from verdigris.util import format_run_info


@pytest.fixture
def pool():
    pool = ThreadPool(2)
    yield pool
    pool.kill()


def test_calls_run_in_a_greenlet_of_a_class_of_their_own(pool):
    worker = pool.apply(verdigris.getcurrent)
    assert isinstance(worker, _WorkerGreenlet)
    assert repr(worker).startswith("<ThreadPoolWorker at ") and f"threadpool-hub={pool.hub!r}" in repr(worker)
    assert any(line.startswith("<ThreadPoolWorker") for line in format_run_info())


def test_a_call_that_waits_for_what_never_comes_is_told_so(pool, capfd):
    with pytest.raises(LoopExit):
        pool.apply(lambda: Event().wait())
    with pytest.raises(LoopExit):
        pool.apply(lambda: Event().wait())
    assert pool.apply(str, (1,)) == "1"
    assert pool.size == 1


def test_a_call_that_ends_the_program_ends_itself(pool, capfd):
    def leave():
        verdigris.spawn(sys.exit, 3)
        verdigris.sleep(10)

    with pytest.raises(SystemExit):
        pool.apply_quietly(leave)
    pool.apply(verdigris.sleep, (0,))  # who has raised it there goes on
    assert pool.apply(str, (1,)) == "1"


def test_the_number_of_threads_may_be_assigned(pool):
    assert pool.size == 0
    for size in (2, 1, 0, 1):
        pool.size = size
        assert pool.size == size
    for wrong in (-1, 3):
        with pytest.raises(ValueError):
            pool.size = wrong
    assert pool.apply(str, (1,)) == "1"


def test_what_a_call_was_given_is_gone_when_its_result_is_there(pool):
    class Thing:
        pass

    thing = Thing()
    alive = weakref.ref(thing)
    result = pool.spawn(lambda _thing: None, thing)
    del thing
    result.get()
    assert alive() is None


@traces_from_outside
@pytest.mark.parametrize("kind", ["profile", "trace"])
def test_a_debugger_of_all_threads_sees_the_calls(pool, kind):
    pool.apply(str)  # the thread is there before the debugger
    seen = []
    before = getattr(threading, "get" + kind)()
    getattr(threading, "set" + kind)(lambda frame, *_: seen.append(frame.f_code.co_name))
    try:

        def call():
            return getattr(sys, "get" + kind)()

        assert pool.apply(call) is not None
    finally:
        getattr(threading, "set" + kind)(before)
    assert "call" in seen
    assert pool.apply(call) is None


def test_a_worker_that_fails_to_prepare_gives_the_error_to_the_caller(capfd):
    class Pool(ThreadPool):
        class _WorkerGreenlet(ThreadPool._WorkerGreenlet):
            def _before_run_task(self, *args):
                if failing:
                    raise KeyError("preparing")
                super()._before_run_task(*args)

    failing = True
    pool = Pool(1)
    for _ in range(3):
        with pytest.raises(KeyError, match="preparing"):
            pool.apply(str)
    failing = False
    assert pool.apply(str, (1,)) == "1"
    pool.kill()


def test_a_result_is_received_in_the_hub():
    hub = verdigris.get_hub()
    seen, done = [], Event()

    def receive(result):
        seen.append((verdigris.getcurrent() is hub, result.value, result.exception, result.successful()))
        done.set()

    ready = []
    result = ThreadResult(receive, hub, lambda: ready.append(len(seen)))
    result.set(42)
    done.wait()
    assert seen == [(True, 42, None, True)] and ready == [0]
    assert result.value is None


def test_an_error_is_received_and_reported(capfd):
    done = Event()
    result = ThreadResult(lambda result: done.set(), verdigris.get_hub())
    error = ValueError("carried")
    result.handle_error("the context", (type(error), error, None))
    done.wait()
    verdigris.sleep(0)
    assert "the context failed with ValueError" in capfd.readouterr().err
