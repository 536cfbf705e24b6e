"""The command line of the package: patch, then run a program."""

import inspect
import sys

__all__ = ["main"]

HELP = """\
usage: python -m gevent.monkey [OPTION...] SCRIPT [ARG...]
       python -m gevent.monkey [OPTION...] --module MODULE [ARG...]

Patches the standard library, then runs the program.

options: --verbose, --module, --help, and for each argument of patch_all()
         --NAME or --no-NAME:
"""


def main():
    """Read sys.argv, patch, run the program. Returns an exit status."""
    from runpy import run_module, run_path

    from . import patch_all

    flags = {
        name: parameter.default
        for name, parameter in inspect.signature(patch_all).parameters.items()
        if name != "kwargs"
    }
    arguments = sys.argv[1:]
    chosen = {}
    verbose = module = False
    while arguments and arguments[0].startswith("--"):
        option = arguments.pop(0)[2:]
        name = option.removeprefix("no-")
        if option == "help":
            print(HELP + "         " + " ".join(flags))
            return 0
        if option == "verbose":
            verbose = True
        elif option == "module":
            module = True
        elif name in flags:
            chosen[name] = option == name
        else:
            print(f"Cannot patch {name!r}; see --help", file=sys.stderr)
            return 2
    if not arguments:
        print(HELP + "         " + " ".join(flags), file=sys.stderr)
        return 2
    if verbose:
        print(f"patch_all({', '.join(f'{name}={value}' for name, value in chosen.items())})")
    patch_all(**chosen)
    sys.argv[:] = arguments
    if module:
        run_module(arguments[0], run_name="__main__", alter_sys=True)
    else:
        run_path(arguments[0], run_name="__main__")
    return 0
