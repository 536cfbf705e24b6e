"""Answering for gevent and greenlet.

Two libraries that switch C stacks in one thread ruin each other: the real greenlet
copies pieces of the stack away and back, and would copy pieces of ours. So this module
decides, once for the process, what `import greenlet` and `import gevent` mean:

* after `import verdigris`, `import greenlet` is ours, and `import gevent` is refused;
* after `install_as_gevent()`, `import gevent` and every `import gevent.X` are ours too.

It works by one finder at the front of `sys.meta_path`. A module that we do not have is
simply not found, because the search path of our packages leads nowhere else: the real
package is never a fallback.

Nothing heavy may be imported here: this runs in each process under `verdigris run`.
"""

import sys
from importlib import import_module
from importlib.machinery import ModuleSpec, PathFinder

__all__ = ["install_as_gevent", "serves_as_gevent"]


def install_as_gevent():
    """Make `gevent` and `greenlet` names of this package, in this process.

    Afterwards `gevent.X is verdigris.X` for each module and each name, whether or not
    the real packages are installed. Distribution metadata
    (`importlib.metadata.version('gevent')`) is left alone: it tells what is installed.
    Calling it again does nothing.

    Raises:
        ImportError: the real gevent or greenlet has already been imported; the message
            says from where, and what to do.
    """
    _refuse_if_imported("gevent")
    claim_greenlet()
    _served["gevent"] = "verdigris"
    sys.modules["gevent"] = sys.modules["verdigris"]


def serves_as_gevent():
    """Whether `install_as_gevent` was called."""
    return "gevent" in _served


def claim_greenlet():
    """Make `import greenlet` ours, or raise ImportError if the real one is loaded.

    The package calls it when it is imported.
    """
    _refuse_if_imported("greenlet")
    if _Finder not in sys.meta_path:
        sys.meta_path.insert(0, _Finder)


def _refuse_if_imported(name):
    module = sys.modules.get(name)
    if module is None or module is sys.modules.get(_OURS[name]):
        return
    where = getattr(module, "__file__", None) or "an unknown place"
    raise ImportError(
        f"{name} is already imported, from {where}, and cannot share a process with verdigris. "
        f"Import verdigris, or call verdigris.install_as_gevent(), before anything imports {name}; "
        'or start the program with "verdigris run".',
        name=name,
    )


class _Finder:
    """Finds our modules by the names of theirs. Used as a class: it has no state."""

    @staticmethod
    def find_spec(name, path=None, target=None):
        """The import system's question: a spec for `name`, or None if we lack it."""
        top, _, rest = name.partition(".")
        if top not in _OURS:
            return None
        if top not in _served:
            return ModuleSpec(name, _Refusal)
        ours = f"{_served[top]}.{rest}" if rest else _served[top]
        parent = sys.modules.get(ours.rpartition(".")[0])
        # Only ever our own folder: a search of sys.path could find somebody else's module.
        found = PathFinder.find_spec(ours, parent.__path__) if parent else _spec_of(ours)
        if found is None:
            return None
        return ModuleSpec(
            name, _Loader(ours, found), origin=found.origin, is_package=found.submodule_search_locations is not None
        )


def _spec_of(module_name):
    module = sys.modules.get(module_name)
    return module and module.__spec__


class _Loader:
    """Gives the one module object of ours to a second name."""

    def __init__(self, ours, found):
        self._ours = ours
        self._found = found
        self._spec = None

    def create_module(self, spec):
        """Our module itself, imported under its own name first."""
        module = import_module(self._ours)
        self._spec = module.__spec__
        return module

    def exec_module(self, module):
        """Undo the one change that importing it again has made: its spec."""
        module.__spec__ = self._spec

    def get_code(self, name):
        """The code of the module, for `python -m gevent.X`."""
        return self._found.loader.get_code(self._ours)


class _Refusal:
    """Loads nothing. (A finder that raised would break programs that merely ask
    `importlib.util.find_spec` whether gevent is there.)"""

    @staticmethod
    def create_module(spec):
        """Raise ImportError; say what to do."""
        raise ImportError(
            f"{spec.name} cannot be loaded in a process that uses verdigris. To have verdigris "
            "answer for it, call verdigris.install_as_gevent() first, or start the program "
            'with "verdigris run".',
            name=spec.name,
        )

    @staticmethod
    def exec_module(module):
        """Never reached; the import system asks that it exists."""


_OURS = {"gevent": "verdigris", "greenlet": "verdigris.rawgreenlet"}
_served = {"greenlet": "verdigris.rawgreenlet"}
