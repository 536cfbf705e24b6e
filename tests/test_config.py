"""Settings."""

import pytest

from programs import output_of, python
from verdigris import _core, config
from verdigris._settings import Config
from verdigris.resolver.blocking import Resolver


def test_a_variable_gives_the_first_value(monkeypatch):
    for name, text, setting, value in (
        ("GEVENT_MAX_BLOCKING_TIME", "0.5", "max_blocking_time", 0.5),
        ("GEVENT_MONITOR_THREAD_ENABLE", "on", "monitor_thread", True),
        ("GEVENT_TRACK_GREENLET_TREE", "false", "track_greenlet_tree", False),
        ("GEVENT_MONITOR_MEMORY_MAX", "500MB", "max_memory_usage", 500 * 2**20),
        ("GEVENT_RESOLVER", "block", "resolver", Resolver),
        ("GEVENT_RESOLVER", "nonsense.x,block", "resolver", Resolver),
        ("GEVENT_THREADPOOL_IDLE_TASK_TIMEOUT", "-7", "threadpool_idle_task_timeout", -1),
        ("GEVENTARES_TRIES", "3", "ares_tries", 3),
        ("GEVENT_RESOLVER_NAMESERVERS", "1.1.1.1, 2.2.2.2", "resolver_nameservers", ["1.1.1.1", "2.2.2.2"]),
    ):
        monkeypatch.setenv(name, text)
        assert getattr(Config(), setting) == value


def test_an_empty_variable_is_none(monkeypatch):
    monkeypatch.setenv("GEVENT_MAX_BLOCKING_TIME", " ")
    assert Config().max_blocking_time == 0.1


@pytest.mark.parametrize(
    "name, value, error",
    [
        ("monitor_thread", "perhaps", ValueError),
        ("max_blocking_time", -1, ValueError),
        ("resolver", "no.such.Resolver", ImportError),
        ("resolver", "nonsense", ImportError),
        ("resolver", [], ImportError),
        ("ares_tries", -1, ValueError),
        ("no_such_setting", 1, AttributeError),
        ("settings", {}, AttributeError),
    ],
)
def test_a_wrong_value_is_refused(name, value, error):
    with pytest.raises(error):
        Config().set(name, value)


def test_assigning_takes_effect():
    settings = Config()
    settings.max_memory_usage = "2GB"
    assert settings.max_memory_usage == 2**31
    settings.set("max_memory_usage", None)
    assert settings.max_memory_usage is None


def test_the_first_of_a_list_that_can_be_imported_is_taken():
    settings = Config()
    settings.resolver = ["no.such.Resolver", "block"]
    assert settings.resolver is Resolver
    settings.resolver = Resolver
    assert settings.resolver is Resolver


def test_every_setting_is_listed_and_works():
    assert "resolver" in dir(config)
    for name, setting in config.settings.items():
        assert getattr(Config(), name) == config.__getattr__(name)
        assert setting.name == name and setting.__doc__ and setting.environment_key
    assert dir(config) == sorted(config.settings)


def test_a_name_that_is_no_setting_is_refused():
    with pytest.raises(AttributeError, match="no such setting: no_such"):
        _ = config.no_such


def test_the_hub_does_as_it_says():
    code = "import verdigris; print(type(verdigris.get_hub().resolver).__module__)"
    assert output_of(code) == "verdigris.resolver.thread\n"
    assert python("-c", code, env={"GEVENT_RESOLVER": "block"}).stdout == "verdigris.resolver.blocking\n"


def test_the_size_of_stacks_is_rounded_up_to_pages():
    settings = Config()
    before = settings.stack_size
    try:
        for value, meant in ((400_000, 98 * 4096), ("2MB", 2**21), (" 512 KB ", 2**19), ("1048577", 2**20 + 4096)):
            settings.stack_size = value
            assert settings.stack_size == meant == _core.get_stack_size()
    finally:
        settings.stack_size = before


@pytest.mark.parametrize(
    "value, complaint",
    [
        ("plenty", "'plenty'"),
        (None, "None"),
        (1.5, "1.5"),
        ("-1MB", "too small"),
        ("1KB", "'1KB' is too small"),
        (2**40, "too big"),
        ("1.5MB", "'1.5MB'"),
    ],
)
def test_a_wrong_size_of_stacks_names_its_culprit(value, complaint):
    before = _core.get_stack_size()
    with pytest.raises(ValueError, match=f"config.stack_size: .*{complaint}"):
        Config().stack_size = value
    assert _core.get_stack_size() == before


def test_a_size_in_the_environment_needs_no_look_at_the_settings():
    code = "import verdigris.rawgreenlet as g; from verdigris._core import get_stack_size as s; print(s())"
    assert python("-c", code, env={"VERDIGRIS_STACK_SIZE": "3MB"}).stdout == f"{3 * 2**20}\n"
    assert python("-c", code, env={"VERDIGRIS_STACK_SIZE": ""}).stdout == f"{_core.get_stack_size()}\n"


def test_a_wrong_size_in_the_environment_is_named_at_import():
    result = python("-c", "import verdigris", env={"VERDIGRIS_STACK_SIZE": "plenty"})
    assert result.returncode == 1
    assert "ValueError: the environment variable VERDIGRIS_STACK_SIZE: " in result.stderr
    assert "'plenty'" in result.stderr


def test_sharing_stacks_can_be_put_off_or_forbidden():
    settings = Config()
    before = settings.share_above
    try:
        for given, meant in ((0, 0), ("1000", 1000), ("never", None), (None, None)):
            settings.share_above = given
            assert settings.share_above == meant == _core.get_share_above()
        for wrong in (-1, "few", 2**64):
            with pytest.raises(ValueError, match="config.share_above: "):
                settings.share_above = wrong
    finally:
        settings.share_above = before
    code = "import verdigris; from verdigris._core import get_share_above as get; print(get())"
    assert python("-c", code, env={"VERDIGRIS_SHARE_ABOVE": "never"}).stdout == "None\n"
