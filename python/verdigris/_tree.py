"""`GreenletTree`: who spawned whom, for people to read.

Almost every greenlet has the hub as its parent, so that says little. The tree follows who made a greenlet
(`spawning_greenlet`) instead, and the parent only where that is not known.
"""

import gc
import sys
import traceback
from pprint import pformat

from ._core import getcurrent, greenlet
from .local import all_local_dicts_for_greenlet

__all__ = ["GreenletTree"]


class GreenletTree:
    """A greenlet, and those that were made in it.

    Those that have ended are there as long as somebody has a reference to them. A greenlet with an attribute
    `greenlet_tree_is_root` that is true begins a tree of its own, and one with `greenlet_tree_is_ignored` is in none.

    Attributes:
        greenlet: the greenlet at the top.
        child_trees: a list of trees.
        root: whether it is the top of a whole tree.
        is_current_tree: whether it is the top of the tree that the running greenlet is in.
    """

    __module__ = "verdigris.util"

    #: What `format` shows if it is not told: see there.
    DEFAULT_DETAILS = {"running_stacks": True, "running_stack_limit": None, "spawning_stacks": True, "locals": True}

    def __init__(self, greenlet):
        self.greenlet = greenlet
        self.child_trees = []
        self.root = False
        self.is_current_tree = False

    def add_child(self, tree):
        """Put a tree below this one."""
        self.child_trees.append(tree)

    @classmethod
    def forest(cls):
        """The trees of all threads: a list."""
        return cls._forest()[0]

    @classmethod
    def current_tree(cls):
        """The tree that the running greenlet is in, or what is not of this thread's is in."""
        return cls._forest()[1]

    @classmethod
    def _forest(cls):
        current = getcurrent()
        # Not isinstance: it asks the object, and a `local` would make itself attributes to answer with.
        found = [item for item in gc.get_objects() if issubclass(type(item), greenlet)]
        if not any(item is current for item in found):
            found.append(current)  # a main greenlet that the collector does not know of
        trees = {id(item): cls(item) for item in found if not getattr(item, "greenlet_tree_is_ignored", False)}
        roots = []
        for tree in trees.values():
            above = trees.get(id(_maker(tree.greenlet)))
            if above is None:
                tree.root = True
                roots.append(tree)
            else:
                above.add_child(tree)
        here = _top(current, trees)
        here.is_current_tree = True
        return roots, here

    def __str__(self):
        return self.format(False)

    def format(self, details=True):
        """`format_lines`, as one string."""
        return "\n".join(self.format_lines(details))

    def format_lines(self, details=True):
        """The tree as a list of lines.

        `details`: False, one line a greenlet; True, what each is doing as well; or a dictionary of what to
        leave out or limit: `running_stacks`, `running_stack_limit`, `spawning_stacks`, `locals`.
        """
        chosen = None
        if details:
            chosen = self.DEFAULT_DETAILS | (details if isinstance(details, dict) else {})
        lines = []
        self._add_lines(lines, 0, ("|", ":"), chosen)
        return lines

    def _add_lines(self, lines, depth, bars, details):
        """`bars`: what stands at the left of the line of a greenlet, and of what is told about it."""
        bar, thin_bar = bars
        branch = f" {bar:<{5 * depth - 5}}+--- " if depth > 1 else " +--- " * depth
        lines.append(branch + _describe(self.greenlet))
        if details:
            lines += [f" {thin_bar:<{6 * depth + 5}}{line}" for line in _details(self.greenlet, **details)]
        for child in self.child_trees:
            last = depth == 0 and child is self.child_trees[-1]
            child._add_lines(lines, depth + 1, (" ", " ") if last else bars, details)


def _maker(item):
    """The greenlet that `item` is below; None if there is none."""
    if getattr(item, "greenlet_tree_is_root", False):
        return None
    reference = getattr(item, "spawning_greenlet", None)
    maker = reference() if reference is not None else None
    return item.parent if maker is None else maker


def _top(item, trees):
    """The tree at whose top `item` is, or one of those above it."""
    top = trees.get(id(item))
    while (item := _maker(item)) is not None:
        top = trees.get(id(item), top)
    return top if top is not None else GreenletTree(getcurrent())


def _describe(item):
    if hasattr(item, "ready") and item.ready():
        if item.successful():
            return f"{item!r}; finished with value {repr(item.value)[:VALUE_LENGTH]}"
        return f"{item!r}; finished with exception {item.exception!r}"
    # A Greenlet is true already when it is about to run.
    return repr(item) if greenlet.__bool__(item) else f"{item!r}; not running"


def _details(item, running_stacks, running_stack_limit, spawning_stacks, locals, **_):
    yield f"Parent: {item.parent!r}"
    frame = sys._getframe() if item is getcurrent() else item.gr_frame
    if frame is not None and running_stacks:
        yield "Running:"
        yield from _stack(frame, running_stack_limit)
    spawned_at = getattr(item, "spawning_stack", None)
    if spawned_at is not None and spawning_stacks:
        yield "Spawned at:"
        yield from _stack(spawned_at, item.spawning_stack_limit)
    if locals:
        yield from _locals(item)


def _locals(item):
    shared = getattr(item, "spawn_tree_locals", None)
    if shared and shared is not getattr(_maker(item), "spawn_tree_locals", None):
        yield "Spawn Tree Locals"
        yield from pformat(shared).splitlines()
    own = [(key, values) for key, values in all_local_dicts_for_greenlet(item) if values]
    if own:
        yield "Greenlet Locals:"
    for (kind, address), values in own:
        yield f"  Local {kind} at {address:#x}"
        yield from ("    " + line for line in pformat(values).splitlines())


def _stack(frame, limit):
    text = "".join(traceback.format_stack(frame, limit))
    return ["  " + line.removeprefix("  ") for line in text.splitlines()]


# Of a value only so much is shown.
VALUE_LENGTH = 30
