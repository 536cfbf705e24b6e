"""Generators and coroutines that wait on a stack that another greenlet has meanwhile."""

import asyncio
import gc
import inspect
import sys
import weakref
from contextlib import contextmanager

import verdigris
from raw import getcurrent, greenlet
from sharing import alone, displace, names, parked, results_of
from verdigris.event import Event

COUNT = 5


def numbers(kind, event):
    for number in range(3):
        here = [kind, number]
        event.wait()
        yield here


def consume(kind, generators, event):
    generators.append(numbers(kind, event))
    return list(generators[-1])


def expected():
    return [[[kind, number] for number in range(3)] for kind in range(COUNT)]


@alone
def test_one_that_waits_is_looked_at():
    event, generators = Event(), []
    greenlets = parked(COUNT, consume, generators, event)

    def look():
        for kind, generator in enumerate(generators):
            frame = generator.gi_frame
            assert generator.gi_running
            assert inspect.getgeneratorstate(generator) == inspect.GEN_RUNNING
            assert names(frame) == ["numbers", "consume"]
            assert frame.f_locals["here"] == [kind, 0]
            assert frame.f_back.f_locals["generators"] is generators
            assert frame.f_lineno == numbers.__code__.co_firstlineno + 3

    look()
    displace()
    verdigris.spawn(look).get()
    greenlet(look).switch()
    gc.collect()
    displace()
    look()
    event.set()
    assert results_of(greenlets) == expected()
    assert [generator.gi_frame for generator in generators] == [None] * COUNT


@alone
def test_one_that_waits_is_looked_at_after_nobody_has():
    """Nobody has made a frame object of any of its frames before it was displaced."""
    event, generators = Event(), []
    greenlets = parked(COUNT, consume, generators, event)
    event.set()
    assert results_of(greenlets) == expected()


@alone
def test_one_that_waits_cannot_be_resumed_nor_closed():
    event, generators, refused = Event(), [], []
    greenlets = parked(COUNT, consume, generators, event)

    def disturb():
        for generator in generators:
            for way in (generator.__next__, generator.close, lambda: generator.throw(KeyError)):  # noqa: B023
                try:
                    way()
                except ValueError:
                    refused.append(way)

    disturb()
    verdigris.spawn(disturb).get()
    assert len(refused) == COUNT * 6
    event.set()
    assert results_of(greenlets) == expected()


@alone
def test_it_waits_each_time_in_another_greenlet():
    event = Event()
    generators = [numbers(kind, event) for kind in range(COUNT)]
    for number in range(3):
        greenlets = parked(COUNT, lambda kind: (next(generators[kind]), getcurrent()))
        assert all(generator.gi_frame.f_back.f_code.co_name == "<lambda>" for generator in generators)
        event.set()
        assert results_of(greenlets) == [([kind, number], greenlets[kind]) for kind in range(COUNT)]
        assert all(generator.gi_frame.f_back is None for generator in generators)
        event.clear()
    assert [next(generator, "end") for generator in generators] == ["end"] * COUNT


@alone
def test_a_generator_expression():
    event, frames = Event(), []

    def wait(value):
        frames.append(sys._getframe(1))
        event.wait()
        return value

    greenlets = parked(COUNT, lambda number: sum(wait(value) for value in range(number, number + 3)))
    assert [names(frame) for frame in frames] == [["<genexpr>", "<lambda>"]] * COUNT
    assert [frame.f_locals["value"] for frame in frames] == list(range(COUNT))
    event.set()
    assert results_of(greenlets) == [3 * number + 3 for number in range(COUNT)]


@alone
def test_a_chain_of_generators():
    event = Event()

    def chain(depth, bottom):
        here = [depth]
        yield from chain(depth - 1, bottom) if depth else bottom
        assert here == [depth]
        event.wait(0.001)
        yield depth

    def body(kind):
        bottom = numbers(kind, event)
        kept.append((top := chain(100, bottom), bottom))
        return list(top)

    kept = []
    greenlets = parked(COUNT, body)
    for _ in range(2):
        for kind, (top, bottom) in enumerate(kept):
            assert names(bottom.gi_frame) == ["numbers", *["chain"] * 101, "body"]
            assert bottom.gi_frame.f_back.f_locals["depth"] == 0
            assert names(top.gi_frame) == ["chain", "body"]
            assert top.gi_frame.f_locals["here"] == [100]
            assert bottom.gi_frame.f_locals["here"] == [kind, 0]
        displace()
    event.set()
    assert results_of(greenlets) == [[*found, *range(101)] for found in expected()]


