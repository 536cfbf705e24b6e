"""Native threads, and what stands on them: the executor, the resolvers."""

import _thread
import concurrent.futures

import pytest

import verdigris
from programs import output_of
from verdigris.event import Event
from verdigris.resolver import blocking, thread
from verdigris.threadpool import ThreadPool, ThreadPoolExecutor


@pytest.fixture
def pool():
    pool = ThreadPool(2)
    yield pool
    pool.kill()


class Gate:
    """Holds native threads back until it is opened."""

    def __init__(self):
        self.lock = _thread.allocate_lock()
        self.lock.acquire()

    def __call__(self, value=None):
        with self.lock:
            return value

    def open(self):
        self.lock.release()


def test_calls_run_in_another_thread(pool):
    here = _thread.get_native_id()
    assert pool.apply(_thread.get_native_id) != here
    assert pool.spawn(pow, 2, 3).get() == 8


def test_greenlets_run_while_a_thread_works(pool):
    gate = Gate()
    result = pool.spawn(gate, "value")
    verdigris.sleep(0)
    assert not result.ready() and len(pool) == 1
    gate.open()
    assert result.get(timeout=10) == "value"
    assert pool.join(timeout=10) and len(pool) == 0


def test_errors_are_raised_where_the_result_is_got_and_reported(pool, capfd):
    with pytest.raises(ZeroDivisionError):
        pool.apply(lambda: 1 / 0)
    assert "ZeroDivisionError" in capfd.readouterr().err
    with pytest.raises(ZeroDivisionError):
        pool.apply_quietly(lambda: 1 / 0)
    assert capfd.readouterr().err == ""


def test_map_keeps_the_order(pool):
    assert pool.map(str, range(20)) == [str(number) for number in range(20)]
    assert sorted(pool.imap_unordered(str, range(5))) == ["0", "1", "2", "3", "4"]
    assert pool.size <= 2


def test_a_busy_pool_makes_the_next_one_wait(pool):
    gate = Gate()
    results = [pool.spawn(gate) for _ in range(3)]
    assert pool.size == 2 and len(pool) == 3
    fourth = verdigris.spawn(pool.spawn, str, 4)
    verdigris.sleep(0)
    assert not fourth.ready()
    gate.open()
    assert fourth.get(timeout=10).get(timeout=10) == "4"
    verdigris.joinall(results)


def test_the_number_of_threads_may_be_changed(pool):
    pool.maxsize = 5
    gate = Gate()
    results = [pool.spawn(gate) for _ in range(5)]
    assert pool.size == 5
    gate.open()
    for result in results:
        result.get(timeout=10)
    pool.maxsize = 1
    while pool.size > 1:
        verdigris.sleep(0.001)
    assert pool.apply(str, (1,)) == "1"


def test_a_pool_without_threads_waits_for_some():
    pool = ThreadPool(0)
    result = pool.spawn(str, 1)
    verdigris.sleep(0)
    assert not result.ready() and pool.size == 0
    pool.maxsize = 1
    assert result.get(timeout=10) == "1"
    pool.kill()


def test_apply_async_calls_back(pool):
    seen = []
    pool.apply_async(str, (1,), callback=seen.append).get()
    verdigris.sleep(0)
    assert seen == ["1"]


def test_a_killed_pool_works_again(pool):
    pool.apply(str)
    pool.kill()
    assert pool.apply(str, (1,)) == "1"


def test_an_idle_thread_ends():
    pool = ThreadPool(1, idle_task_timeout=0.001)
    pool.apply(str)
    while pool.size:
        verdigris.sleep(0.001)
    assert pool.apply(str, (1,)) == "1"


@pytest.mark.parametrize("size, error", [(-1, ValueError), ("x", TypeError)])
def test_a_size_must_be_a_number_of_threads(size, error):
    with pytest.raises(error):
        ThreadPool(size)


def test_the_hub_has_one():
    assert verdigris.get_hub().threadpool.apply(str, (1,)) == "1"


def test_a_call_may_use_a_hub_of_its_own(pool):
    def in_thread():
        results = []
        verdigris.joinall([verdigris.spawn(results.append, n) for n in range(3)])
        return results

    assert pool.apply(in_thread) == [0, 1, 2]


def test_the_threads_of_the_hub_end_when_idle():
    assert verdigris.get_hub().threadpool.idle_task_timeout == verdigris.config.threadpool_idle_task_timeout


def test_the_executor_is_one_of_the_standard_kind():
    with ThreadPoolExecutor(1) as executor:
        assert isinstance(executor, concurrent.futures.ThreadPoolExecutor)
    with pytest.raises(ValueError):
        ThreadPoolExecutor(0)


