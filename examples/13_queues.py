"""Three workers share the work of one queue: every task is done once, in turn."""

import gevent
from gevent.queue import Queue

tasks = Queue()


def worker(name):
    while not tasks.empty():
        print(f"{name} got task {tasks.get()}")
        gevent.sleep(0)
    print(f"{name} goes home")


def boss():
    for number in range(1, 25):
        tasks.put_nowait(number)


gevent.spawn(boss).join()
gevent.joinall([gevent.spawn(worker, name) for name in ("steve", "john", "nancy")])
