"""The public face: gevent's module names, each a module that gives what it lists."""

import importlib
import inspect
import pkgutil
from types import ModuleType

import pytest

import verdigris


def public_modules() -> list[str]:
    found = [
        module.name
        for module in pkgutil.walk_packages(verdigris.__path__, "verdigris.")
        if not any(part.startswith("_") for part in module.name.split("."))
    ]
    assert "verdigris.event" in found
    return ["verdigris", *found]


@pytest.fixture(params=public_modules())
def module(request: pytest.FixtureRequest) -> ModuleType:
    return importlib.import_module(request.param)


def test_a_module_says_what_it_is_for(module: ModuleType) -> None:
    assert module.__doc__


def test_a_module_gives_every_name_it_lists(module: ModuleType) -> None:
    missing = [name for name in module.__all__ if not hasattr(module, name)]
    assert not missing
    assert len(set(module.__all__)) == len(module.__all__)


def test_what_a_module_defines_is_documented(module: ModuleType) -> None:
    def ours(value: object) -> bool:
        return (inspect.isclass(value) or inspect.isroutine(value)) and str(
            getattr(value, "__module__", "")
        ).startswith("verdigris")

    bare = [n for n in module.__all__ if ours(getattr(module, n)) and not inspect.getdoc(getattr(module, n))]
    assert not bare
