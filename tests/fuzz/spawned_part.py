"""Spawned greenlets of one thread, waiting for, killing and joining one another at random.

Each task knows how it may end; whoever looks at it compares. Whatever is counted in (started,
holding a semaphore, put in a queue) must be counted out in the end.
"""

import gc
import os
import random
import threading
import time
from collections import Counter
from collections.abc import Callable
from functools import partial
from typing import Any

import gevent
from gevent.event import AsyncResult, Event
from gevent.lock import BoundedSemaphore, RLock
from gevent.queue import Empty, Queue
from raw_events import Relics
from raw_part import Planned, check
from situations import ENCOUNTERS, SITUATIONS


class Task(gevent.Greenlet):  # type: ignore[misc]
    """One that remembers whether it has begun, and whether finalizers may wait in it now."""

    begun = False
    killed = False
    patient = False


class Spawned:
    HOLDERS = 3

    def __init__(self, seed: int, real: bool) -> None:
        self.real = real
        self.random = random.Random(seed)
        self.counts: Counter[str] = Counter()
        self.tasks: list[Task] = []
        self.most = self.random.choice((50, 300))
        self.events = [Event() for _ in range(5)]
        self.results = [AsyncResult() for _ in range(5)]
        self.semaphore = BoundedSemaphore(self.HOLDERS)
        self.lock = RLock()
        self.queue = Queue(10)
        self.holding = self.locked = self.next_item = 0
        self.under_way: set[int] = set()
        self.relics = Relics()
        self.generators: list[Any] = []
        self.meeting: list[Any] = []
        self.over = False
        self.actions: list[Callable[[], Any]] = [
            *[self.spawn] * 3,
            *[self.pause] * 3,
            self.wait_for_event,
            self.toggle_event,
            self.wait_for_result,
            self.set_result,
            self.hold_semaphore,
            self.hold_lock,
            self.put,
            self.take,
            self.kill,
            self.join,
            self.join_several,
            self.time_out,
            *[partial(encounter, self) for encounter in ENCOUNTERS],
        ]
        # What takes long, and so is done seldom.
        self.incidents: list[Callable[[], None]] = [self.collect, self.compact, self.fork, self.end_a_thread]

    def run(self, seconds: float) -> Counter[str]:
        hub = gevent.get_hub()
        hub.NOT_ERROR = (*hub.NOT_ERROR, Planned)
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            for _ in range(self.random.choice((1, 1, 50))):
                self.spawn()
            gevent.sleep(0)
        self.over = True
        for event in self.events:
            event.set()
        for task in self.tasks:
            task.killed = True
        gevent.killall(self.tasks, timeout=60)
        for task in self.tasks:
            check(self.examine(task), "survived being killed")
        check(self.counts["begun"] == self.counts["ended"], "a greenlet has not ended")
        check(self.holding == self.locked == 0, "a lock is still held by somebody who has ended")
        check(self.semaphore.counter == self.HOLDERS, "a semaphore's place was lost")
        while not self.queue.empty():
            self.under_way.remove(self.queue.get_nowait())
        check(not self.under_way, f"the queue lost {len(self.under_way)} items")
        check(not self.meeting, "somebody who has ended still waits to be met")
        self.generators.clear()
        self.relics.frames.clear()
        return self.counts

    # A task.

    def spawn(self) -> None:
        self.tasks = [task for task in self.tasks if not self.examine(task)]
        if len(self.tasks) < self.most and not self.over:
            begin = self.random.choice((Task.spawn, Task.spawn, Task.spawn_later))
            delay = (0.0005,) if begin == Task.spawn_later else ()
            self.tasks.append(begin(*delay, self.live))
            self.counts["spawned"] += 1

    def live(self) -> str:
        me = gevent.getcurrent()
        me.begun = True
        self.counts["begun"] += 1
        try:
            for _ in range(self.random.randrange(1, 15)):
                if self.over:
                    break
                self.random.choice(SITUATIONS)(self)
            if self.random.random() < 0.1:
                raise Planned
            return "end"
        finally:
            self.counts["ended"] += 1

    def act(self) -> None:
        """One thing at random."""
        seldom = self.random.random() < 0.005 and isinstance(gevent.getcurrent(), Task)
        self.random.choice(self.incidents if seldom else self.actions)()

    def examine(self, task: Task) -> bool:
        """Whether it has ended; and if so, that it did in a way that it may."""
        if not task.ready():
            check(task.exception is None, "an exception before the end")
            return False
        if isinstance(task.value, gevent.GreenletExit):
            check(task.killed and task.successful(), "an exit without a kill")
        elif task.successful():
            check(task.value == "end", f"ended with {task.value!r}")
        else:
            check(isinstance(task.exception, Planned), f"ended by {task.exception!r}")
        check(task.dead, "ready and not dead")
        return True

    def other(self) -> Task | None:
        task = self.random.choice(self.tasks) if self.tasks else None
        return None if task is gevent.getcurrent() else task

    def moment(self) -> float:
        return self.random.choice((0, 0.0001, 0.001, 0.02))

    # What tasks do.

    def pause(self) -> None:
        gevent.sleep(self.moment())
        if not self.real:
            from verdigris import _core

            self.counts["pauses"] += 1
            self.counts["without a stack of their own"] += _core.count_evicted()

    def wait_for_event(self) -> None:
        event = self.random.choice(self.events)
        if event.wait(self.moment()):
            self.counts["events seen"] += 1
        else:
            self.counts["waits timed out"] += 1

    def toggle_event(self) -> None:
        event = self.random.choice(self.events)
        if event.is_set():
            event.clear()
        else:
            event.set()

    def wait_for_result(self) -> None:
        result = self.random.choice(self.results)
        try:
            check(result.get(timeout=self.moment()) == "result", "another value than was set")
        except gevent.Timeout:
            self.counts["waits timed out"] += 1
        except Planned:
            self.counts["exceptions handed on"] += 1
        else:
            self.counts["results seen"] += 1

    def set_result(self) -> None:
        place = self.random.randrange(len(self.results))
        if self.results[place].ready():
            self.results[place] = AsyncResult()
        elif self.random.random() < 0.5:
            self.results[place].set("result")
        else:
            self.results[place].set_exception(Planned())

    def hold_semaphore(self) -> None:
        if not self.semaphore.acquire(timeout=self.moment()):
            return
        self.holding += 1
        try:
            check(self.holding <= self.HOLDERS, "too many hold the semaphore")
            gevent.sleep(self.moment())
        finally:
            self.holding -= 1
            self.semaphore.release()

    def hold_lock(self) -> None:
        with self.lock, self.lock:
            self.locked += 1
            try:
                check(self.locked == 1, "two hold the lock")
                gevent.sleep(self.moment())
            finally:
                self.locked -= 1

    def put(self) -> None:
        self.next_item += 1
        item = self.next_item
        self.under_way.add(item)
        try:
            self.queue.put(item, timeout=self.moment())
        except BaseException as error:
            # Killed at the very moment of success, the item may be in the queue all the same.
            if item not in self.queue.queue:
                self.under_way.discard(item)
            if not isinstance(error, Exception):
                raise

    def take(self) -> None:
        try:
            item = self.queue.get(timeout=self.moment())
        except Empty:
            return
        check(item in self.under_way, "an item came twice, or from nowhere")
        self.under_way.remove(item)
        self.counts["items taken"] += 1

    def kill(self) -> None:
        task = self.other()
        if task is not None and not task.ready():
            task.killed = True
            block = self.random.random() < 0.5
            task.kill(block=block, timeout=self.moment() if block else None)
            self.counts["killed"] += 1

    def join(self) -> None:
        task = self.other()
        if task is not None:
            task.join(timeout=self.moment())
            self.examine(task)
            self.counts["joined"] += 1

    def join_several(self) -> None:
        tasks = [task for task in (self.other(), self.other()) if task is not None]
        for task in gevent.joinall(tasks, timeout=self.moment()):
            check(task.ready(), "joined and not ready")

    def time_out(self) -> None:
        with gevent.Timeout(0.001, False):
            gevent.sleep(self.random.choice((0, 5)))
        self.counts["timeouts"] += 1

    # What befalls them from outside.

    def collect(self) -> None:
        gc.collect(self.random.randrange(3))
        self.counts["collections"] += 1

    def compact(self) -> None:
        if not self.real:
            from verdigris import _core

            self.counts["stacks compacted"] += _core.compact()

    def fork(self) -> None:
        child = os.fork()
        if not child:
            # All that there are in this thread run on in the child.
            self.over = True
            others = [task for task in self.tasks if task is not gevent.getcurrent()]
            for task in others:
                task.killed = True
            new = gevent.spawn(gevent.sleep, 0)
            new.join(timeout=30)
            gevent.killall(others, timeout=30)
            os._exit(0 if new.successful() and all(task.dead for task in others) else 1)
        _, status = os.waitpid(child, 0)
        check(status == 0, f"a child ended with {os.waitstatus_to_exitcode(status)}")
        self.counts["forks"] += 1

    def end_a_thread(self) -> None:
        """A thread with a hub of its own leaves tasks behind, one of which has just been given what all wait for."""
        semaphore, left = BoundedSemaphore(1), []

        def work() -> None:
            semaphore.acquire()
            left.extend(gevent.spawn(semaphore.acquire) for _ in range(3))
            gevent.sleep(0)
            semaphore.release()

        thread = threading.Thread(target=work)
        thread.start()
        thread.join()
        self.counts["threads ended"] += 1
        if not self.real:
            check(semaphore.acquire(timeout=60), "a place in a semaphore went with a thread")
            check(all(task.ready() for task in left), "a greenlet outlives its thread")


def fuzz_spawned(seed: int, seconds: float, real: bool) -> Counter[str]:
    return Spawned(seed, real).run(seconds)
