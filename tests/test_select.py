"""select, poll and selectors that let others run."""

import os
import selectors as native_selectors

import pytest

import verdigris
from verdigris import select, selectors


@pytest.fixture
def pipe():
    ends = os.pipe()
    yield ends
    for end in ends:
        try:
            os.close(end)
        except OSError:
            pass


def test_select_finds_what_is_ready(pipe):
    r, w = pipe
    assert select.select([r], [w], [], 0) == ([], [w], [])
    os.write(w, b"x")
    assert select.select([r], [], []) == ([r], [], [])


def test_select_lets_others_run_while_it_waits(pipe):
    r, w = pipe
    waiting = verdigris.spawn(select.select, [r], [], [])
    verdigris.sleep(0)
    assert not waiting.ready()
    os.write(w, b"x")
    assert waiting.get(timeout=10) == ([r], [], [])


def test_select_returns_the_objects_it_was_given(pipe):
    with open(pipe[0], "rb", closefd=False) as reader:
        os.write(pipe[1], b"x")
        assert select.select([reader], [], [])[0] == [reader]


def test_select_times_out():
    assert select.select([], [], [], 0.001) == ([], [], [])


def test_select_twice_the_same(pipe):
    r, w = pipe
    waiting = verdigris.spawn(select.select, [r, r], [], [])
    verdigris.sleep(0)
    os.write(w, b"x")
    assert waiting.get(timeout=10) == ([r, r], [], [])


def test_select_refuses_what_is_wrong(pipe):
    with pytest.raises(ValueError, match="negative"):
        select.select([], [], [], -1)
    with pytest.raises(ValueError, match="negative"):
        select.select([-1], [], [], 0)
    for item in ("x", None, 1.5):
        with pytest.raises(TypeError):
            select.select([item], [], [], 0)


def test_select_names_a_closed_descriptor(pipe):
    os.close(pipe[0])
    with pytest.raises(OSError) as caught:
        select.select([pipe[0]], [], [], 0)
    assert caught.value.errno == 9


def test_poll_waits_and_reports(pipe):
    r, w = pipe
    poll = select.poll()
    poll.register(r, select.POLLIN)
    assert poll.poll(0) == [] and poll.poll(1) == []
    waiting = verdigris.spawn(poll.poll)
    verdigris.sleep(0)
    os.write(w, b"x")
    assert waiting.get(timeout=10) == [(r, select.POLLIN)]
    poll.modify(r, select.POLLOUT)
    assert poll.poll(0) == []
    poll.unregister(r)
    with pytest.raises(KeyError):
        poll.unregister(r)
    with pytest.raises(FileNotFoundError):
        poll.modify(r, select.POLLIN)


def test_poll_sees_a_hang_up(pipe):
    r, w = pipe
    poll = select.poll()
    poll.register(r)
    waiting = verdigris.spawn(poll.poll)
    verdigris.sleep(0)
    os.close(w)
    ((fd, events),) = waiting.get(timeout=10)
    assert fd == r and events & select.POLLHUP


def test_the_selector_is_a_selector(pipe):
    r, w = pipe
    with selectors.DefaultSelector() as selector:
        assert isinstance(selector, native_selectors.BaseSelector)
        key = selector.register(r, selectors.EVENT_READ, "data")
        selector.register(w, selectors.EVENT_WRITE)
        assert selector.get_key(r) is key and key.data == "data"
        assert [found[0].fd for found in selector.select()] == [w]
        selector.unregister(w)
        waiting = verdigris.spawn(selector.select)
        verdigris.sleep(0)
        os.write(w, b"x")
        assert waiting.get(timeout=10) == [(key, selectors.EVENT_READ)]
        assert selector.modify(r, selectors.EVENT_WRITE, 5).data == 5
        with pytest.raises(KeyError):
            selector.register(r, selectors.EVENT_READ)
        assert selector.select(timeout=0) == []


def test_a_selector_without_files_waits_for_its_timeout():
    assert selectors.GeventSelector().select(0.001) == []
    assert selectors.GeventSelector().select(-1) == []


def test_a_selector_refuses_what_is_not_open():
    selector = selectors.GeventSelector()
    for _ in range(2):  # the first refusal leaves nothing behind
        with pytest.raises(ValueError, match="Invalid file descriptor: 1000000"):
            selector.register(10**6, selectors.EVENT_READ)
    assert not selector.get_map()


def test_poll_waits_when_it_is_asked_for_nothing(pipe):
    r, w = pipe
    os.write(w, b"readable, but nobody asked")
    poller = select.poll()
    poller.register(r, 0)
    other = verdigris.spawn(verdigris.sleep, 0)
    assert poller.poll(1) == []
    assert other.dead
