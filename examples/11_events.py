"""One sets, many wait: an `Event` wakes everybody who waits for it."""

import gevent
from gevent.event import Event

ready = Event()


def setter():
    print("setter: there is something to do first")
    gevent.sleep(0.05)
    print("setter: ready")
    ready.set()


def waiter(number):
    ready.wait()
    print(f"waiter {number}: woken")


gevent.joinall([gevent.spawn(setter), *(gevent.spawn(waiter, number) for number in range(5))])

print("still set, so no wait:", ready.wait())
ready.clear()
print("cleared, wait for a while:", ready.wait(timeout=0.02))