def test_executor_gives_futures():
    with ThreadPoolExecutor(2) as executor:
        gate = Gate()
        future = executor.submit(gate, "value")
        called = Event()
        future.add_done_callback(lambda _: called.set())
        with pytest.raises(TimeoutError):
            future.result(timeout=0.001)
        gate.open()
        assert future.result(timeout=10) == "value" and called.is_set()
        failing = executor.submit(int, "x")
        assert isinstance(failing.exception(), ValueError)
        assert list(executor.map(str, range(3))) == ["0", "1", "2"]
    with pytest.raises(RuntimeError):
        executor.submit(str)


def test_futures_and_the_functions_that_wait():
    with ThreadPoolExecutor(1) as executor:
        gate = Gate()
        future = executor.submit(gate)
        with pytest.raises(AttributeError, match="patched"):
            concurrent.futures.wait([future])
        gate.open()
        assert verdigris.wait([future], timeout=10) == [future]
    assert (
        output_of("""
        from verdigris import monkey
        monkey.patch_all()
        import concurrent.futures
        from verdigris.threadpool import ThreadPoolExecutor
        with ThreadPoolExecutor(2) as executor:
            futures = [executor.submit(str, number) for number in range(3)]
            print(sorted(future.result() for future in concurrent.futures.as_completed(futures)))
            print(len(concurrent.futures.wait(futures).done))
    """)
        == "['0', '1', '2']\n3\n"
    )


def test_a_call_may_use_the_pool_that_it_runs_in(pool):
    assert pool.apply(lambda: pool.apply(lambda: pool.maxsize)) == 2


@pytest.mark.parametrize("module", [thread, blocking])
def test_resolvers(module, capfd):
    resolver = module.Resolver()
    assert resolver.gethostbyname("127.0.0.1") == "127.0.0.1"
    assert resolver.gethostbyname_ex("127.0.0.1")[2] == ["127.0.0.1"]
    assert resolver.getaddrinfo("127.0.0.1", 80, type=1)[0][4] == ("127.0.0.1", 80)
    assert resolver.getnameinfo(("127.0.0.1", 80), 3) == ("127.0.0.1", "80")
    with pytest.raises(OSError):
        resolver.gethostbyname("999.1.1.1.invalid.")
    resolver.close()
    assert capfd.readouterr().err == ""


class Directory:
    """Stands for `_socket`: answers when the gate opens, and counts how often it was asked."""

    def __init__(self):
        self.gate, self.asked = Gate(), []

    def gethostbyname(self, name):
        self.asked.append(name)
        self.gate()
        if name == "nowhere":
            raise OSError(name)
        return f"address of {name}"

    def getaddrinfo(self, *args):
        return [self.gethostbyname(args[0])]


@pytest.fixture
def directory(monkeypatch):
    directory = Directory()
    monkeypatch.setattr(thread, "_socket", directory)
    return directory


def test_lookups_of_one_name_that_overlap_are_one(directory):
    resolver = thread.Resolver()
    askers = [verdigris.spawn(resolver.gethostbyname, name) for name in ("here", "there", "here", "here")]
    verdigris.idle()
    directory.gate.open()
    assert [asker.get() for asker in askers] == [f"address of {name}" for name in ("here", "there", "here", "here")]
    assert sorted(directory.asked) == ["here", "there"]
    assert resolver.gethostbyname("here") == "address of here"
    assert len(directory.asked) == 3  # no answer is kept


def test_an_answer_that_is_shared_is_each_askers_own(directory):
    resolver = thread.Resolver()
    askers = [verdigris.spawn(resolver.getaddrinfo, "here", port) for port in (1, 1, True)]
    verdigris.idle()
    directory.gate.open()
    first, second, third = [asker.get() for asker in askers]
    assert len(directory.asked) == 2  # True is another question than 1
    first.clear()
    assert second == third == ["address of here"]


def test_who_waits_for_a_lookup_is_killed_alone(directory, capfd):
    resolver = thread.Resolver()
    first, second = (verdigris.spawn(resolver.gethostbyname, "nowhere") for _ in "12")
    verdigris.idle()
    first.kill()
    directory.gate.open()
    second.join()
    assert isinstance(first.value, verdigris.GreenletExit)
    assert isinstance(second.exception, OSError)
    assert directory.asked == ["nowhere"]


def test_a_name_that_cannot_be_compared_is_looked_up_alone(directory):
    directory.gate.open()
    assert thread.Resolver().gethostbyname(bytearray(b"here")) == "address of bytearray(b'here')"


def test_a_thread_that_cannot_start_leaves_the_pool_whole(monkeypatch):
    pool = ThreadPool(1)

    def refuse(*_):
        raise RuntimeError("can't start new thread")

    with monkeypatch.context() as patched:
        patched.setattr("verdigris.threadpool._start_native_thread", refuse)
        with pytest.raises(RuntimeError, match="can't start"):
            pool.spawn(int)
    assert pool.join(timeout=5)
    assert pool.apply(int) == 0
    pool.kill()
