"""Running Python programs from tests: many things here can only be seen in a fresh process."""

import os
import subprocess
import sys
import textwrap

HERE = os.path.dirname(__file__)


def run(*command, env=None, cwd=None, timeout=30):
    """Run a command, which may import what lies here; a CompletedProcess with text in stdout and stderr."""
    path = os.pathsep.join(filter(None, [HERE, os.environ.get("PYTHONPATH")]))
    return subprocess.run(
        [str(word) for word in command],
        env={**os.environ, "PYTHONPATH": path, **(env or {})},
        cwd=cwd,
        timeout=timeout,
        text=True,
        capture_output=True,
    )


def python(*arguments, **options):
    """Run this interpreter with arguments."""
    return run(sys.executable, *arguments, **options)


def output_of(code, **options):
    """What a program prints; the test fails, showing the error, if it does not end well."""
    result = python("-c", textwrap.dedent(code), **options)
    assert result.returncode == 0, result.stderr
    return result.stdout
