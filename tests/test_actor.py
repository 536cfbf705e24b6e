"""Actors: messages in order, the end, and errors."""

import pytest

from verdigris import GreenletExit, sleep
from verdigris.actor import Actor
from verdigris.queue import Full


class Recorder(Actor):
    def __init__(self, inbox_size=None):
        super().__init__(inbox_size)
        self.got = []

    def receive(self, message):
        sleep(0)
        self.got.append(message)


def test_messages_come_in_order_and_stop_comes_after_them():
    actor = Recorder()
    actor.send("before the start")
    actor.start()
    for number in range(5):
        actor.send(number)
    actor.stop()
    actor.join()
    assert actor.got == ["before the start", 0, 1, 2, 3, 4]
    assert actor.successful()


def test_anything_is_a_message():
    actor = Recorder()
    messages = [None, StopIteration, StopIteration(), GreenletExit, ()]
    for message in messages:
        actor.send(message)
    actor.stop()
    actor.start()
    actor.join()
    assert actor.got == messages


def test_a_full_inbox_holds_the_sender():
    actor = Recorder(inbox_size=1)
    actor.send("first")
    with pytest.raises(Full):
        actor.send("second", timeout=0.01)
    actor.start()
    actor.send("second")
    actor.stop()
    actor.join()
    assert actor.got == ["first", "second"]


def test_kill_ends_it_at_once():
    actor = Recorder()
    actor.start()
    actor.send("never received")
    actor.kill()
    assert actor.got == []
    assert isinstance(actor.value, GreenletExit)


def test_an_error_ends_it(capsys):
    actor = Actor()
    actor.start()
    actor.send("hello")
    with pytest.raises(NotImplementedError, match="Actor does not say"):
        actor.get()
    assert "failed with NotImplementedError" in capsys.readouterr().err
