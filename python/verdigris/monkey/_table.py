"""What monkey patching replaces: for each `patch_*` function, modules and names.

A name that this Python's module does not have is left out; a name that the module of ours
does not have is a mistake of the table, which the tests look for.
"""

import sys
from collections import namedtuple
from importlib import import_module

__all__ = ["TABLE", "Replacement", "implements"]


# Names of a standard module that come from one of ours:
# target   the standard module
# source   ours
# names    what is replaced
# removed  what is taken out, if patching is `aggressive`: it would block, and we have nothing
#          to put in its place
Replacement = namedtuple("Replacement", "target source names removed", defaults=((),))

TABLE = {
    "os": (Replacement("os", "verdigris.os", ("close", "fork", "forkpty", "waitpid")),),
    "time": (Replacement("time", "verdigris.time", ("sleep",)),),
    "thread": (
        Replacement(
            "_thread",
            "verdigris.thread",
            (
                "LockType",
                "_ThreadHandle",
                "_local",
                "_make_thread_handle",
                "allocate_lock",
                "exit",
                "get_ident",
                "lock",
                "stack_size",
                "start_joinable_thread",
                "start_new_thread",
            ),
        ),
    ),
    "threading": (
        Replacement(
            "threading",
            "verdigris.threading",
            (
                "Lock",
                "_CRLock",
                "_DummyThread",
                "_ThreadHandle",
                "_active_limbo_lock",
                "_allocate_lock",
                "_dangling",
                "_make_invoke_excepthook",
                "_make_thread_handle",
                "_newname",
                "_set_name",
                "_set_sentinel",
                # The part of it that waits is a function of its own from 3.13 on.
                "_shutdown" if sys.version_info < (3, 13) else "_thread_shutdown",
                "_start_joinable_thread",
                "_start_new_thread",
                "current_thread",
                "get_ident",
                "local",
            ),
        ),
    ),
    "threading_event": (Replacement("threading", "verdigris.threading", ("Event",)),),
    "threading_local": (Replacement("_threading_local", "verdigris.local", ("local",)),),
    "socket": (
        Replacement(
            "socket",
            "verdigris.socket",
            (
                "SocketType",
                "_fallback_socketpair",
                "create_connection",
                "create_server",
                "fromfd",
                "socket",
                "socketpair",
            ),
        ),
    ),
    "dns": (
        Replacement(
            "socket",
            "verdigris.socket",
            ("getaddrinfo", "getfqdn", "gethostbyaddr", "gethostbyname", "gethostbyname_ex", "getnameinfo"),
        ),
    ),
    "select": (
        Replacement("select", "verdigris.select", ("poll", "select"), removed=("devpoll", "epoll", "kevent", "kqueue")),
        Replacement(
            "selectors",
            "verdigris.selectors",
            ("DefaultSelector",),
            removed=("DevpollSelector", "EpollSelector", "KqueueSelector"),
        ),
    ),
    "queue": (Replacement("queue", "verdigris.queue", ("LifoQueue", "PriorityQueue", "Queue", "SimpleQueue")),),
    "subprocess": (
        Replacement("subprocess", "verdigris.subprocess", ("Popen", "call", "check_call", "check_output", "run")),
    ),
    "signal": (Replacement("signal", "verdigris.signal", ("getsignal", "set_wakeup_fd", "signal")),),
}


def implements(source):
    """The names that the module `source` of ours puts in the place of standard ones: its `__implements__`."""
    found = [entry for entries in TABLE.values() for entry in entries if entry.source == source]
    return [name for entry in found for name in entry.names if hasattr(import_module(entry.target), name)]
