"""Greenlets that belong together: joined together, and mapped over."""

import gevent
from gevent.pool import Group

group = Group()


def speak(word):
    gevent.sleep(0)
    print(word)


for word in ("bar", "bar", "fizz"):
    group.add(gevent.spawn(speak, word))
print("before join:", len(group))
group.join()
print("after join:", len(group))


def square_slowly(number):
    """The smaller the number the longer it takes, so that the order of completion is not the order of the input."""
    print(f"{number} of a group of {len(group)}")
    gevent.sleep(0.1 - number * 0.03)
    return number * number


print("map:", group.map(square_slowly, range(3)))
print("imap:", list(group.imap(square_slowly, range(3))))
print("imap_unordered:", list(group.imap_unordered(square_slowly, range(3))))
