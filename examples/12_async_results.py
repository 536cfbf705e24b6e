"""An event that carries something: `AsyncResult` hands a value or an exception to all who wait for it."""

import gevent
from gevent.event import AsyncResult


def ask(name, result):
    try:
        print(f"{name}: got", result.get())
    except ValueError as error:
        print(f"{name}: raised", error)


def deliver(good, bad):
    good.set("Hello!")
    bad.set_exception(ValueError("nothing to give"))


good, bad = AsyncResult(), AsyncResult()
gevent.joinall(
    [
        gevent.spawn(ask, "first", good),
        gevent.spawn(ask, "second", good),
        gevent.spawn(ask, "third", bad),
        gevent.spawn(deliver, good, bad),
    ]
)
print("good:", good.successful(), "bad:", bad.successful())

# A greenlet can deliver its own outcome: the result is called with the greenlet when that ends.
outcome = AsyncResult()
gevent.spawn(sum, [1, 2, 3]).link(outcome)
print("linked:", outcome.get())
