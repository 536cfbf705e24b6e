"""os.fork with greenlets about: both processes go on from where they are, each with its own copy of every stack."""

import textwrap

import pytest

from programs import output_of

HELP = """
import gc, os, sys, threading
from raw import GreenletExit, error, getcurrent, greenlet

def up(*args):
    return getcurrent().parent.switch(*args)

def status_of(pid):
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])

def in_child(check):
    '''Forks; the child ends with 7 if the check holds there, else with its traceback.'''
    pid = os.fork()
    if pid:
        assert status_of(pid) == 7
        return
    try:
        check()
    except BaseException:
        sys.excepthook(*sys.exc_info())
        os._exit(1)
    os._exit(7)

def in_thread(function):
    thread = threading.Thread(target=function)
    thread.start()
    thread.join()
"""


def runs(program: str) -> None:
    """The program, after the help above, ends well and prints that it got to its end."""
    code = HELP + textwrap.dedent(program) + "\nprint('end')\n"
    assert output_of(code, env={"PYTHONWARNINGS": "ignore"}) == "end\n"


def test_in_a_greenlet_both_go_on_in_it() -> None:
    runs("""
        def run():
            here = getcurrent()
            pid = os.fork()
            assert getcurrent() is here
            return pid, up("forked", pid)

        g = greenlet(run)
        word, pid = g.switch()
        answer = g.switch("child" if pid == 0 else "parent")
        assert g.dead
        if pid == 0:
            os._exit(7 if answer == (0, "child") else 1)
        assert answer == (pid, "parent")
        assert status_of(pid) == 7
    """)


def test_suspended_ones_go_on_in_both() -> None:
    runs("""
        def run(name):
            total = 0
            for _ in range(20):
                total += up(name)
            return total

        greenlets = [greenlet(run) for _ in range(50)]
        for number, g in enumerate(greenlets):
            assert g.switch(number) == number

        def drain(step):
            for g in greenlets:
                while not g.dead:
                    last = g.switch(step)
                assert last == 20 * step

        in_child(lambda: drain(3))
        drain(2)
    """)


def test_deep_in_a_c_stack() -> None:
    runs("""
        def key(x):
            if x:
                sorted([x - 1], key=key)
            else:
                in_child(lambda: up("child"))
                up("parent")
            return x

        main = getcurrent()
        g = greenlet(lambda: sorted([30], key=key))
        def child_or_parent():
            word = g.switch()
            if word == "child":
                g.switch()
            assert g.switch() == [30]
        child_or_parent()
    """)


def test_new_ones_are_made_in_the_child() -> None:
    runs("""
        def churn():
            for _ in range(200):
                greenlets = [greenlet(up) for _ in range(20)]
                for g in greenlets:
                    g.switch()
                del g, greenlets[10:]
                for g in greenlets:
                    g.switch()
        churn()
        in_child(churn)
        greenlet(lambda: in_child(churn)).switch()
        churn()
    """)


def test_a_child_forks_again() -> None:
    runs("""
        def nest(depth):
            if depth:
                in_child(lambda: greenlet(nest).switch(depth - 1))
        greenlet(nest).switch(5)
    """)


def test_an_exception_leaves_the_child_by_the_main_greenlet() -> None:
    runs("""
        def run():
            if os.fork() == 0:
                sys.exit(7)
            up(os.waitstatus_to_exitcode(os.wait()[1]))

        assert greenlet(run).switch() == 7
    """)


def test_killed_in_the_child_lives_in_the_parent() -> None:
    runs("""
        ends = []
        def run():
            try:
                up()
            except GreenletExit:
                ends.append("killed")
                raise
            ends.append("returned")

        kept = [greenlet(run)]
        kept[0].switch()
        def drop():
            kept.clear()
            gc.collect()
            assert ends == ["killed"]
        in_child(drop)
        kept[0].switch()
        assert ends == ["returned"]
    """)


THREADS = """
    ready, done = threading.Barrier(3), threading.Event()
    kept = []

    class Noted:
        def __init__(self, notes):
            self.notes = notes
        def __del__(self):
            self.notes.append(self)

    notes = []
    def other(wait_in_greenlet):
        def suspended(noted):
            up()
        g = greenlet(suspended)
        g.switch(Noted(notes))
        kept.append(g)
        def wait():
            kept.append(getcurrent())
            ready.wait()
            done.wait()
        greenlet(wait).switch() if wait_in_greenlet else wait()

    threads = [threading.Thread(target=other, args=(flag,)) for flag in (False, True)]
    for thread in threads:
        thread.start()
    ready.wait()
"""


