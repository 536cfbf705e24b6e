"""Runs as each Python under `verdigris run` starts: its folder is first on PYTHONPATH.

Python imports only the first `sitecustomize` that it finds, so this one goes on to import
the next, which would have run without us.
"""

import os
import sys


class _Refusal:
    """In a Python without verdigris: gevent and greenlet cannot be had. (Loading the real
    ones would be the silent fallback that `verdigris run` promises not to make; ending the
    process would break programs which never import them.)"""

    def __init__(self, reason):
        self.reason = reason

    def find_spec(self, name, path=None, target=None):
        """Refuse gevent and greenlet; leave everything else to the others."""
        if name in ("gevent", "greenlet"):
            raise ImportError(
                f'this program was started by "verdigris run", but its Python ({sys.executable}) '
                f"cannot import verdigris ({self.reason}): install verdigris in it",
                name=name,
            )


def _start_verdigris():
    try:
        import verdigris

        verdigris.install_as_gevent()
    except Exception as error:  # a broken verdigris must not end in the real gevent either
        sys.meta_path.insert(0, _Refusal(error))


def _run_next_sitecustomize():
    here = os.path.dirname(os.path.abspath(__file__))
    sys.path[:] = [path for path in sys.path if os.path.abspath(path) != here]
    ours = sys.modules.pop(__name__)
    try:
        import sitecustomize  # type: ignore[import-not-found] # noqa: F401
    except ImportError as error:
        if error.name != __name__:
            raise
    finally:
        sys.modules.setdefault(__name__, ours)


_start_verdigris()
_run_next_sitecustomize()
