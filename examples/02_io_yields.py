"""Whoever waits for I/O lets the others run.

Two greenlets wait a second each in `select`, for descriptors that never become ready. A third one works meanwhile.
The program takes one second, not two, for the waits overlap.
"""

import time

import gevent
from gevent import select

WAIT = 1.0

begin = time.monotonic()


def clock():
    return f"at {time.monotonic() - begin:.1f} s"


def poll(name):
    print(f"{name}: waiting for I/O {clock()}")
    select.select([], [], [], WAIT)
    print(f"{name}: done waiting {clock()}")


def work():
    print(f"worker: something to do meanwhile {clock()}")
    gevent.sleep(WAIT / 2)
    print(f"worker: finished {clock()}")


gevent.joinall([gevent.spawn(poll, "first"), gevent.spawn(poll, "second"), gevent.spawn(work)])
print(f"all over {clock()}")
