"""An object whose attributes are different for every greenlet."""

import gevent
from gevent.local import local

stash = local()


def first():
    stash.x = 1
    gevent.sleep(0)
    print("first sees", stash.x)


def second():
    print("second sees x:", hasattr(stash, "x"))
    stash.x = 2
    stash.y = 3
    gevent.sleep(0)
    print("second sees", stash.x, "and", stash.y)


gevent.joinall([gevent.spawn(first), gevent.spawn(second)])
print("main sees x:", hasattr(stash, "x"))
