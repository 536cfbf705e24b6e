"""Monkey patching: each case in a process of its own."""

import importlib
import sys

import pytest

from programs import output_of, python
from verdigris.monkey._table import TABLE

PATCHED = "from verdigris import monkey; monkey.patch_all()\n"
REPLACEMENTS = [(key, each) for key, entries in TABLE.items() for each in entries]


@pytest.mark.parametrize("key, replacement", REPLACEMENTS, ids=lambda value: value if isinstance(value, str) else "")
def test_the_table_has_no_mistakes(key, replacement):
    target, source = importlib.import_module(replacement.target), importlib.import_module(replacement.source)
    present = [name for name in replacement.names if hasattr(target, name)]
    assert present
    assert [name for name in present if not hasattr(source, name)] == []


def test_patch_all_replaces_what_the_table_says():
    print(
        output_of(
            PATCHED
            + """
from importlib import import_module
from verdigris.monkey._table import TABLE
for entries in TABLE.values():
    for target, source, names, removed in entries:
        for name in names:
            if monkey.is_object_patched(target, name):
                ours = getattr(import_module(source), name)
                assert getattr(import_module(target), name) is ours, (target, name)
        for name in removed:
            assert not hasattr(import_module(target), name), (target, name)
assert monkey.is_anything_patched() and monkey.saved
"""
        )
    )


def test_originals_can_be_had():
    assert (
        output_of("""
        import time, socket
        originals = time.sleep, socket.socket
        from verdigris import monkey
        assert not monkey.saved and not monkey.is_anything_patched()
        assert monkey.get_original('time', 'sleep') is time.sleep
        monkey.patch_all()
        assert monkey.get_original('time', 'sleep') is originals[0] is not time.sleep
        assert monkey.get_original('socket', ['socket', 'AF_INET']) == [originals[1], socket.AF_INET]
        assert monkey.is_module_patched('time') and monkey.is_object_patched('time', 'sleep')
        assert not monkey.is_object_patched('time', 'time') and not monkey.is_module_patched('ssl')
        print('fine')
    """)
        == "fine\n"
    )


def test_classes_before_and_after():
    assert output_of("""
        import socket, select
        from verdigris import monkey, socket as ours
        print(socket.socket is ours.socket)
        monkey.patch_socket()
        print(socket.socket is ours.socket, socket.getaddrinfo is ours.getaddrinfo)
        print(select.select.__module__, hasattr(select, 'epoll'))
        monkey.patch_select()
        print(select.select.__module__, hasattr(select, 'epoll'))
    """).splitlines() == ["False", "True True", "select True", "verdigris.select False"]


def test_a_second_time_does_nothing():
    result = python("-W", "error", "-c", PATCHED + "print(monkey.patch_all())")
    assert result.stdout == "None\n", result.stderr


def test_a_second_time_with_other_arguments_warns():
    result = python("-W", "always", "-c", PATCHED + "monkey.patch_all(time=False)")
    assert "MonkeyPatchWarning" in result.stderr and "more than once" in result.stderr


def test_flags_for_what_we_do_not_patch_are_accepted():
    assert (
        output_of("""
        from verdigris import monkey
        monkey.patch_all(ssl=True, subprocess=True, sys=True, builtins=True, contextvars=True)
        monkey.patch_ssl(); monkey.patch_subprocess(); monkey.patch_sys(); monkey.patch_builtins()
        import subprocess
        print(subprocess.run(['echo', 'works'], capture_output=True, text=True).stdout, end='')
    """)
        == "works\n"
    )


def test_threads_are_greenlets():
    assert (
        output_of(
            PATCHED
            + """
import threading, time
order = []
def wait(number):
    time.sleep(0.01 * number)
    order.append((number, threading.current_thread().name, threading.active_count()))
threads = [threading.Thread(target=wait, args=(number,), name=f't{number}') for number in (2, 1)]
for thread in threads: thread.start()
assert all(thread.is_alive() for thread in threads)
assert threads[0].ident != threads[1].ident
for thread in threads: thread.join()
assert not any(thread.is_alive() for thread in threads)
print(order)
assert threading.current_thread() is threading.main_thread()
"""
        )
        == "[(1, 't1', 3), (2, 't2', 2)]\n"
    )


