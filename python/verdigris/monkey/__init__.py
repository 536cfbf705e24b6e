"""Making the standard library cooperative.

`patch_all()`, called before anything else is imported, replaces what blocks in the standard
modules by what lets other greenlets run. `_table` says what is replaced by what.

Not patched in this version: `subprocess`, `ssl`, `sys`, `builtins` and `contextvars`. The
flags for them are accepted and do nothing; `subprocess` and TLS work as ever, that is, they
block. (`contextvars` needs no patch: each greenlet has a context of its own.)
"""

from ..events import (
    DoNotPatch,
    GeventDidPatchAllEvent,
    GeventDidPatchBuiltinModulesEvent,
    GeventWillPatchAllEvent,
    notify,
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

_settings: dict[str, bool] = {}


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
        dns: the functions of `socket` that look up names.
        aggressive: take out what would block and has no replacement, such as `epoll`.
        Event: `threading.Event`.
        kwargs: for subscribers to `events`.

    Returns True if it patched, None if there was nothing (more) to do.

    Warns:
        MonkeyPatchWarning: it was called before, with other arguments; or signals are
            patched without `os`.
    """
    settings = {name: value for name, value in locals().items() if name != "kwargs"}
    settings.update(kwargs)
    first_time = not _settings
    if not first_time:
        if settings == _settings:
            return None
        warn("Patching more than once will result in the union of all True parameters being patched")
    if signal and not os:
        warn(
            "Patching signal but not os will result in SIGCHLD handlers installed after this "
            "not being called and os.waitpid may not function correctly if gevent.subprocess "
            "is used. This may raise an error in the future."
        )
    event = GeventWillPatchAllEvent(settings, kwargs)
    try:
        notify(event)
    except DoNotPatch:
        return False
    _settings.update(settings)
    for wanted, patch, arguments in (
        (os, patch_os, {}),
        (time, patch_time, {}),
        (thread, patch_thread, {"Event": Event}),
        (socket, patch_socket, {"dns": dns, "aggressive": aggressive}),
        (select, patch_select, {"aggressive": aggressive}),
        (signal, patch_signal, {}),
        (queue, patch_queue, {}),
    ):
        if wanted:
            patch(**arguments)
    notify(GeventDidPatchBuiltinModulesEvent(settings, kwargs))
    notify(GeventDidPatchAllEvent(settings, kwargs))
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
):
    """Patch `_thread` and what stands on it, so that threads are greenlets.

    Args:
        threading: the `threading` module as well.
        _threading_local: the module of this name as well.
        Event: `threading.Event`.
        logging: give `logging` and its handlers new locks, if it is imported.
        existing_locks: accepted. Other locks that exist already stay native.
    """
    # Its originals must be taken first.
    from .. import threadpool  # noqa: F401
    from ._existing import adopt_main_thread, replace_logging_locks

    if not apply("thread"):
        return
    if threading:
        if Event:
            apply("threading_event")
        if apply("threading"):
            adopt_main_thread()
        if logging:
            replace_logging_locks()
    if _threading_local:
        apply("threading_local")


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
    """Nothing yet: `subprocess` works, and blocks."""


def patch_sys(stdin=True, stdout=True, stderr=True):
    """Nothing yet: the standard streams work, and block."""


def patch_builtins():
    """Nothing: gevent has nothing to patch there either, for Python 3."""


def patch_contextvars():
    """Nothing: each greenlet has a context of its own."""


def main():
    """The command line of `python -m gevent.monkey`."""
    from ._main import main

    return main()
