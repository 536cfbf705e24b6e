"""A queue with room for three: whoever is too fast has to wait.

The boss may run ahead of the workers by three tasks and no more. The workers go home when nothing came for a while.
"""

import gevent
from gevent.queue import Empty, Full, Queue

tasks = Queue(maxsize=3)


def worker(name):
    try:
        while True:
            task = tasks.get(timeout=0.1)
            print(f"{name} got task {task}")
            gevent.sleep(0)
    except Empty:
        print(f"{name} goes home")


def boss():
    for number in range(1, 10):
        tasks.put(number)
        print(f"boss put task {number}, {tasks.qsize()} waiting")
    print("boss is done")


gevent.joinall([gevent.spawn(boss), *(gevent.spawn(worker, name) for name in ("steve", "john", "bob"))])

for number in range(3):
    tasks.put_nowait(number)
try:
    tasks.put_nowait("one too many")
except Full:
    print("no room for a fourth")
