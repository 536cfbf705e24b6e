"""Looking at greenlets: what runs, where each is waiting, who spawned whom."""

import gc
import sys
import threading
import traceback

from ._core import getcurrent, greenlet, settrace
from .hub import get_hub_if_exists

__all__ = ["GreenletTree", "assert_switches", "format_run_info", "print_run_info", "wrap_errors"]


class wrap_errors:
    """`wrap_errors(errors, func)`: calls like func, and returns errors instead of raising them.

    For greenlets whose errors are expected: they end well, with the exception as value.
    """

    def __init__(self, errors, func):
        """`errors`: an exception class, or a tuple of them."""
        self.__errors = errors
        self.__func = func

    def __call__(self, *args, **kwargs):
        try:
            return self.__func(*args, **kwargs)
        except self.__errors as error:
            return error

    def __str__(self):
        return str(self.__func)

    def __repr__(self):
        return repr(self.__func)

    def __getattr__(self, name):
        return getattr(self.__func, name)


def print_run_info(thread_stacks=True, greenlet_stacks=True, limit=None, file=None):
    """Print `format_run_info` to `file`, sys.stderr by default."""
    lines = format_run_info(thread_stacks, greenlet_stacks, limit)
    print("\n".join(lines), file=sys.stderr if file is None else file)


def format_run_info(thread_stacks=True, greenlet_stacks=True, limit=None, current_thread_ident=None):
    """What every thread and greenlet of the process is doing.

    Args:
        thread_stacks, greenlet_stacks: with the stack of each.
        limit: how many frames of a stack; None is all.
        current_thread_ident: the thread that asks; None is this one.

    Returns a list of lines.
    """
    return [*_format_threads(thread_stacks, limit, current_thread_ident), *_format_greenlets(greenlet_stacks, limit)]


def _format_threads(with_stacks, limit, current):
    lines = [RULE, "* Threads", RULE]
    current = current or threading.get_ident()
    names = {thread.ident: thread.name for thread in threading.enumerate()}
    for ident, frame in sys._current_frames().items():
        here = " (CURRENT)" * (ident == current)
        lines.append(f"Thread 0x{ident:x} ({names.get(ident, 'not of threading')}){here}")
        if with_stacks:
            lines += _stack(frame, limit, "")
        lines.append(THIN_RULE)
    return lines


def _format_greenlets(with_stacks, limit):
    lines = [RULE, "* Greenlets", RULE]
    for tree in GreenletTree.forest():
        lines += tree.format_lines(details={"running_stacks": with_stacks, "running_stack_limit": limit})
    return lines


def _stack(frame, limit, indent):
    text = "".join(traceback.format_stack(frame, limit))
    return [indent + line for line in text.splitlines()]


class GreenletTree:
    """A greenlet, and those that were spawned by it."""

    def __init__(self, greenlet):
        self.greenlet = greenlet
        self.child_trees = []

    @classmethod
    def forest(cls):
        """The trees of all greenlets that have not ended: a list."""
        return cls._forest()[0]

    @classmethod
    def current_tree(cls):
        """The tree that the current greenlet is in."""
        trees = cls._forest()[1]
        tree = trees[id(getcurrent())]
        above = {id(child): tree for tree in trees.values() for child in tree.child_trees}
        while id(tree) in above:
            tree = above[id(tree)]
        return tree

    @classmethod
    def _forest(cls):
        living = [item for item in gc.get_objects() if isinstance(item, greenlet) and not item.dead]
        if not any(item is getcurrent() for item in living):
            living.append(getcurrent())
        trees = {id(item): cls(item) for item in living}
        roots = []
        for tree in trees.values():
            above = trees.get(id(_spawner(tree.greenlet)))
            (roots if above is None else above.child_trees).append(tree)
        return roots, trees

    @property
    def root(self):
        """Whether nobody spawned the greenlet."""
        return _spawner(self.greenlet) is None

    @property
    def is_current_tree(self):
        """Whether the current greenlet is in this tree."""
        return any(tree.greenlet is getcurrent() for tree in self._all())

    def _all(self):
        yield self
        for child in self.child_trees:
            yield from child._all()

    def __str__(self):
        return self.format(False)

    def format(self, details=True):
        """`format_lines`, as one string."""
        return "\n".join(self.format_lines(details))

    def format_lines(self, details=True):
        """The tree as a list of lines.

        `details`: False, names only; True, with what each is doing; or a dictionary of
        what to leave out or limit: `running_stacks`, `running_stack_limit`.
        """
        lines = []
        self._add_lines(lines, 0, details)
        return lines

    def _add_lines(self, lines, depth, details):
        branch = " |   " * (depth - 1) + " +--- " if depth else ""
        lines.append(branch + _describe(self.greenlet))
        if details:
            options = details if isinstance(details, dict) else {}
            lines += _details(self.greenlet, " |   " * depth + " :    ", **options)
        for child in self.child_trees:
            child._add_lines(lines, depth + 1, details)


