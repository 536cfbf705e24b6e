"""Kinds of recursion: methods that Python calls by itself, and that ask for themselves again."""

import contextlib
import itertools
import operator
from collections import defaultdict

from .kind import kind


class Special:
    """An object each of whose special methods asks for itself."""

    def __getattr__(self, name):
        return getattr(self, name + "x")

    def __repr__(self):
        return repr([self])

    def __str__(self):
        return str(self)

    def __format__(self, spec):
        return f"{self}"

    def __eq__(self, other):
        return [self] == [other]

    def __lt__(self, other):
        return sorted([self, other])

    def __hash__(self):
        return hash((self,))

    def __bool__(self):
        return not self

    def __len__(self):
        return len(self)

    def __call__(self):
        return self()

    def __iter__(self):
        return iter(list(self))

    def __getitem__(self, key):
        return self[key]

    def __contains__(self, item):
        return item in self

    def __add__(self, other):
        return sum([other], self)

    def __index__(self):
        return operator.index(self)

    def __enter__(self):
        with self:
            pass

    def __exit__(self, *args):
        pass

    def __bytes__(self):
        return bytes(self)

    def __fspath__(self):
        return str(open(self))

    def __dir__(self):
        return dir(self)

    def __setattr__(self, name, value):
        setattr(self, name, value)


@kind("`__getattr__`")
def getattr_():
    Special().name  # noqa: B018


@kind("`__getattribute__`")
def getattribute():
    class Asks:
        def __getattribute__(self, name):
            return getattr(self, name)

    Asks().name  # noqa: B018


@kind("`__setattr__`")
def setattr_():
    Special().name = 1


@kind("a property")
def property_():
    class Has:
        @property
        def own(self):
            return operator.attrgetter("own")(self)

    Has().own  # noqa: B018


@kind("a descriptor's `__get__`")
def descriptor():
    class Descriptor:
        def __get__(self, instance, owner):
            return instance.own

    class Has:
        own = Descriptor()

    Has().own  # noqa: B018


@kind("`__repr__`, by way of a list")
def repr_():
    repr(Special())


@kind("`__str__`")
def str_():
    str(Special())


@kind("`__format__`, by way of an f-string")
def format_():
    format(Special(), "")


@kind("`str.format`, a field within a field")
def str_format():
    class Field:
        def __format__(self, spec):
            return "{:{}}".format(self, spec)

    format(Field(), "x")


@kind("`__eq__`, by way of lists")
def eq():
    Special() == Special()  # noqa: B015


@kind("`__lt__`, by way of `sorted`")
def lt():
    sorted([Special(), Special()])


@kind("`__hash__`, by way of a tuple")
def hash_():
    hash(Special())


@kind("`__bool__`")
def bool_():
    bool(Special())


@kind("`__len__`")
def len_():
    len(Special())


@kind("`__call__`")
def call():
    Special()()


@kind("`__iter__`, by way of `list`")
def iter_():
    list(Special())


@kind("`__next__`, by way of `zip`")
def next_():
    class Endless:
        def __iter__(self):
            return self

        def __next__(self):
            return next(zip(self))

    next(Endless())


@kind("`__getitem__`")
def getitem():
    Special()[0]


@kind("`__missing__` of a dict")
def missing():
    class Missing(dict):
        def __missing__(self, key):
            return self[key]

    Missing()[0]


@kind("`defaultdict`'s factory")
def default_factory():
    table = defaultdict(lambda: table[object()])
    table[0]


@kind("`__eq__` of a dict's key")
def dict_key():
    class Key:
        def __hash__(self):
            return 0

        def __eq__(self, other):
            return Key() in {Key(): None}

    Key() in {Key(): None}  # noqa: B015


@kind("`__contains__`")
def contains():
    0 in Special()  # noqa: B015


@kind("`__add__`, by way of `sum`")
def add():
    sum([1], Special())


@kind("`__index__`")
def index():
    operator.index(Special())


@kind("`__enter__`")
def enter():
    with Special():
        pass


@kind("`ExitStack`, one that enters the next")
def exit_stack():
    @contextlib.contextmanager
    def manager():
        with contextlib.ExitStack() as stack:
            yield stack.enter_context(manager())

    with manager():
        pass


@kind("`__new__`")
def new():
    class New:
        def __new__(cls):
            return cls()

    New()


@kind("`__init__` that makes another")
def init():
    class Init:
        def __init__(self):
            Init()

    Init()


@kind("`super().__init__` through 1100 classes")
def super_init():
    made = object
    for _ in range(1100):

        class Derived(made):
            def __init__(self):
                super().__init__()

        made = Derived
    made()


@kind("a metaclass's `__call__`")
def meta_call():
    class Meta(type):
        def __call__(cls):
            return cls()

    class Made(metaclass=Meta):
        pass

    Made()


@kind("`__build_class__`: a class in a class's body")
def build_class():
    def make():
        class Inner:
            made = make()

    make()


@kind("`__init_subclass__`")
def init_subclass():
    class Base:
        def __init_subclass__(cls):
            type("Derived", (cls,), {})

    type("First", (Base,), {})


@kind("`__set_name__`")
def set_name():
    class Named:
        def __set_name__(self, owner, name):
            type("Next", (), {"named": Named()})

    type("First", (), {"named": Named()})


@kind("`__instancecheck__`")
def instance_check():
    class Meta(type):
        def __instancecheck__(cls, instance):
            return isinstance(instance, cls)

    isinstance(1, Meta("Checked", (), {}))


@kind("`__subclasscheck__`")
def subclass_check():
    class Meta(type):
        def __subclasscheck__(cls, other):
            return issubclass(other, cls)

    issubclass(int, Meta("Checked", (), {}))


@kind("`__class_getitem__`")
def class_getitem():
    class Generic:
        def __class_getitem__(cls, item):
            return cls[item]

    Generic[int]


@kind("`__dir__`")
def dir_():
    dir(Special())


@kind("`__bytes__`")
def bytes_():
    bytes(Special())


@kind("`__fspath__`")
def fspath():
    open(Special())


# What goes wrong in it is only reported, and where CPython puts off what is dropped too deep, it would not end.
@kind("`__del__` that drops another")
def del_():
    class Dropped:
        def __del__(self):
            if next(count) < 5000:
                Dropped()

    count = itertools.count()
    Dropped()
