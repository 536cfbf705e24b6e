"""Settings."""

import pytest

from programs import output_of, python
from verdigris import config
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
    assert settings.max_memory_usage == 2**31 == settings.settings["max_memory_usage"]
    settings.set("max_memory_usage", None)
    assert settings.max_memory_usage is None


def test_every_setting_is_listed_and_works():
    assert "resolver" in dir(config)
    for name in dir(config):
        getattr(Config(), name)


def test_the_hub_does_as_it_says():
    code = "import verdigris; print(type(verdigris.get_hub().resolver).__module__)"
    assert output_of(code) == "verdigris.resolver.thread\n"
    assert python("-c", code, env={"GEVENT_RESOLVER": "block"}).stdout == "verdigris.resolver.blocking\n"
