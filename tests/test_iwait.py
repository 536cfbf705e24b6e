"""`iwait` shared by greenlets: who leaves the block ends the waiting of the other as well."""

import pytest

import verdigris as gevent
from verdigris.event import Event
from verdigris.exceptions import ConcurrentObjectUseError


def test_leaving_the_block_ends_the_iterator_of_who_waits():
    first, second = Event(), Event()
    rest = []
    with gevent.iwait([first, second]) as iterator:
        other = gevent.spawn(lambda: rest.extend(iterator))
        gevent.sleep(0)
    other.get(timeout=10)
    assert rest == [] and first.linkcount() == second.linkcount() == 0
    with pytest.raises(StopIteration):
        next(iterator)


def test_what_had_arrived_by_then_is_not_given_out():
    event = Event()
    rest = []
    with gevent.iwait([event, Event()]) as iterator:
        other = gevent.spawn(lambda: rest.extend(iterator))
        gevent.sleep(0)
        event.set()
    other.get(timeout=10)
    assert rest == []


def test_only_one_waits_and_the_refused_one_disturbs_nobody():
    event = Event()
    iterator = gevent.iwait([event])
    other = gevent.spawn(next, iterator)
    gevent.sleep(0)
    with pytest.raises(ConcurrentObjectUseError):
        next(iterator)
    event.set()
    assert other.get(timeout=10) is event