def _describe(item):
    parent = getattr(item, "parent", None)
    if parent is None:
        return f"<greenlet.greenlet object at 0x{id(item):x}> (main)"
    if not item.dead and not item and item.gr_frame is None:
        return f"{item!r}; not started"
    return repr(item)


def _details(item, indent, running_stacks=True, running_stack_limit=None):
    lines = [f"{indent}Parent: {item.parent!r}"]
    frame = sys._getframe() if item is getcurrent() else item.gr_frame
    if frame is not None and running_stacks:
        lines += [f"{indent}Running:", *_stack(frame, running_stack_limit, indent + "  ")]
    spawned_at = getattr(item, "spawning_stack", None)
    if spawned_at:
        lines += [f"{indent}Spawned at:", *_stack_of(spawned_at, indent + "  ")]
    return lines


def _stack_of(frames, indent):
    lines = []
    while frames is not None:
        lines.append(f"{indent}{frames.f_code.co_filename}:{frames.f_lineno} in {frames.f_code.co_name}")
        frames = frames.f_back
    return lines


def _spawner(item):
    reference = getattr(item, "spawning_greenlet", None)
    spawner = reference() if reference is not None else None
    if spawner is not None and not spawner.dead:
        return spawner
    # A raw greenlet or a hub: below the one that it returns to.
    return getattr(item, "parent", None)


class _FailedToSwitch(AssertionError):
    """The block of `assert_switches` did not let others run."""


class assert_switches:
    """`with assert_switches():` fails if the block never lets others run.

    Args:
        max_blocking_time: seconds that the block may go without a switch; None: one switch
            within the block is enough.
        hub_only: count only switches to the hub.
    """

    hub = None

    def __init__(self, max_blocking_time=None, hub_only=False):
        self.max_blocking_time = max_blocking_time
        self.hub_only = hub_only
        self.switches = 0
        self._longest = 0.0

    def __enter__(self):
        from time import perf_counter

        self._now = perf_counter
        self.switches = 0
        self._longest = 0.0
        self._last = perf_counter()
        self.hub = get_hub_if_exists()
        self._previous = settrace(self._on_switch)
        return self

    def _on_switch(self, event, args):
        if self._previous is not None:
            self._previous(event, args)
        if self.hub_only and args[1] is not get_hub_if_exists():
            return
        now = self._now()
        self._longest = max(self._longest, now - self._last)
        self._last = now
        self.switches += 1

    def __exit__(self, kind, value, tb):
        settrace(self._previous)
        longest = max(self._longest, self._now() - self._last)
        if kind is not None:
            return
        if self.max_blocking_time is not None:
            if longest > self.max_blocking_time:
                raise _FailedToSwitch(f"did not switch for {longest:.3f} seconds, of {self.max_blocking_time} allowed")
        elif not self.switches:
            raise _FailedToSwitch("did not switch")


RULE = "*" * 80
THIN_RULE = "-" * 80
