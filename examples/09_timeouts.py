"""A limit on any wait: by hand, as a with-block, handed to join and get, and round a call.

Each timeout raises its own object, so nested ones are told apart by `is`.
"""

import gevent
from gevent import Timeout

SHORT = 0.02


def wait_forever():
    gevent.sleep(1000)


class TooLong(Exception):
    """What the with-block below raises in place of the timeout."""


# Started by hand, round whatever waits.
timeout = Timeout(SHORT)
timeout.start()
try:
    gevent.spawn(wait_forever).join()
except Timeout as raised:
    print("round a join:", raised, "and it is ours:", raised is timeout)
finally:
    timeout.close()

# As a with-block that raises an exception of one's own.
try:
    with Timeout(SHORT, TooLong):
        wait_forever()
except TooLong:
    print("with-block: TooLong")

# As a with-block that only gives up.
with Timeout(SHORT, False):
    wait_forever()
    print("never printed")
print("with-block and False: went on silently")

# Handed to join and get, where it ends only that wait; `start_new` makes and starts in one call. `join` comes back in
# either case, `get` has nothing to give and raises.
greenlet = gevent.spawn(wait_forever)
with Timeout.start_new(SHORT) as timer:
    greenlet.join(timeout=timer)
    print("join(timeout=timer): back, and the greenlet is ready:", greenlet.ready())
timer = Timeout.start_new(SHORT)
try:
    greenlet.get(timeout=timer)
except Timeout as raised:
    print("get(timeout=timer): ours:", raised is timer)
finally:
    timer.close()
    greenlet.kill()

# Nested: the outer one is the shorter, so it ends the inner block as well.
with Timeout(SHORT, False) as outer:
    try:
        with Timeout(1000):
            wait_forever()
    except Timeout as raised:
        print("nested: the outer one:", raised is outer)

# Round one call.
try:
    gevent.with_timeout(SHORT, wait_forever)
except Timeout as raised:
    print("with_timeout:", raised)
print("with_timeout and timeout_value:", gevent.with_timeout(SHORT, wait_forever, timeout_value="gave up"))
