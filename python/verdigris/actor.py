"""Actors: greenlets that share nothing and send each other messages. gevent has no such module.

An actor has an inbox and takes one message after the other out of it, so its own state needs no lock. Subclass it:

    class Counter(Actor):
        total = 0

        def receive(self, number):
            self.total += number

    counter = Counter()
    counter.start()
    counter.send(1)
    counter.stop()
    counter.join()
"""

from typing import Any

from verdigris.greenlet import Greenlet
from verdigris.queue import Queue

__all__ = ["Actor"]


class Actor(Greenlet):
    """A greenlet that calls `receive` with each message it is sent, in the order of sending.

    It is started like any greenlet. An error in `receive` ends it, and is reported as a greenlet's is; what was not
    yet received stays in the inbox.

    Args:
        inbox_size: how many messages may wait; whoever sends one more waits for room. None: any number.
    """

    def __init__(self, inbox_size: int | None = None) -> None:
        super().__init__()
        self.inbox: Queue = Queue(inbox_size)

    def receive(self, message: Any) -> None:
        """What to do with a message; to be overridden."""
        raise NotImplementedError(f"{type(self).__name__} does not say what to do with a message")

    def send(self, message: Any, timeout: float | None = None) -> None:
        """Put a message in the inbox; waits for room in one that is full.

        Nobody empties the inbox of an actor that has ended: give a timeout if it may have.

        Raises:
            queue.Full: there was no room for `timeout` seconds.
        """
        self.inbox.put((True, message), timeout=timeout)

    def stop(self) -> None:
        """Let it end once it has received all that was sent before; waits for room in a full inbox.

        To end it at once there is `kill`.
        """
        self.inbox.put((False, None))

    def _run(self) -> None:
        while True:
            going_on, message = self.inbox.get()
            if not going_on:
                return
            self.receive(message)
