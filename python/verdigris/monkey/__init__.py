"""Making the standard library cooperative.

`patch_all()`, called before anything else is imported, replaces what blocks in the standard
modules by what lets other greenlets run. `_table` says what is replaced by what.

Not patched in this version: `ssl`, `sys`, `builtins` and `contextvars`. The flags for them are
accepted and do nothing; TLS works as ever, that is, it blocks. (`contextvars` needs no patch:
each greenlet has a context of its own.)
"""

from ..events import (
    DoNotPatch,
    GeventDidPatchAllEvent,
    GeventDidPatchBuiltinModulesEvent,
    GeventWillPatchAllEvent,
    notify_and_call_entry_points,
)
from ._apply import (
    MonkeyPatchWarning,
    apply,
    get_original,
    is_anything_patched,
    is_module_patched,
    is_object_patched,
    patch_item,
    patch_module,
    remove_item,
    saved,
    warn,
)

__all__ = [
    "MonkeyPatchWarning",
    "get_original",
    "is_anything_patched",
    "is_module_patched",
    "is_object_patched",
    "main",
    "patch_all",
    "patch_builtins",
    "patch_contextvars",
    "patch_dns",
    "patch_item",
    "patch_module",
    "patch_os",
    "patch_queue",
    "patch_select",
    "patch_selectors",
    "patch_signal",
    "patch_socket",
    "patch_ssl",
    "patch_subprocess",
    "patch_sys",
    "patch_thread",
    "patch_time",
    "remove_item",
    "saved",
]

# Where gevent keeps, among what it saved, what patch_all was asked for.
_SETTINGS = "_gevent_saved_patch_all_module_settings"


def patch_all(
    socket=True,
    dns=True,
    time=True,
    select=True,
    thread=True,
    os=True,
    ssl=True,
    subprocess=True,
    sys=False,
    aggressive=True,
    Event=True,
    builtins=True,
    signal=True,
    queue=True,
    contextvars=True,
    **kwargs,
):
    """Patch the standard library; each argument is about the module of its name.

    Args:
        dns: the functions of `socket` that look up names; not without `socket`.
        aggressive: take out what would block and has no replacement, such as `epoll`.
        Event: `threading.Event`.
        kwargs: for subscribers to `events`.

    Returns True if it patched, None if there was nothing (more) to do, False if a subscriber to
    `events` raised DoNotPatch.

    Warns:
        MonkeyPatchWarning: it was called before, with other arguments; or signals are
            patched without `os`.
    """
    asked = {name: value for name, value in locals().items() if name != "kwargs"}
    asked.update(kwargs)
    before = saved.get(_SETTINGS, {})
    if before == asked:
        return None
    messages = []
    wanted = {name: value or before.get(name, False) for name, value in asked.items()}
    if before:
        messages.append("Patching more than once will result in the union of all True parameters being patched")
    if wanted["signal"] and not wanted["os"]:
        messages.append(
            "Patching signal but not os will result in SIGCHLD handlers installed after this "
            "not being called and os.waitpid may not function correctly if gevent.subprocess "
            "is used. This may raise an error in the future."
        )
    fresh = {name for name, value in wanted.items() if value and not before.get(name)}
    if not wanted["socket"]:
        fresh.discard("dns")
    if before and fresh.isdisjoint(_MODULES):
        _process_warnings(messages)
        return None
    try:
        notify_and_call_entry_points(GeventWillPatchAllEvent(asked, kwargs))
    except DoNotPatch:
        return False
    saved[_SETTINGS] = wanted
    arguments = {
        "thread": {"Event": Event, "_warnings": messages},
        "socket": {"dns": False, "aggressive": aggressive},
        "select": {"aggressive": aggressive},
    }
    for name in _MODULES:
        if name in fresh:
            # By name, now: a program may have put a function of its own in the place of ours.
            globals()[f"patch_{name}"](**arguments.get(name, {}))
    _process_warnings(messages)
    notify_and_call_entry_points(GeventDidPatchBuiltinModulesEvent(asked, kwargs))
    notify_and_call_entry_points(GeventDidPatchAllEvent(asked, kwargs))
    return True