@pytest.mark.parametrize("in_greenlet", ["", "greenlet", "thread"], ids=["in main", "in a greenlet", "in a thread"])
def test_greenlets_of_threads_that_are_not_there_any_more(in_greenlet: str) -> None:
    how = {
        "": "in_child(child)",
        "greenlet": "greenlet(lambda: in_child(child)).switch()",
        "thread": "in_thread(lambda: greenlet(lambda: in_child(child)).switch())",
    }[in_greenlet]
    runs(
        THREADS
        + f"""
    def child():
        for g in kept:
            try:
                g.switch()
            except error as refusal:
                assert "different thread" in str(refusal)
            else:
                raise AssertionError("it was switched to")
            repr(g), g.gr_frame, g.dead, bool(g), g.parent
        for _ in range(3):
            gc.collect()
        del g
        kept.clear()
        gc.collect()
        for _ in range(100):
            greenlet(up).switch()

    {how}
    assert not any(g.dead for g in kept)
    done.set()
    for thread in threads:
        thread.join()
    """
    )


def test_dropped_by_another_thread_just_before() -> None:
    runs(
        THREADS
        + """
    kept.clear()
    def child():
        gc.collect()
        for _ in range(10):
            greenlet(lambda: greenlet(up).switch()).switch()
    in_child(child)
    done.set()
    """
    )


def test_a_hub_of_a_child() -> None:
    runs("""
        import verdigris
        from verdigris.event import Event

        def work(path):
            started, go = Event(), Event()
            def wait():
                started.set()
                go.wait()
                verdigris.sleep(0.001)
                path.append(os.getpid())
            greenlets = [verdigris.spawn(wait) for _ in range(10)]
            started.wait()
            return go, greenlets

        path = []
        go, greenlets = work(path)
        def end():
            go.set()
            verdigris.joinall(greenlets)
            assert path == [os.getpid()] * 10, path
            new = []
            again, more = work(new)
            again.set()
            verdigris.joinall(more)
            assert new == [os.getpid()] * 10

        in_child(end)
        verdigris.spawn(in_child, end).get()
        end()
    """)


def test_multiprocessing_forks_in_a_greenlet() -> None:
    runs("""
        import multiprocessing
        context = multiprocessing.get_context("fork")

        def square(n):
            return greenlet(lambda: up(n * n)).switch()

        def send(pipe, n):
            pipe.send(square(n))
            pipe.close()

        def run():
            ours, theirs = context.Pipe(duplex=False)
            process = context.Process(target=send, args=(theirs, 9))
            process.start()
            theirs.close()
            answer = ours.recv()
            process.join()
            return answer, process.exitcode

        assert greenlet(run).switch() == (81, 0)
        import verdigris
        assert verdigris.spawn(run).get() == (81, 0)
        with context.Pool(2) as pool:
            assert greenlet(lambda: pool.map(square, range(10))).switch() == [n * n for n in range(10)]
    """)


def test_multiprocessing_leaves_by_the_greenlet_that_it_began_in() -> None:
    runs("""
        import multiprocessing
        context = multiprocessing.get_context("fork")

        def fail():
            greenlet(lambda: sys.exit(5)).switch()

        def run():
            process = context.Process(target=fail)
            process.start()
            process.join()
            return process.exitcode

        g = greenlet(lambda: up(run()))
        assert g.switch() == 5
        g.switch()
    """)


def test_what_was_suspended_in_threads_that_the_child_does_not_have_is_dead() -> None:
    """greenlet and gevent have it look as if it could go on."""
    runs("""
        import verdigris
        from verdigris.event import Event

        waiting = verdigris.spawn(Event().wait)
        raw = greenlet(up)
        raw.switch()
        done = verdigris.spawn(len, "three")
        done.join()
        queued = verdigris.spawn(len, "never")

        def check():
            assert raw.dead and not raw
            assert waiting.dead and waiting.ready() and not waiting and not waiting.started
            assert not waiting.successful()
            assert done.dead and done.get() == 5
            assert not queued.dead and queued.started
            verdigris.joinall([waiting, done])
            assert waiting.join() is None and waiting.kill() is None

        assert not waiting.dead and waiting.started
        in_thread(lambda: in_child(check))
        in_child(lambda: None)
        assert not waiting.dead and waiting.started
        waiting.kill()
        queued.join()
    """)
