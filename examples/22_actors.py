"""Actors: greenlets with an inbox, that share nothing and send each other messages.

A dozen lines make one. (`verdigris.actor.Actor` is a ready-made one, which gevent does not have.)
"""

import gevent
from gevent import Greenlet
from gevent.queue import Queue


class Actor(Greenlet):
    """Takes messages from its inbox, one at a time; `receive` says what to do with one."""

    def __init__(self):
        super().__init__()
        self.inbox = Queue()

    def receive(self, message):
        raise NotImplementedError

    def _run(self):
        while True:
            self.receive(self.inbox.get())


class Player(Actor):
    """Returns the ball to whoever played it, until its number of rounds is over."""

    def __init__(self, word, rounds):
        super().__init__()
        self.word = word
        self.rounds = rounds

    def receive(self, opponent):
        if not self.rounds:
            raise gevent.GreenletExit
        self.rounds -= 1
        print(self.word)
        opponent.inbox.put(self)


ping = Player("ping", rounds=5)
pong = Player("pong", rounds=5)
ping.start()
pong.start()
ping.inbox.put(pong)
ping.join()
pong.kill()
