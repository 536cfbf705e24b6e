"""At most two inside: a semaphore counts who may go on.

A bounded one also notices when it is released more often than it was acquired.
"""

import gevent
from gevent.lock import BoundedSemaphore
from gevent.pool import Pool

door = BoundedSemaphore(2)
inside = 0


def enter(who):
    global inside
    inside += 1
    print(f"{who} enters, {inside} inside")
    gevent.sleep(0.01)
    inside -= 1


def by_hand(who):
    door.acquire()
    try:
        enter(who)
    finally:
        door.release()


def by_with(who):
    with door:
        enter(who)


pool = Pool()
pool.map(by_hand, ["ada", "ben", "cleo"])
pool.map(by_with, ["dora", "emil", "fay"])

try:
    door.release()
except ValueError as error:
    print("released too often:", error)
