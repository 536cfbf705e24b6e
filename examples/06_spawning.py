"""The ways to make a greenlet: from a function, from a lambda, and from a class of one's own."""

import gevent
from gevent import Greenlet


def say(message, seconds):
    """Print `message` after `seconds`."""
    gevent.sleep(seconds)
    print(message)


class Countdown(Greenlet):
    """A greenlet with state: overrides `_run`, which is what runs in it; what it returns becomes its value."""

    def __init__(self, start):
        super().__init__()
        self.left = start

    def _run(self):
        while self.left:
            print(f"countdown: {self.left}")
            self.left -= 1
            gevent.sleep(0.02)
        return "lift-off"


late = Greenlet.spawn(say, "Hello", 0.2)
early = gevent.spawn(say, message="I come first", seconds=0.1)
doubled = gevent.spawn(lambda number: number * 2, 21)
gevent.joinall([late, early, doubled])
print("the lambda gave", doubled.value)

countdown = Countdown(3)
countdown.start()
countdown.join()
print("the countdown gave", countdown.value)
