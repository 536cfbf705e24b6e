"""The command line: `verdigris run COMMAND`, `verdigris include`, and `python -m verdigris SCRIPT`.

`run` works for a command that starts Python in its own way (gunicorn, celery, a shell
script): it puts our `bootstrap` folder, which has a `sitecustomize`, first on PYTHONPATH,
so that each Python in the tree of processes calls `install_as_gevent()` as it starts.
"""

import os
import sys

HELP = """\
usage: verdigris run COMMAND [ARG...]
       verdigris include
       verdigris --help | --version
       python -m verdigris SCRIPT [ARG...]
       python -m verdigris -m MODULE [ARG...]
       python -m verdigris -c CODE [ARG...]

Runs a program so that "import gevent" and "import greenlet" are verdigris, in its process
and in every Python process that it starts, whether or not the real ones are installed.

In a virtual environment its commands are found before those on PATH, so that
"verdigris run python app.py" uses the Python that verdigris is installed in.

Python's own options -E, -I and -S make it ignore "verdigris run".

"verdigris include" prints the folder that has greenlet/greenlet.h, for C extensions:
cc -I"$(verdigris include)" ...
"""

# What a shell answers in these cases.
NOT_EXECUTABLE = 126
NOT_FOUND = 127
USAGE = 2


def main(arguments=None):
    """The `verdigris` command. Returns an exit status; `run` does not return on success."""
    arguments = sys.argv[1:] if arguments is None else arguments
    if not arguments or arguments[0] in ("-h", "--help", "help"):
        print(HELP, end="")
        return 0 if arguments else USAGE
    if arguments[0] in ("-V", "--version"):
        return _print_version()
    if arguments[0] == "run":
        return run_command(arguments[1:])
    if arguments == ["include"]:
        return _print_include()
    return _complain(f'no such command: {arguments[0]}. Did you mean "verdigris run {" ".join(arguments)}"?', USAGE)


def run_command(command):
    """Replace this process by `command` (a list), under verdigris.

    Returns an exit status only if that could not be done: 127 if there is no such
    command, 126 if it may not be executed, 2 if none was given.
    """
    if command and command[0] in ("-h", "--help"):
        print(HELP, end="")
        return 0
    if not command:
        return _complain('run: which command? Try "verdigris run python app.py".', USAGE)
    environment = child_environment(os.environ)
    try:
        os.execvpe(command[0], command, environment)
    except FileNotFoundError:
        return _complain(f"run: command not found: {command[0]}", NOT_FOUND)
    except PermissionError:
        hint = f" (for a script: verdigris run python {command[0]})" * command[0].endswith(".py")
        return _complain(f"run: not executable: {command[0]}{hint}", NOT_EXECUTABLE)
    except OSError as error:
        return _complain(f"run: {command[0]}: {error.strerror}", NOT_EXECUTABLE)


def run_program(arguments):
    """`python -m verdigris`: run a script, module or code string in this process.

    Returns an exit status; what the program raises passes through.
    """
    if not arguments or arguments[0] in ("-h", "--help", "-V", "--version", "run"):
        return main(arguments)
    kind, rest = arguments[0], arguments[1:]
    if kind in ("-m", "-c") and not rest:
        return _complain(f"{kind} needs an argument", USAGE)
    if kind.startswith("-") and kind not in ("-m", "-c"):
        return _complain(f"no such option: {kind}", USAGE)
    if kind not in ("-m", "-c") and not os.path.exists(kind):
        return _complain(f"no such script: {kind}", USAGE)
    os.environ.update(child_environment(os.environ))
    from .alias import install_as_gevent

    install_as_gevent()
    _PROGRAMS.get(kind, _run_script)(arguments)
    return 0


def child_environment(environment):
    """A copy of `environment` in which Python starts under verdigris."""
    changed = dict(environment)
    bootstrap = os.path.join(os.path.dirname(os.path.abspath(__file__)), "bootstrap")
    paths = [path for path in changed.get("PYTHONPATH", "").split(os.pathsep) if path and path != bootstrap]
    changed["PYTHONPATH"] = os.pathsep.join([bootstrap, *paths])
    if sys.prefix != sys.base_prefix:
        scripts = os.path.dirname(sys.executable)
        paths = changed.get("PATH", os.defpath).split(os.pathsep)
        if paths[0] != scripts:
            changed["PATH"] = os.pathsep.join([scripts, *paths])
    return changed


def _run_script(arguments):
    from runpy import run_path

    sys.argv[:] = arguments
    sys.path[0] = os.path.dirname(os.path.realpath(arguments[0]))
    run_path(arguments[0], run_name="__main__")


def _run_module(arguments):
    from runpy import run_module

    sys.argv[:] = arguments[1:]
    run_module(arguments[1], run_name="__main__", alter_sys=True)


def _run_code(arguments):
    import types

    sys.argv[:] = ["-c", *arguments[2:]]
    sys.path[0] = ""
    module = sys.modules["__main__"] = types.ModuleType("__main__")
    exec(compile(arguments[1], "<string>", "exec"), module.__dict__)


def _print_version():
    import platform

    from . import __version__

    print(
        f"verdigris {__version__} ({platform.python_implementation()} "
        f"{platform.python_version()}, {platform.machine()}-{sys.platform})"
    )
    return 0


def _print_include():
    from .rawgreenlet import get_include

    print(get_include())
    return 0


def _complain(message, status):
    print(f"verdigris: {message}", file=sys.stderr)
    return status


_PROGRAMS = {"-m": _run_module, "-c": _run_code}
