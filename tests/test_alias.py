"""Answering for gevent and greenlet. The real ones are played by packages in a folder."""

import pytest

from programs import output_of, python

UNDER_ALIAS = "import verdigris; verdigris.install_as_gevent()\n"


@pytest.fixture
def real(tmp_path):
    """A folder with packages called gevent and greenlet, which say that they are not ours."""
    for name in ("gevent", "greenlet"):
        folder = tmp_path / name
        folder.mkdir()
        (folder / "__init__.py").write_text("REAL = True\n")
        (folder / "only_there.py").write_text("REAL = True\n")
    return f"import sys; sys.path.insert(0, {str(tmp_path)!r})\n"


def test_modules_are_the_same_objects(real):
    assert (
        output_of(
            real
            + UNDER_ALIAS
            + """
import sys, gevent, gevent.exceptions, gevent.hub as hub, greenlet
import verdigris, verdigris.exceptions, verdigris.hub, verdigris.rawgreenlet
assert gevent is verdigris is sys.modules['gevent']
assert gevent.exceptions is verdigris.exceptions is sys.modules['gevent.exceptions']
assert hub is verdigris.hub
assert greenlet is verdigris.rawgreenlet
from gevent import exceptions, Greenlet
assert exceptions is verdigris.exceptions and Greenlet is verdigris.Greenlet
print('same')
"""
        )
        == "same\n"
    )


def test_a_module_keeps_its_own_name():
    assert (
        output_of(
            UNDER_ALIAS
            + """
import gevent.exceptions
print(gevent.exceptions.__name__, gevent.exceptions.__spec__.name)
"""
        )
        == "verdigris.exceptions verdigris.exceptions\n"
    )


@pytest.mark.parametrize("name", ["gevent.only_there", "gevent.exceptions.deeper", "greenlet.only_there"])
def test_a_module_that_we_lack_is_not_the_real_one(real, name):
    result = python("-c", real + UNDER_ALIAS + f"import {name}")
    assert result.returncode == 1
    assert name in result.stderr.splitlines()[-1]
    assert result.stderr.splitlines()[-1].startswith("ModuleNotFoundError")


def test_a_finder_asked_about_a_module_that_we_lack_finds_nothing(real):
    assert (
        output_of(
            real
            + UNDER_ALIAS
            + """
from importlib.util import find_spec
print(find_spec('gevent.only_there'), find_spec('gevent.exceptions') is not None)
"""
        )
        == "None True\n"
    )


def test_a_name_that_we_lack_is_named(real):
    result = python("-c", real + UNDER_ALIAS + "import gevent; gevent.REAL")
    assert result.stderr.splitlines()[-1].startswith("AttributeError")
    assert "'REAL'" in result.stderr.splitlines()[-1]
    result = python("-c", real + UNDER_ALIAS + "from gevent import REAL")
    assert result.stderr.splitlines()[-1].startswith("ImportError: cannot import name 'REAL'")


@pytest.mark.parametrize("name", ["gevent", "greenlet"])
def test_refused_when_the_real_one_is_loaded(real, name):
    result = python("-c", real + f"import {name}\n" + UNDER_ALIAS)
    last = result.stderr.splitlines()[-1]
    assert last.startswith(f"ImportError: {name} is already imported")
    assert "install_as_gevent()" in last and "verdigris run" in last


def test_the_real_greenlet_cannot_be_loaded_beside_ours(real):
    assert (
        output_of(
            real
            + """
import verdigris, greenlet
print(hasattr(greenlet, 'REAL'))
"""
        )
        == "False\n"
    )


def test_the_real_gevent_is_refused_beside_ours(real):
    assert (
        output_of(
            real
            + """
import verdigris, importlib.util
assert importlib.util.find_spec('gevent')
try:
    import gevent
except ImportError as error:
    print('install_as_gevent' in str(error), error.name)
"""
        )
        == "True gevent\n"
    )


def test_installing_twice_does_nothing():
    assert (
        output_of(
            UNDER_ALIAS
            + UNDER_ALIAS
            + """
import sys
print(sum(finder.__module__ == 'verdigris.alias' for finder in sys.meta_path
          if isinstance(finder, type)))
"""
        )
        == "1\n"
    )


def test_metadata_is_left_alone(tmp_path):
    info = tmp_path / "gevent-26.9.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: gevent\nVersion: 26.9.0\n")
    assert (
        output_of(
            f"import sys; sys.path.insert(0, {str(tmp_path)!r})\n"
            + UNDER_ALIAS
            + """
from importlib.metadata import version
print(version('gevent'))
"""
        )
        == "26.9.0\n"
    )


def test_a_module_of_ours_runs_under_its_old_name():
    result = python("-m", "verdigris", "-m", "gevent.monkey", "--help")
    assert result.returncode == 0 and "gevent.monkey" in result.stdout
