"""The hub: the greenlet that waits for everything on behalf of all the others.

It starts by itself when something waits for the first time. Callbacks given to `rawlink` run in it. There they must
not wait: who would wake the hub?
"""

import gevent
from gevent.exceptions import BlockingSwitchOutError


def show_where(finished):
    hub = gevent.get_hub()
    print("in the callback, the current greenlet is the hub:", gevent.getcurrent() is hub)
    print("the greenlet has ended with", finished.value)


def try_to_wait(_finished):
    try:
        gevent.sleep(1)
    except BlockingSwitchOutError as error:
        print("sleep in the hub:", type(error).__name__)
        print("it says:", error)


def wait_regardless(_finished):
    gevent.sleep(1)


print("in main, the current greenlet is the hub:", gevent.getcurrent() is gevent.get_hub())
greenlet = gevent.spawn(lambda: 42)
greenlet.rawlink(show_where)
greenlet.rawlink(try_to_wait)
greenlet.rawlink(wait_regardless)  # reported on stderr, and the hub goes on
greenlet.join()
gevent.sleep(0)
print("main goes on")
