"""Kinds of recursion: Python code that gets called by itself, mostly by way of C.

Each is a function that recurses without end, or more often than any stack can hold.
"""

import ast
import bisect
import contextlib
import contextvars
import ctypes
import functools
import gc
import heapq
import importlib
import io
import itertools
import json
import operator
import pickle
import re
import sqlite3
import sys
import types
import weakref
from decimal import Decimal
from xml.parsers import expat

from .kind import kind


@kind("a function that calls itself")
def plain():
    plain()


@kind("two functions that call each other")
def mutual():
    def even():
        odd()

    def odd():
        even()

    even()


@kind("`f(*args, **kwargs)`")
def unpacked(level=0, **kwargs):
    # CPython 3.15.0 to 3.15.2 forget to count these (its issue 155151): without an end it would fill all memory.
    if level < 100_000:
        unpacked(*[level + 1], **kwargs)


# As `__del__`.
@kind("a weak reference's callback")
def weakref_callback():
    class Referred:
        pass

    def drop(_=None):
        target = Referred()
        if next(count) < 5000:
            kept.append(weakref.ref(target, drop))
        del target

    count = itertools.count()
    kept: list = []
    drop()


@kind("`sorted(key=)`")
def sorted_key(*_):
    sorted([1, 2], key=sorted_key)


@kind("`list.sort` with `cmp_to_key`")
def cmp_to_key(*_):
    [1, 2].sort(key=functools.cmp_to_key(cmp_to_key))


@kind("`min(key=)` and `max(key=)`")
def min_key(*_):
    min([1, 2], key=lambda _: max([1, 2], key=min_key))


@kind("`bisect(key=)`")
def bisect_key(*_):
    bisect.bisect([1, 2], 1, key=bisect_key)


@kind("`heapq.heapify` and `__lt__`")
def heap():
    class Item:
        def __lt__(self, other):
            return heapq.heapify([Item(), Item()])

    heapq.heapify([Item(), Item()])


@kind("`map`")
def map_(*_):
    list(map(map_, [1]))


@kind("`filter`")
def filter_(*_):
    list(filter(filter_, [1]))


@kind("`any` of a generator")
def any_():
    any(any_() for _ in [1])


@kind("list comprehensions")
def comprehension():
    [comprehension() for _ in [1]]


@kind("`functools.reduce`")
def reduce(*_):
    functools.reduce(reduce, [1, 2])


@kind("`functools.partial`")
def partial(*_):
    functools.partial(partial, 1)()


@kind("`functools.lru_cache`")
def lru_cache():
    @functools.lru_cache
    def cached(level):
        return cached(level + 1)

    cached(0)


@kind("`functools.singledispatch`")
def singledispatch():
    @functools.singledispatch
    def dispatched(level):
        return dispatched(level)

    dispatched(0)


@kind("`operator.methodcaller`")
def methodcaller():
    class Called:
        def again(self):
            return operator.methodcaller("again")(self)

    Called().again()


@kind("bound and class methods")
def methods():
    class Methods:
        def one(self):
            return types.MethodType(Methods.two.__func__, Methods)()

        @classmethod
        def two(cls):
            return cls().one()

    Methods().one()


@kind("`Context.run`")
def context_run():
    contextvars.copy_context().run(context_run)


@kind("`eval` in `eval`")
def eval_():
    eval("eval_()", {"eval_": eval_})


@kind("`exec` in `exec`")
def exec_():
    exec("exec_()", {"exec_": exec_})


@kind("`import` in an importer")
def import_():
    class Finder:
        def find_spec(self, name, path=None, target=None):
            importlib.import_module(name + "x")

    finder = Finder()
    sys.meta_path.insert(0, finder)
    try:
        importlib.import_module("no_such_module_")
    finally:
        sys.meta_path.remove(finder)


@kind("`re.sub` with a function")
def re_sub(_=None):
    re.sub("x", re_sub, "x")


@kind("`json.dumps(default=)`")
def json_default(_=None):
    json.dumps(object(), default=json_default)


@kind("`json.loads(object_hook=)`")
def json_hook(_=None):
    json.loads("{}", object_hook=json_hook)


@kind("`pickle.dumps` and `__reduce__`")
def pickle_reduce():
    class Reduced:
        def __reduce__(self):
            return pickle.loads, (pickle.dumps(self),)

    pickle.dumps(Reduced())


@kind("`ctypes`: `qsort` with a callback")
def ctypes_callback(*_):
    callback = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.c_void_p)
    errors = []

    def compare(first, second):
        try:
            ctypes_callback()
        except BaseException as error:  # ctypes cannot pass it on
            errors.append(error)
        return 0

    ctypes.CDLL(None).qsort((ctypes.c_int * 2)(2, 1), 2, ctypes.sizeof(ctypes.c_int), callback(compare))
    if errors:
        raise errors[0]


@kind("an SQLite function that asks SQLite")
def sqlite_function(*_):
    with contextlib.closing(sqlite3.connect(":memory:")) as connection:
        errors = []

        def function():
            try:
                sqlite_function()
            except BaseException as error:  # SQLite reports only that there was one
                errors.append(error)

        connection.create_function("again", 0, function)
        connection.execute("select again()").fetchall()
        if errors:
            raise errors[0]


@kind("an expat handler that parses")
def expat_handler(*_):
    parser = expat.ParserCreate()
    parser.StartElementHandler = expat_handler
    parser.Parse("<a/>", True)


@kind("a raw I/O object's `readinto`")
def readinto():
    class Raw(io.RawIOBase):
        def readable(self):
            return True

        def readinto(self, buffer):
            return len(io.BufferedReader(Raw()).read(1))

    io.BufferedReader(Raw()).read(1)


@kind("a generator that advances another")
def generator():
    def made():
        yield next(made())

    next(made())


@kind("`yield from`")
def yield_from():
    def made():
        yield from made()

    next(made())


@kind("`await`")
def await_():
    async def made():
        await made()

    made().send(None)


@kind("a tracing function")
def settrace():
    def trace(frame, event, arg):
        called()

    def called():
        sys.settrace(trace)
        (lambda: None)()
        called()

    try:
        called()
    finally:
        sys.settrace(None)


@kind("`gc.callbacks`")
def gc_callbacks():
    # What goes wrong in a callback is only reported.
    def collect(phase, info):
        if next(count) < 5000:
            gc.collect(0)

    count = itertools.count()
    gc.callbacks.append(collect)
    try:
        gc.collect(0)
    finally:
        gc.callbacks.remove(collect)


@kind("an exception in each `except`, a chain of contexts")
def context_chain():
    try:
        raise ValueError
    except ValueError:
        context_chain()


@kind("`ast.NodeVisitor`")
def node_visitor():
    class Visitor(ast.NodeVisitor):
        def generic_visit(self, node):
            self.visit(node)

    Visitor().visit(ast.parse("1"))


@kind("`__int__` and `__float__`, by way of `Decimal`")
def number():
    class Number:
        def __float__(self):
            return float(self)

        def __int__(self):
            return int(Decimal(float(self)))

    int(Number())
