"""Two greenlets take turns: each says when the other may run.

`spawn` makes a greenlet and puts it in line; `sleep(0)` means "I wait for nothing, let the others go first".
Nothing switches anywhere else, so the order of the lines is always the same.
"""

import gevent


def foo():
    print("foo: running")
    gevent.sleep(0)
    print("foo: back again")


def bar():
    print("bar: running")
    gevent.sleep(0)
    print("bar: back again")


gevent.joinall([gevent.spawn(foo), gevent.spawn(bar)])
