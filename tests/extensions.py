"""Extension modules in C and C++ that tests need: compiled by the test, against our header."""

import importlib.machinery
import importlib.util
import os
import pathlib
import shutil
import subprocess
import sys
import sysconfig
import tempfile

import pytest

from raw import module as greenlet

SOURCES = pathlib.Path(__file__).parent / "greenlet" / "extensions"
COMPILERS = {".c": "cc", ".cpp": "c++"}


def headers():
    """The folder that has greenlet/greenlet.h."""
    if hasattr(greenlet, "get_include"):
        return greenlet.get_include()
    # The real one's, when the tests themselves are checked: a folder of the environment.
    return f"{sys.prefix}/include/site/python{sysconfig.get_python_version()}"


def build(source, into):
    """Compile a file of tests/greenlet/extensions into a folder; the path of the module.

    Skips the test where there is no C++ compiler, unless VERDIGRIS_REQUIRE_CXX=1 says that there
    must be one. A C compiler is always needed to build verdigris.
    """
    source = SOURCES / source
    compiler = COMPILERS[source.suffix]
    required = source.suffix == ".c" or os.environ.get("VERDIGRIS_REQUIRE_CXX") == "1"
    if shutil.which(compiler) is None and not required:
        pytest.skip(f"no {compiler} here")
    built = pathlib.Path(into) / (source.stem + importlib.machinery.EXTENSION_SUFFIXES[0])
    flags = ["-shared", "-fPIC", "-O1", "-Wall", "-Werror"]
    includes = [f"-I{folder}" for folder in (sysconfig.get_path("include"), headers())]
    said = subprocess.run([compiler, *flags, *includes, str(source), "-o", str(built)], capture_output=True, text=True)
    assert said.returncode == 0, said.stderr
    return built


def load(source):
    """Compile a source and import the module that it makes."""
    with tempfile.TemporaryDirectory() as folder:
        path = build(source, folder)
        spec = importlib.util.spec_from_file_location(path.name.partition(".")[0], path)
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        return module