@alone
def test_it_is_dropped_while_it_handles_an_exception():
    event, log = Event(), []

    def handles(number):
        try:
            raise KeyError(number)
        except KeyError as error:
            verdigris.sleep(0)
            yield error.args
            log.append("never")
        finally:
            verdigris.sleep(0)
            log.append((number, sys.exception()))

    def body(number):
        generator = handles(number)
        found = next(generator)
        assert sys.exception() is None
        event.wait()
        del generator
        return found

    greenlets = parked(COUNT, body)
    event.set()
    assert results_of(greenlets) == [(number,) for number in range(COUNT)]
    assert [number for number, _ in sorted(log)] == list(range(COUNT))
    assert all(isinstance(error, GeneratorExit) for _, error in log)


@alone
def test_a_context_manager_that_waits_on_both_ends():
    steps = []

    @contextmanager
    def manager(number):
        verdigris.sleep(0)
        try:
            yield number
        except KeyError as error:
            verdigris.sleep(0)
            steps.append((number, error.args))
        finally:
            verdigris.sleep(0)

    def body(number):
        with manager(number) as given:
            verdigris.sleep(0)
            raise KeyError(given)
        return number

    assert results_of(parked(COUNT, body)) == list(range(COUNT))
    assert sorted(steps) == [(number, (number,)) for number in range(COUNT)]


class Step:
    def __init__(self, value):
        self.value = value

    def __await__(self):
        return (yield self.value)


def drive(coroutine):
    """Sends each step's value back."""
    sent = None
    while True:
        try:
            sent = coroutine.send(sent)
        except StopIteration as stop:
            return stop.value


@alone
def test_coroutines_that_are_driven_by_hand():
    event, kept = Event(), []

    async def bottom(number):
        here = await Step([number])
        event.wait()
        return here + await Step([number])

    async def middle(number, levels):
        here = [levels]
        found = await (middle(number, levels - 1) if levels else bottom(number))
        assert here == [levels]
        return found

    def body(number):
        kept.append(middle(number, 10))
        return drive(kept[-1])

    greenlets = parked(COUNT, body)
    for coroutine in kept:
        assert coroutine.cr_running
        assert inspect.getcoroutinestate(coroutine) == inspect.CORO_RUNNING
        assert names(coroutine.cr_frame) == ["middle", "drive", "body"]
    assert [names(asked.gr_frame) for asked in greenlets] == [["bottom", *["middle"] * 11, "drive", "body"]] * COUNT
    displace()
    event.set()
    assert results_of(greenlets) == [[number, number] for number in range(COUNT)]


@alone
def test_async_generators_that_are_driven_by_hand():
    event, kept = Event(), []

    async def steps(number):
        for turn in range(3):
            here = await Step([number, turn])
            event.wait()
            yield here

    async def consumes(number):
        found = []
        kept.append(steps(number))
        async for here in kept[-1]:
            found.append(here)
        return found

    greenlets = parked(COUNT, lambda number: drive(consumes(number)))
    for number, generator in enumerate(kept):
        assert generator.ag_running
        assert generator.ag_frame.f_locals["here"] == [number, 0]
        assert names(generator.ag_frame) == ["steps", "consumes", "drive", "<lambda>"]
    event.set()
    assert results_of(greenlets) == expected()


@alone
def test_a_loop_of_asyncio_in_each():
    async def work(number):
        here = [number]
        await asyncio.sleep(0)
        verdigris.sleep(0.001)
        await asyncio.sleep(0)
        return here

    async def main(number):
        verdigris.sleep(0)
        return [await work(number + turn) for turn in range(3)]

    def body(number):
        coroutine = main(number)
        return drive(coroutine)

    # `asyncio.sleep(0)` only yields: no loop is needed, and none could run in two greenlets of a thread.
    assert results_of(parked(COUNT, body)) == [[[number + turn] for turn in range(3)] for number in range(COUNT)]


@alone
def test_what_it_refers_to_is_no_garbage():
    event, gone = Event(), []

    class Thing:
        pass

    def generates(thing):
        event.wait()
        yield thing.number

    def body(number):
        thing = Thing()
        thing.number, thing.generator = number, generates(thing)
        gone.append(weakref.ref(thing))
        return next(thing.generator)

    greenlets = parked(COUNT, body)
    for _ in range(3):
        gc.collect()
        for thing in gone:
            gc.get_referrers(thing())
            gc.get_referents(thing().generator)
        displace()
    event.set()
    assert results_of(greenlets) == list(range(COUNT))
    gc.collect()
    assert [thing() for thing in gone] == [None] * COUNT
