"""`local`: attributes that each greenlet has for itself."""

import copy
import gc
import threading
import weakref

import pytest

import verdigris as gevent
from verdigris.event import Event
from verdigris.local import local


class Value:
    """Something that a weak reference can point to."""


def elsewhere(function, *args):
    """What a function returns in another greenlet."""
    return gevent.spawn(function, *args).get()


class TestAttributes:
    def test_each_greenlet_has_its_own(self):
        data = local()
        data.color = "red"

        def other():
            with pytest.raises(AttributeError, match="color"):
                data.color  # noqa: B018
            data.color = "blue"
            return data.color

        assert elsewhere(other) == "blue"
        assert data.color == "red"

    def test_they_are_there_after_a_switch(self):
        data, go_on = local(), Event()

        def remember(number):
            data.number = number
            go_on.wait()
            return data.number

        greenlets = [gevent.spawn(remember, number) for number in range(3)]
        gevent.sleep(0)
        go_on.set()
        assert [greenlet.get() for greenlet in greenlets] == [0, 1, 2]

    def test_deleting(self):
        data = local()
        data.x = 1
        del data.x
        assert not hasattr(data, "x")
        with pytest.raises(AttributeError):
            del data.x

    def test_the_dict_is_the_greenlets(self):
        data = local()
        data.x = 1
        assert data.__dict__ == {"x": 1}
        data.__dict__["y"] = 2
        assert data.y == 2
        assert elsewhere(lambda: data.__dict__) == {}
        with pytest.raises(AttributeError, match="'local' object attribute '__dict__' is read-only"):
            data.__dict__ = {}
        with pytest.raises(AttributeError, match="read-only"):
            del data.__dict__

    def test_no_arguments_without_an_init(self):
        with pytest.raises(TypeError, match="Initialization arguments are not supported"):
            local(1)
        with pytest.raises(TypeError):
            local(a=1)


class Mine(local):
    shared = "class"
    __slots__ = ("slot",)
    made = 0

    def __init__(self, *args, **kwargs):
        type(self).made += 1
        self.args = args
        self.__dict__.update(kwargs)

    @property
    def doubled(self):
        return self.__dict__["number"] * 2

    @doubled.setter
    def doubled(self, value):
        self.__dict__["number"] = value // 2

    @property
    def fixed(self):
        return "property"


class TestSubclass:
    def test_init_runs_once_in_each_greenlet(self):
        Mine.made = 0
        data = Mine(1, color="red")
        assert (data.args, data.color, Mine.made) == ((1,), "red", 1)
        assert elsewhere(lambda: (data.args, data.color, data.color)) == ((1,), "red", "red")
        assert Mine.made == 2

    def test_init_in_the_maker_runs_once_though_another_touched_it_first(self):
        Mine.made = 0
        made = []

        class Late(Mine):
            def __init__(self):
                elsewhere(lambda: made.append(self))

        data = Late()
        data.x = 1
        assert data.x == 1

    def test_an_error_of_init_is_raised_and_it_runs_again(self):
        class Flaky(local):
            fail = True

            def __init__(self):
                if gevent.getcurrent() is not maker and Flaky.fail:
                    Flaky.fail = False
                    raise KeyError("first")
                self.x = 1

        maker = gevent.getcurrent()
        data = Flaky()

        def twice():
            with pytest.raises(KeyError):
                data.x  # noqa: B018
            return data.x

        assert elsewhere(twice) == 1

    def test_class_attributes_and_slots_are_shared(self):
        data = Mine()
        data.slot = 5
        assert elsewhere(lambda: (data.slot, data.shared)) == (5, "class")
        data.shared = "mine"
        assert (data.shared, elsewhere(lambda: data.shared)) == ("mine", "class")

    def test_properties_come_first(self):
        data = Mine(number=4)
        data.__dict__["doubled"] = "hidden"
        assert data.doubled == 8
        data.doubled = 6
        assert data.number == 3
        with pytest.raises(AttributeError):
            data.fixed = 1
        data.__dict__["fixed"] = 1
        assert data.fixed == "property"

    def test_methods_belong_to_the_object(self):
        class Counter(local):
            count = 0

            def add(self):
                self.count += 1
                return self.count

        data = Counter()
        assert (data.add(), data.add(), elsewhere(data.add)) == (1, 2, 1)

    def test_getattr_is_the_last_resort(self):
        class Lazy(local):
            def __getattr__(self, name):
                return name.upper()

        data = Lazy()
        data.x = 1
        assert (data.x, data.y) == (1, "Y")


class TestCopy:
    def test_a_copy_has_the_attributes_of_this_greenlet(self):
        data = Mine(1)
        data.x = [1]
        other = copy.copy(data)
        assert type(other) is Mine and other.x is data.x and other.args == (1,)
        other.y = 2
        assert not hasattr(data, "y")
        assert not elsewhere(lambda: hasattr(other, "x"))


class TestLife:
    def test_values_go_when_their_greenlet_has_ended(self):
        data = local()

        def keep():
            data.value = Value()
            return weakref.ref(data.value)

        greenlet = gevent.spawn(keep)
        gone = greenlet.get()
        gevent.sleep(0)
        assert gone() is None and greenlet.dead

    def test_values_of_a_raw_greenlet_go_with_it(self):
        data, seen = local(), []

        def keep():
            data.value = Value()
            seen.append(weakref.ref(data.value))

        raw = gevent.spawn_raw(keep)
        gevent.sleep(0)
        assert seen[0]() is not None
        del raw
        gc.collect()
        assert seen[0]() is None

    def test_values_of_a_greenlet_whose_end_was_never_told_go_with_it(self):
        data, seen = local(), []

        def keep():
            data.value = Value()
            seen.append(weakref.ref(data.value))

        def thread():
            greenlet = gevent.spawn(keep)
            gevent.sleep(0)
            assert greenlet.dead
            gevent.get_hub().destroy(destroy_loop=True)

        runner = threading.Thread(target=thread)
        runner.start()
        runner.join()
        gc.collect()
        assert seen[0]() is None

    def test_values_go_with_the_object(self):
        data = local()
        data.value = Value()
        gone = weakref.ref(data.value)
        del data
        assert gone() is None

    def test_a_cycle_through_a_value_is_collected(self):
        data = local()
        data.value = Value()
        data.value.owner = data
        gone = weakref.ref(data)
        del data
        gc.collect()
        assert gone() is None

    def test_greenlets_forget_an_object_that_is_gone(self):
        go_on = Event()

        def touch():
            for _ in range(10):
                local().x = 1
            go_on.wait()

        greenlet = gevent.spawn(touch)
        gevent.sleep(0)
        assert not greenlet.has_links()
        go_on.set()
        greenlet.join()

    def test_the_object_may_go_while_a_value_is_finalised(self):
        class Noisy:
            def __del__(self):
                data.after = 1

        data = local()
        data.noisy = Noisy()
        del data.noisy
        assert data.after == 1
