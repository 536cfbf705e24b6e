"""The same program twice gives the same order twice.

Greenlets switch only where they wait, so a pool of them finishes equal work in an order that does not change from run
to run. Processes are at the mercy of the machine: their four runs may or may not agree.
"""

import multiprocessing
import time

import gevent
from gevent.pool import Pool


def echo_from_process(number):
    time.sleep(0.001)
    return number


def echo_from_greenlet(number):
    gevent.sleep(0.001)
    return number


def four_runs(pool, echo):
    return [list(pool.imap_unordered(echo, range(10))) for _ in range(4)]


def all_equal(runs):
    return all(run == runs[0] for run in runs)


if __name__ == "__main__":
    # The processes come first: they are forked while there is no hub yet that the children would inherit.
    with multiprocessing.get_context("fork").Pool(10) as processes:
        runs = four_runs(processes, echo_from_process)
    print("processes, equal by luck only:", all_equal(runs))

    runs = four_runs(Pool(10), echo_from_greenlet)
    for run in runs:
        print("greenlets:", *run)
    print("greenlets, equal:", all_equal(runs))
