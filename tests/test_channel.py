"""`queue.Channel`: an item passes when the greenlet that puts and the one that gets meet."""

import pytest

import verdigris as gevent
from verdigris.queue import Channel, Empty, Full
from waiting import in_the_hub, started


class TestChannel:
    def test_a_put_waits_for_its_get(self):
        channel, log = Channel(), []

        def put():
            channel.put("x")
            log.append("put")

        putting = started(put)
        assert log == [] and channel.balance == 1
        assert channel.get() == "x"
        putting.join()
        assert log == ["put"] and channel.balance == 0

    def test_a_get_waits_for_its_put(self):
        channel = Channel()
        getting = [gevent.spawn(channel.get) for _ in range(2)]
        gevent.sleep(0)
        assert channel.balance == -2
        channel.put(1)
        channel.put(2)
        assert [greenlet.get() for greenlet in getting] == [1, 2]

    def test_who_waits_is_told(self):
        channel = Channel()
        assert channel.getters == channel.putters == []
        getting = started(channel.get)
        assert channel.getters == [getting] and channel.putters == []
        channel.put(1)
        getting.join()
        first, second = started(channel.put, "a"), started(channel.put, "b")
        assert channel.putters == [("a", first), ("b", second)] and channel.getters == []
        first.kill()
        assert channel.putters == [("b", second)]
        channel.get()
        assert channel.putters == []

    def test_those_who_put_are_served_in_order(self):
        channel = Channel()
        putting = [gevent.spawn(channel.put, item) for item in range(3)]
        gevent.sleep(0)
        assert [channel.get() for _ in range(3)] == [0, 1, 2]
        gevent.joinall(putting, raise_error=True)

    def test_nobody_is_there(self):
        channel = Channel()
        for call in (channel.get_nowait, lambda: channel.get(timeout=0.001)):
            with pytest.raises(Empty):
                call()
        for call in (lambda: channel.put_nowait(1), lambda: channel.put(1, timeout=0.001)):
            with pytest.raises(Full):
                call()
        assert channel.balance == 0

    def test_a_killed_put_is_withdrawn(self):
        channel = Channel()
        first, second = gevent.spawn(channel.put, 1), gevent.spawn(channel.put, 2)
        gevent.sleep(0)
        first.kill()
        assert channel.get() == 2
        second.get()

    def test_an_item_given_to_a_killed_get_goes_to_the_next(self):
        channel = Channel()
        first, second = gevent.spawn(channel.get), gevent.spawn(channel.get)
        gevent.sleep(0)
        in_the_hub(lambda: channel.put(1), first.throw)
        assert second.get(timeout=30) == 1

    def test_it_holds_nothing(self):
        channel = Channel()
        assert (channel.qsize(), channel.empty(), channel.full()) == (0, True, True)
        with pytest.raises(ValueError, match="Channels have a maxsize of 1"):
            Channel(2)

    def test_iteration(self):
        channel = Channel()
        gevent.spawn(lambda: [channel.put(item) for item in (1, 2, StopIteration)])
        assert list(channel) == [1, 2]
