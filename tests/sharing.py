"""Tests about greenlets that share a stack: each in a process of its own, where stacks are shared from the first on.

So a crash fails one test, and no idle stack that an earlier test has left saves a greenlet from sharing.
"""

import faulthandler
import functools
import gc
import pathlib
import threading

import verdigris
from programs import python
from verdigris import _core
from verdigris.event import Event

#: Greenlets that have come to live on the stacks of those whom a test is about: several on each.
NEIGHBOURS = 100


class Here(threading.local):
    """What this thread has of them."""

    neighbours = 0
    over = False
    turn = None


_here = Here()


def alone(test):
    """Has a test run in a process of its own, by `run`. What pytest gives it, it takes by keyword."""
    file = pathlib.Path(test.__code__.co_filename)

    @functools.wraps(test)
    def in_its_process(**given):
        code = (
            f"import sys; sys.path.insert(0, {str(file.parent)!r}); import sharing, {file.stem} as tests; "
            f"sharing.run(tests.{test.__name__}.__wrapped__, {given!r})"
        )
        result = python("-c", code, timeout=120, env={"PYTHONWARNINGS": "ignore"})
        assert result.returncode == 0, result.stderr
        assert result.stdout == "end\n"
        assert result.stderr == ""

    return in_its_process


def run(test, given):
    """In that process: the test, and then that nobody has been left without a stack."""
    faulthandler.enable()
    faulthandler.dump_traceback_later(110, exit=True)
    _core.set_share_above(0)
    test(**given)
    _here.over = True
    give_turn()
    gc.collect()
    assert _core.count_evicted() == 0
    print("end")


def give_turn():
    """Lets all neighbours run that wait for their turn, each on the stack on which it has begun."""
    turn, _here.turn = _here.turn, Event()
    if turn is not None:
        turn.set()
    verdigris.sleep(0)


def neighbour():
    while not _here.over:
        _here.turn.wait()


def displace(newcomers=0):
    """Has the neighbours run for a moment, and so everybody else of this thread make way who shares a stack."""
    give_turn()
    newcomers = max(newcomers, NEIGHBOURS - _here.neighbours)
    _here.neighbours += newcomers
    for _ in range(newcomers):
        verdigris.spawn(neighbour)
    verdigris.sleep(0)
    give_turn()
    assert _core.count_evicted() > NEIGHBOURS / 2, "nobody shares a stack"


def parked(count, body, *args):
    """Greenlets that are at a wait to which body(number, *args) has led them, and on whose stacks are others now.

    They have been at another wait before, as `tenant`: who moves in asks first whether anybody can reach the frames of
    who is there, later no more.
    """
    gate = Event()

    def tenant(number):
        gate.wait()
        return body(number, *args)

    greenlets = [verdigris.spawn(tenant, number) for number in range(count)]
    verdigris.sleep(0)
    displace(newcomers=NEIGHBOURS // 2)
    gate.set()
    verdigris.sleep(0)
    displace()
    assert not any(greenlet.ready() for greenlet in greenlets)
    return greenlets


def names(frame):
    """The functions on a stack, from the innermost on; without `tenant`."""
    found = []
    while frame and frame.f_code.co_name != "tenant":
        found.append(frame.f_code.co_name)
        frame = frame.f_back
    return found


def results_of(greenlets):
    """What they return, or the first error."""
    verdigris.joinall(greenlets, raise_error=True)
    return [greenlet.value for greenlet in greenlets]
