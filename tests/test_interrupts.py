"""A signal that Python handles ends the hub's sleep, whenever it comes and whichever thread gets it.

Where nothing but the signal can end a wait, a timer of ten seconds stands in for "never".
"""

from programs import output_of

# `raise_signal` is called by C code alone: Python handles no signals from there to the hub's sleep.
SETUP = """
import ctypes, functools, os, signal, socket, threading
import verdigris
from verdigris.event import Event

libc = ctypes.PyDLL(None)
raise_signal = functools.partial(libc["raise"], signal.SIGUSR1)
event = Event()
hub = verdigris.get_hub()

def before_sleep(call):
    watcher = hub.loop.prepare(ref=False)
    watcher.start(call)
    return watcher
"""


def test_it_comes_just_before_the_hub_sleeps():
    program = """
count = 0
def handler(*_):
    global count
    count += 1
    if count == 100:
        watcher.stop()
        event.set()
    hub.loop.run_callback(list)  # Another turn.
signal.signal(signal.SIGUSR1, handler)
watcher = before_sleep(raise_signal)
print(event.wait(10), count)
"""
    assert output_of(SETUP + program) == "True 100\n"


def test_an_interrupt_just_before_the_hub_sleeps():
    program = """
watcher = before_sleep(functools.partial(libc["raise"], signal.SIGINT))
late = hub.loop.timer(10)
late.start(print)
try:
    event.wait()
except KeyboardInterrupt:
    print("interrupted", late.active)
"""
    assert output_of(SETUP + program) == "interrupted True\n"


def test_another_thread_gets_it():
    program = """
signal.signal(signal.SIGUSR1, lambda *_: event.set())
thread = threading.Thread(target=ctypes.CDLL(None)["raise"], args=(signal.SIGUSR1,))
watcher = before_sleep(lambda: (watcher.stop(), thread.start()))
print(event.wait(10))
"""
    assert output_of(SETUP + program) == "True\n"


def test_what_a_handler_does_is_seen():
    """One that has the loop return, and one that takes away all that it could wait for."""
    program = """
signal.signal(signal.SIGUSR1, lambda *_: (watcher.stop(), hub.loop.timer(10).close(), hub.loop.break_()))
watcher = before_sleep(raise_signal)
timer = hub.loop.timer(10)
timer.start(print, "late")
hub.loop.run()
signal.signal(signal.SIGUSR1, lambda *_: (watcher.stop(), timer.stop()))
watcher = before_sleep(raise_signal)
hub.loop.run()
print("returned")
"""
    assert output_of(SETUP + program) == "returned\n"


def test_a_handler_that_runs_the_loop():
    """It is still the outer run that hears the next signal, which another thread gets."""
    program = """
def handler(*_):
    watcher.stop()
    timer = hub.loop.timer(0.001)
    timer.start(hub.loop.break_)
    hub.loop.run()
    call = lambda: signal.pthread_kill(threading.get_ident(), signal.SIGUSR2)
    threading.Timer(0.1, call).start()
signal.signal(signal.SIGUSR1, handler)
signal.signal(signal.SIGUSR2, lambda *_: event.set())
watcher = before_sleep(raise_signal)
print(event.wait(10))
"""
    assert output_of(SETUP + program) == "True\n"


def test_the_programs_own_descriptor_is_told_all_the_same():
    program = """
near, far = socket.socketpair()
near.setblocking(False)
far.setblocking(False)
signal.set_wakeup_fd(far.fileno())
signal.signal(signal.SIGUSR1, lambda *_: None)
reader = hub.loop.io(near.fileno(), 1)
numbers = []
def read():
    numbers.extend(near.recv(100))
    if len(numbers) >= 3:
        event.set()
reader.start(read)
thread = threading.Thread(target=ctypes.CDLL(None)["raise"], args=(signal.SIGUSR1,))
raise_signal()
watcher = before_sleep(lambda: (watcher.stop(), raise_signal(), thread.start()))
print(event.wait(10), numbers == [signal.SIGUSR1] * 3)
print(signal.set_wakeup_fd(-1) == far.fileno())
"""
    assert output_of(SETUP + program) == "True True\nTrue\n"


def test_the_program_has_its_descriptor_while_python_runs():
    program = """
found = []
def look():
    found.append(signal.set_wakeup_fd(-1))
for _ in range(3):
    verdigris.spawn_later(0.001, look).join()
print(found, signal.set_wakeup_fd(-1))
"""
    assert output_of(SETUP + program) == "[-1, -1, -1] -1\n"


def test_a_child_that_another_thread_forks():
    """It has neither the pipe of its parent's hub nor its parent's hub to wake."""
    program = """
def fork():
    child = os.fork()
    if child == 0:
        found = signal.set_wakeup_fd(-1)
        heard = Event()
        signal.signal(signal.SIGUSR1, lambda *_: heard.set())
        watcher = verdigris.get_hub().loop.prepare(ref=False)
        watcher.start(raise_signal)
        os._exit(0 if found == -1 and heard.wait(10) else 1)
    statuses.append(os.waitpid(child, 0)[1])
    hub.loop.run_callback_threadsafe(event.set)

statuses = []
thread = threading.Thread(target=fork)
watcher = before_sleep(lambda: (watcher.stop(), thread.start()))
print(event.wait(20), statuses)
"""
    assert output_of(SETUP + program) == "True [0]\n"
