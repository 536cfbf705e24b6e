"""The greenlet under test: ours, or, where verdigris is not installed, the real one.

The second way checks the tests themselves: what they ask for is what greenlet does.
"""

try:
    from verdigris import rawgreenlet as module
except ModuleNotFoundError as missing:
    if missing.name != "verdigris":
        raise
    import greenlet as module  # type: ignore[no-redef, import-not-found]

greenlet = module.greenlet
getcurrent = module.getcurrent
settrace = module.settrace
gettrace = module.gettrace
GreenletExit = module.GreenletExit
error = module.error

__all__ = ["GreenletExit", "error", "getcurrent", "gettrace", "greenlet", "module", "settrace"]
