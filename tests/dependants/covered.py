"""A program whose lines are known to run or not to run: started by test_coverage.py.

Its argument says what it uses: raw greenlets or those of gevent.
"""

import sys


def work(switch, number):
    total = 0
    for step in range(3):
        total += switch(step)
        if number == 1:
            total += 100
    if total < 0:
        total = 0  # never
    return total


def raw():
    from greenlet import getcurrent, greenlet

    greenlets = [greenlet(lambda n: work(getcurrent().parent.switch, n)) for _ in range(3)]
    for number, g in enumerate(greenlets):
        g.switch(number)
    while not all(g.dead for g in greenlets):
        for g in greenlets:
            g.switch(1)
    try:
        greenlets[0].throw(KeyError)
    except KeyError:
        return "raw"
    else:
        return "nothing was thrown"  # never


def spawned():
    import gevent

    def wait(step):
        gevent.sleep(0)
        return step

    gevent.joinall([gevent.spawn(work, wait, n) for n in range(3)], raise_error=True)
    return "spawned"


if len(sys.argv) > 2:
    print("more than one argument")  # never
print({"raw": raw, "spawned": spawned}[sys.argv[1]]())
