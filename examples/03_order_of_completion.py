"""Ten tasks of unforeseeable length: one after the other, then all at once.

One after the other they end in order and take the sum of their times. Spawned together they end as they please, and
take as long as the longest of them.
"""

import random
import time

import gevent


def task(number):
    gevent.sleep(random.uniform(0, 0.002))
    print(f"task {number} done")


def one_after_the_other():
    for number in range(10):
        task(number)


def all_at_once():
    gevent.joinall([gevent.spawn(task, number) for number in range(10)])


for way in (one_after_the_other, all_at_once):
    print(f"{way.__name__}:")
    begin = time.perf_counter()
    way()
    print(f"took {(time.perf_counter() - begin) * 1000:.1f} ms")
