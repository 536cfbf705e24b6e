"""`verdigris.config`: settings, each with an environment variable that gives its first value.

The names and variables are gevent's. Those that say "not used" are accepted, and checked, so that programs
which set them run. A setting is read when something that needs it is
made; changing it later does not change what is there already.
"""

import os
from importlib import import_module
from mmap import PAGESIZE

from . import _core

__all__ = ["Config", "config"]


#: The smallest stack that ordinary programs get along with: a request of a web application takes 80 KB.
STACK_MIN = 256 * 2**10
#: What takes more than this is sure to be endless.
STACK_MAX = 2**30


class Setting:
    """One setting: where its value comes from, and what values there are.

    Attributes:
        name: what it is called.
        environment_key: the variable that gives its first value.
        default: its value without that variable, as text or before it is checked.
        __doc__: what it does.
    """

    def __init__(self, variable, default, parse, doc, apply=None):
        self.environment_key = variable
        self.default = default
        self.parse = parse
        self.apply = apply
        self.__doc__ = doc

    def __set_name__(self, owner, name):
        self.name = name

    def __get__(self, config, owner):
        if config is None:
            return self
        if self.name not in config._values:
            text = os.environ.get(self.environment_key, "")
            if text.strip():
                self._assign(config, text, f"the environment variable {self.environment_key}")
            else:
                setattr(config, self.name, self.default)
        return config._values[self.name]

    def __set__(self, config, value):
        self._assign(config, value, f"config.{self.name}")

    def _assign(self, config, value, culprit):
        try:
            value = self.parse(value)
        except ValueError as error:
            raise ValueError(f"{culprit}: {error}") from error
        config._values[self.name] = value
        if self.apply is not None:
            self.apply(value)


def boolean(value):
    """True or False, or a word that means so."""
    if isinstance(value, str):
        word = value.strip().lower()
        if word in ("1", "true", "on", "yes"):
            return True
        if word in ("0", "false", "off", "no", ""):
            return False
        raise ValueError(f"Invalid boolean: {value!r}")
    return bool(value)


def seconds(value):
    """A number above or at zero, or None."""
    if value is None:
        return None
    number = float(value)
    if number < 0:
        raise ValueError(f"must not be negative: {value!r}")
    return number


def seconds_or_never(value):
    """A number of seconds; any negative one means that they never pass."""
    return -1 if float(value) < 0 else float(value)


def whole(value):
    """A whole number above or at zero, or None."""
    if value is None:
        return None
    number = int(value)
    if number < 0:
        raise ValueError(f"must not be negative: {value!r}")
    return number


def count(value):
    """A whole number above or at zero, or None or "never"."""
    if isinstance(value, str) and value.strip().lower() in ("never", "none"):
        return None
    number = whole(value)
    if number is not None and not number < 2**63:
        raise ValueError(f"must be a number of greenlets: {value!r}")
    return number


def idle_time(value):
    """A number of seconds, or None or "never"."""
    if isinstance(value, str) and value.strip().lower() in ("never", "none"):
        return None
    number = seconds(value)
    if number is not None and not number < 2**31:
        raise ValueError(f"must be a time to wait: {value!r}")
    return number


def size(value):
    """A number of bytes, perhaps with KB, MB or GB after it, or None."""
    if value is None:
        return None
    text = str(value).strip().upper()
    for unit, factor in (("GB", 2**30), ("MB", 2**20), ("KB", 2**10)):
        if text.endswith(unit):
            return int(text.removesuffix(unit)) * factor
    return int(text)