def test_thread_primitives_work_together():
    assert (
        output_of(
            PATCHED
            + """
import threading, queue, concurrent.futures, contextlib
items, done = queue.Queue(1), threading.Event()
def consume():
    while (item := items.get()) is not None:
        print(item)
    done.set()
threading.Thread(target=consume).start()
for item in (1, 2, None): items.put(item)
assert done.wait(10)
condition, lock = threading.Condition(), threading.RLock()
def notify():
    with condition, lock, lock:
        condition.notify_all()
with condition:
    threading.Timer(0.001, notify).start()
    assert condition.wait(10)
barrier = threading.Barrier(2)
threading.Thread(target=barrier.wait).start()
barrier.wait(10)
semaphore = threading.BoundedSemaphore(1)
with contextlib.suppress(ValueError):
    semaphore.release()
with concurrent.futures.ThreadPoolExecutor(2) as executor:
    print(list(executor.map(str, range(3))))
local = threading.local()
local.value = 'main'
threading.Thread(target=lambda: print(hasattr(local, 'value'))).start()
"""
        )
        == "1\n2\n['0', '1', '2']\nFalse\n"
    )


def test_locks_are_as_the_standard_ones():
    assert (
        output_of(
            PATCHED
            + """
import threading
lock = threading.Lock()
assert lock.acquire() and lock.locked() and not lock.acquire(False) and not lock.acquire(timeout=0.001)
lock.release()
for call, error in ((lock.release, RuntimeError), (lambda: lock.acquire(False, 1), ValueError),
                    (lambda: lock.acquire(timeout=-2), ValueError),
                    (lambda: lock.acquire(timeout=threading.TIMEOUT_MAX * 2), OverflowError)):
    try: call()
    except error: pass
    else: raise AssertionError(call)
with lock: assert 'locked' in repr(lock)
print('fine')
"""
        )
        == "fine\n"
    )


def test_a_lock_that_is_tried_in_a_loop_lets_its_owner_run():
    assert (
        output_of(
            PATCHED
            + """
import threading
lock = threading.Lock()
lock.acquire()
def spin():
    while not lock.acquire(False):
        pass
    print('taken')
thread = threading.Thread(target=spin)
thread.start()
lock.release()
thread.join()
"""
        )
        == "taken\n"
    )


def test_the_program_waits_for_threads_that_are_no_daemons():
    assert (
        output_of(
            PATCHED
            + """
import threading, time
def later(name, seconds):
    time.sleep(seconds)
    print(name, flush=True)
threading.Thread(target=later, args=('ordinary', 0.01)).start()
threading.Thread(target=later, args=('daemon', 1000), daemon=True).start()
print('main')
"""
        )
        == "main\nordinary\n"
    )


def test_a_greenlet_has_a_thread_object_as_long_as_it_lives():
    assert (
        output_of(
            PATCHED
            + """
import gc, threading, verdigris
threads = [verdigris.spawn(threading.current_thread) for _ in range(5)]
verdigris.joinall(threads)
verdigris.sleep(0)
assert len({thread.value.ident for thread in threads}) == 5
print(len(threading._active))
"""
        )
        == "1\n"
    )


def test_logging_still_works():
    assert (
        output_of("""
        import logging, sys
        logging.basicConfig(stream=sys.stdout, format='%(threadName)s %(message)s')
        from verdigris import monkey
        monkey.patch_all()
        import threading
        thread = threading.Thread(target=logging.warning, args=('hello',), name='worker')
        thread.start()
        thread.join()
        logging.warning('bye')
    """)
        == "worker hello\nMainThread bye\n"
    )


def test_unmodified_programs_talk_through_sockets():
    assert (
        output_of(
            PATCHED
            + """
import http.server, threading, urllib.request
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200); self.end_headers(); self.wfile.write(b'hello')
    def log_message(self, *arguments): pass
server = http.server.ThreadingHTTPServer(('127.0.0.1', 0), Handler)
threading.Thread(target=server.serve_forever, daemon=True).start()
url = f'http://127.0.0.1:{server.server_port}/'
results = []
threads = [threading.Thread(target=lambda: results.append(urllib.request.urlopen(url).read())) for _ in range(5)]
for thread in threads: thread.start()
for thread in threads: thread.join()
print(results == [b'hello'] * 5)
server.shutdown()
"""
        )
        == "True\n"
    )


def test_a_module_of_ones_own_can_be_patched():
    assert output_of("""
        import types
        from verdigris import monkey
        target, source = types.ModuleType('target'), types.ModuleType('source')
        target.name, source.name = 'old', 'new'
        try: monkey.patch_module(target, source)
        except AttributeError as error: print('__implements__' in str(error))
        source.__implements__ = ['name']
        source._gevent_will_monkey_patch = lambda *arguments: print('will', arguments[2])
        source._gevent_did_monkey_patch = lambda *arguments: print('did', arguments[2])
        monkey.patch_module(target, source)
        print(target.name, monkey.saved['target'])
        monkey.remove_item(target, 'name')
        print(hasattr(target, 'name'), monkey.saved['target'])
    """).splitlines() == ["True", "will ['name']", "did ['name']", "new {'name': 'old'}", "False {'name': 'old'}"]