def patch_os():
    """Patch `os.fork`, `forkpty` and `waitpid`."""
    apply("os")


def patch_time():
    """Patch `time.sleep`."""
    apply("time")


def patch_thread(
    threading=True,
    _threading_local=True,
    Event=True,
    logging=True,
    existing_locks=True,
    _warnings=None,
):
    """Patch `_thread` and what stands on it, so that threads are greenlets.

    Args:
        threading: the `threading` module as well.
        _threading_local: the module of this name as well.
        Event: `threading.Event`.
        logging: give `logging` and its handlers new locks, if it is imported.
        existing_locks: make the locks of modules that are being imported, and the one of
            `concurrent.futures`, ours. Other locks that exist already stay native.

    Warns:
        MonkeyPatchWarning: it is called in another thread than the main one.
    """
    # Its originals must be taken first.
    from .. import threadpool  # noqa: F401
    from ._existing import (
        adopt_main_thread,
        replace_existing_locks,
        replace_logging_locks,
        replace_methods_of_thread,
    )

    messages = [] if _warnings is None else _warnings
    old_ident = get_original("_thread", "get_ident")()
    if not apply("thread"):
        return
    if existing_locks:
        replace_existing_locks(old_ident)
    if threading:
        if Event:
            apply("threading_event")
        if apply("threading"):
            replace_methods_of_thread()
            if not adopt_main_thread(old_ident):
                messages += _NOT_MAIN
        if logging:
            replace_logging_locks()
    if _threading_local:
        apply("threading_local")
    if _warnings is None:
        _process_warnings(messages)


def patch_socket(dns=True, aggressive=True):
    """Patch sockets; with `dns`, name lookups too. `aggressive` is accepted, as gevent's."""
    # TLS stands on the native socket class, and takes hold of it at import.
    try:
        import ssl  # noqa: F401
    except ImportError:
        pass
    apply("socket")
    if dns:
        patch_dns()


def patch_dns():
    """Patch the functions of `socket` that look up names."""
    apply("dns")


def patch_select(aggressive=True):
    """Patch `select` and `selectors`; with `aggressive`, take out epoll and its like."""
    from ._existing import replace_in_selectors

    if apply("select", aggressive):
        replace_in_selectors()


def patch_selectors(aggressive=True):
    """Patch `selectors`: the same as `patch_select`, with which it must go together."""
    patch_select(aggressive)


def patch_queue():
    """Patch the classes of `queue`."""
    apply("queue")


def patch_signal():
    """Patch `signal`. There is no difference yet: it is noted as patched."""
    apply("signal")


def patch_ssl():
    """Nothing yet: TLS of the standard library works, and blocks."""


def patch_subprocess():
    """Patch `subprocess`: waiting for a child, and its pipes, let others run."""
    apply("subprocess")


def patch_sys(stdin=True, stdout=True, stderr=True):
    """Nothing yet: the standard streams work, and block."""


def patch_builtins():
    """Nothing: gevent has nothing to patch there either, for Python 3."""


def patch_contextvars():
    """Nothing: each greenlet has a context of its own."""


# In this order: what comes later stands on what came before.
_MODULES = ("os", "time", "thread", "socket", "dns", "select", "signal", "subprocess", "queue")
_NOT_MAIN = (
    "Monkey-patching outside the main native thread. Some APIs will not be available. Expect a "
    "KeyError to be printed at shutdown.",
    "Monkey-patching not on the main thread; threading.main_thread().join() will hang from a greenlet",
)


def _process_warnings(messages):
    for message in messages:
        warn(message)


def main():
    """The command line of `python -m gevent.monkey`."""
    from ._main import main

    return main()