def stack_size(value):
    """A size in bytes for a stack: in bounds, and rounded up to whole pages."""
    try:
        number = size(value)
    except ValueError:
        number = None
    if number is None:
        raise ValueError(f'a number of bytes is needed, such as 1048576 or "1MB", not {value!r}')
    if not STACK_MIN <= number <= STACK_MAX:
        bounds = f"{STACK_MIN >> 10}KB to {STACK_MAX >> 20}MB"
        raise ValueError(
            f"a stack can have from {bounds}, and {value!r} is too {'big' if number > STACK_MAX else 'small'}"
        )
    return -(-number // PAGESIZE) * PAGESIZE


def strings(value):
    """A list of strings, or one string with commas, or None."""
    return [word.strip() for word in value.split(",")] if isinstance(value, str) else value


def anything(value):
    """Whatever it is."""
    return value


def imported(**short):
    """A class or function, or the first that can be imported of the names of some.

    A name is one of `short` or 'module.attribute'; several are a list, or have commas between them.
    """

    def parse(value):
        names = value.split(",") if isinstance(value, str) else value
        if not isinstance(names, (list, tuple)):
            return value
        failures = []
        for name in names:
            path = short.get(name.strip(), name.strip())
            module, dot, attribute = path.rpartition(".")
            if not dot:
                failures.append(f'{path} (known are {", ".join(short)} or "module.attribute")')
                continue
            try:
                return getattr(import_module(module), attribute)
            except (ImportError, AttributeError) as error:
                failures.append(f"{path} ({error})")
        raise ImportError(f"cannot import any of: {'; '.join(failures)}")

    return parse


_NO_ARES = "Not used: c-ares is not here."


class Config:
    """The settings, as attributes. Assigning a value checks it."""

    def __init__(self):
        self._values = {}

    @property
    def settings(self):
        """Every `Setting`, by its name."""
        return {name: value for name, value in vars(Config).items() if isinstance(value, Setting)}

    def set(self, name, value):
        """Assign the setting called `name`.

        Raises:
            AttributeError: there is none of this name.
        """
        self._setting(name).__set__(self, value)

    def __getattr__(self, name):
        return self._setting(name).__get__(self, Config)

    def __dir__(self):
        return list(self.settings)

    def _setting(self, name):
        setting = getattr(Config, name, None)
        if not isinstance(setting, Setting):
            raise AttributeError(f"no such setting: {name}")
        return setting

    resolver = Setting(
        "GEVENT_RESOLVER",
        "thread,dnspython,ares,block",
        imported(
            thread="verdigris.resolver.thread.Resolver",
            block="verdigris.resolver.blocking.Resolver",
            dnspython="verdigris.resolver.dnspython.Resolver",
            ares="verdigris.resolver.ares.Resolver",
        ),
        'How host names are looked up: "thread" in native threads, "block" in this one.',
    )
    resolver_nameservers = Setting(
        "GEVENT_RESOLVER_NAMESERVERS", None, strings, "Not used: no resolver here asks name servers itself."
    )
    resolver_timeout = Setting(
        "GEVENT_RESOLVER_TIMEOUT", None, seconds, "Not used: no resolver here asks name servers itself."
    )
    loop = Setting(
        "GEVENT_LOOP",
        "default",
        imported(**dict.fromkeys(("default", "libev-cext", "libev-cffi", "libuv-cffi"), "verdigris._core.loop")),
        "The class of `hub.loop`. There is one; gevent's names for its own all mean it.",
    )
    libev_backend = Setting(
        "GEVENT_BACKEND",
        None,
        anything,
        "What a loop is to wait with. There is only epoll; asked for another, it says that it has the default.",
    )
    stack_size = Setting(
        "VERDIGRIS_STACK_SIZE",
        _core.get_stack_size(),
        stack_size,
        "Bytes of a greenlet's stack, rounded up to whole pages; address space rather than memory. Counts for every "
        "greenlet that starts from then on. docs/recursion.md tells what it holds. gevent has no such setting.",
        apply=_core.set_stack_size,
    )
    compact_after = Setting(
        "VERDIGRIS_COMPACT_AFTER",
        _core.get_compact_after(),
        idle_time,
        "Seconds, up to twice as many, that a greenlet waits before its stack is compacted: kept in the heap, in a "
        "quarter of the memory, until it goes on. None never does. gevent has no such setting.",
        apply=_core.set_compact_after,
    )
    share_above = Setting(
        "VERDIGRIS_SHARE_ABOVE",
        _core.get_share_above(),
        count,
        "How many greenlets with stacks a thread has before new ones share stacks: while one waits, what it has there "
        "may be kept in the heap, in a quarter of the memory, and another run. None: never. No such setting in gevent.",
        apply=_core.set_share_above,
    )
    threadpool = Setting(
        "GEVENT_THREADPOOL", "verdigris.threadpool.ThreadPool", imported(), "The class of `hub.threadpool`."
    )
    threadpool_idle_task_timeout = Setting(
        "GEVENT_THREADPOOL_IDLE_TASK_TIMEOUT",
        5.0,
        seconds_or_never,
        "Seconds after which a native thread without work ends; -1 is never.",
    )
    fileobject = Setting(
        "GEVENT_FILE",
        "posix",
        imported(
            posix="verdigris.fileobject.FileObjectPosix",
            thread="verdigris.fileobject.FileObjectThread",
            block="verdigris.fileobject.FileObjectBlock",
        ),
        "The class that `fileobject.FileObject` is.",
    )
    format_context = Setting(
        "GEVENT_FORMAT_CONTEXT",
        "pprint.saferepr",
        imported(),
        "The function that turns a greenlet into words when its error is reported.",
    )
    disable_watch_children = Setting(
        "GEVENT_NOWAITPID", False, boolean, "Not used: nothing here reaps a child that nobody watches."
    )
    trace_malloc = Setting("PYTHONTRACEMALLOC", False, boolean, "Not used: it is Python's own switch.")
    track_greenlet_tree = Setting(
        "GEVENT_TRACK_GREENLET_TREE",
        True,
        boolean,
        "Remember where and by whom each greenlet was spawned.",
        apply=_core.track_greenlet_tree,
    )
    monitor_thread = Setting(
        "GEVENT_MONITOR_THREAD_ENABLE",
        False,
        boolean,
        "Each hub gets a native thread that watches whether it is blocked. A hub asks when it begins to run.",
    )
    max_blocking_time = Setting(
        "GEVENT_MAX_BLOCKING_TIME",
        0.1,
        seconds,
        "How long a greenlet may run, in seconds, before the monitoring thread says that it blocks; 0: it never does.",
    )
    print_blocking_reports = Setting(
        "GEVENT_MONITOR_PRINT_BLOCKING_REPORTS",
        True,
        boolean,
        "The monitoring thread prints who blocks, on `hub.exception_stream`; it sends an event in any case.",
    )
    memory_monitor_period = Setting(
        "GEVENT_MONITOR_MEMORY_PERIOD",
        5,
        seconds,
        "How often the monitoring thread of the main hub looks at the memory in use, in seconds; 2 at least.",
    )
    max_memory_usage = Setting(
        "GEVENT_MONITOR_MEMORY_MAX",
        None,
        size,
        "How many bytes of memory may be in use before the monitoring thread sends an event.",
    )

    ares_flags = Setting("GEVENTARES_FLAGS", None, whole, _NO_ARES)
    ares_timeout = Setting("GEVENTARES_TIMEOUT", None, seconds, _NO_ARES)
    ares_tries = Setting("GEVENTARES_TRIES", None, whole, _NO_ARES)
    ares_ndots = Setting("GEVENTARES_NDOTS", None, whole, _NO_ARES)
    ares_udp_port = Setting("GEVENTARES_UDP_PORT", None, whole, _NO_ARES)
    ares_tcp_port = Setting("GEVENTARES_TCP_PORT", None, whole, _NO_ARES)
    ares_servers = Setting("GEVENTARES_SERVERS", None, strings, _NO_ARES)


config = Config()