def test_the_command_line(tmp_path):
    script = tmp_path / "script.py"
    script.write_text("import sys, time, queue; print(sys.argv[1:], time.sleep.__module__, queue.Queue.__module__)\n")
    result = python("-m", "verdigris.monkey", "--no-queue", "--verbose", script, "--time")
    assert result.returncode == 0, result.stderr
    assert result.stdout.splitlines()[0] == "patch_all(queue=False)"
    assert "'--time'" in result.stdout and "queue" in result.stdout
    assert python("-m", "verdigris.monkey", "--nonsense", script).returncode == 2
    assert python("-m", "verdigris.monkey").returncode == 2
    result = python("-m", "verdigris.monkey", "--module", "this")
    assert "Beautiful" in result.stdout


def test_the_main_thread_is_known_in_all_versions():
    assert (
        output_of(
            "import threading\n"
            + PATCHED
            + """
assert threading.main_thread() is threading.current_thread()
assert threading.main_thread().ident == threading.get_ident()
print(len(threading.enumerate()))
"""
        )
        == "1\n"
    ), sys.version


def test_patching_while_importing(tmp_path):
    (tmp_path / "patches.py").write_text("from verdigris import monkey; monkey.patch_all()\n")
    (tmp_path / "imports.py").write_text("import patches, threading; lock = threading.Lock()\n")
    code = f"import sys; sys.path.insert(0, {str(tmp_path)!r}); import imports; print(type(imports.lock).__name__)"
    assert output_of(code) == "LockType\n"


def test_two_greenlets_import_one_module_once(tmp_path):
    (tmp_path / "slow.py").write_text("import time; print('begins'); time.sleep(0.01); done = True\n")
    assert (
        output_of(
            PATCHED
            + f"""
import sys, verdigris
sys.path.insert(0, {str(tmp_path)!r})
def load():
    import slow
    return slow.done
greenlets = [verdigris.spawn(load) for _ in range(3)]
verdigris.joinall(greenlets)
print([greenlet.value for greenlet in greenlets])
"""
        )
        == "begins\n[True, True, True]\n"
    )


def test_patching_in_another_thread_warns_and_the_program_ends():
    result = python(
        "-W",
        "always",
        "-c",
        """if True:
        import threading
        from verdigris import monkey
        thread = threading.Thread(target=monkey.patch_all)
        thread.start()
        thread.join()
        print('ended')
    """,
    )
    assert result.stdout == "ended\n" and result.returncode == 0
    assert "outside the main native thread" in result.stderr


def test_what_was_not_patched_at_first_can_be_later():
    assert (
        output_of("""
        import warnings
        from verdigris import monkey
        monkey.patch_all(dns=False, time=False)
        print(monkey.is_module_patched('time'), monkey.is_object_patched('socket', 'getaddrinfo'))
        warnings.simplefilter('ignore')
        monkey.patch_all()
        print(monkey.is_module_patched('time'), monkey.is_object_patched('socket', 'getaddrinfo'))
    """)
        == "False False\nTrue True\n"
    )


def test_threads_and_forks():
    result = python(
        "-c",
        PATCHED
        + """
import os, threading, time
thread = threading.Thread(target=time.sleep, args=(0.01,))
thread.start()
time.sleep(0)
pid = os.fork()
alive = threading.enumerate()
if not pid:
    os._exit(alive != [threading.current_thread()] or threading.current_thread() is not threading.main_thread())
print(os.waitpid(pid, 0)[1], thread in alive, len(alive))
thread.join()
in_thread = threading.Thread(target=lambda: print(os.waitpid(fork(), 0)[1]))
def fork():
    pid = os.fork()
    if not pid:
        os._exit(threading.enumerate() != [threading.current_thread()])
    return pid
in_thread.start()
in_thread.join()
""",
    )
    assert (result.stdout, result.stderr) == ("0 True 2\n0\n", "")


def test_a_module_puts_in_place_what_the_table_says():
    from verdigris import os, socket, threading

    assert {"fork", "forkpty", "waitpid"} <= set(os.__implements__)
    assert {"socket", "getaddrinfo"} <= set(socket.__implements__)
    assert "Event" in threading.__implements__
