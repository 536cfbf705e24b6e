"""Patched threads: how they end, who waits for them, and what is left of them in the child of a fork."""

from programs import output_of


def test_a_thread_may_wait_for_the_end_of_the_main_one():
    assert (
        output_of("""
        from verdigris import monkey
        monkey.patch_all()
        import threading
        def wait(main):
            main.join()
            print('end of thread')
        threading.Thread(target=wait, args=[threading.current_thread()]).start()
        print('end of main')
    """)
        == "end of main\nend of thread\n"
    )


def test_thread_pools_are_told_of_the_end_before_they_are_waited_for():
    assert (
        output_of("""
        from verdigris import monkey
        monkey.patch_all()
        import concurrent.futures
        concurrent.futures.ThreadPoolExecutor(2).submit(print, 'called')
    """)
        == "called\n"
    )


def test_of_threads_only_the_one_that_forked_lives_in_the_child():
    assert output_of("""
        from verdigris import monkey
        monkey.patch_all()
        import os, sys, threading, time
        main = threading.current_thread()
        def work():
            child = os.fork()
            if child:
                os.waitpid(child, 0)
                return
            me = threading.current_thread()
            print(main.is_alive(), other.is_alive(), me.is_alive(), threading.main_thread() is me)
            main.join()
            other.join()
            print('joined')
            sys.stdout.flush()
            os._exit(0)
        other = threading.Thread(target=time.sleep, args=[0.1])
        worker = threading.Thread(target=work)
        other.start()
        worker.start()
        worker.join()
        other.join()
        print(other.is_alive(), worker.is_alive(), main.is_alive())
    """).splitlines() == ["False False True True", "joined", "False False True"]


def test_the_fork_of_a_greenlet_makes_it_the_main_thread():
    assert output_of("""
        from verdigris import monkey
        monkey.patch_all()
        import os, sys, threading, verdigris
        def work():
            assert 'Dummy' in threading.current_thread().name
            child = os.fork()
            if child:
                return os.waitpid(child, 0)
            main = threading.main_thread()
            # Early versions of Python 3.11 and 3.12 left it a _DummyThread.
            print(main is threading.current_thread(), main.is_alive(), isinstance(main, threading.Thread))
            sys.stdout.flush()
            os._exit(0)
        verdigris.spawn(work).join()
    """).splitlines() == ["True True True"]


def test_a_thread_is_waited_for_by_many_and_in_vain():
    assert output_of("""
        from verdigris import monkey
        monkey.patch_all()
        import threading, verdigris
        release = threading.Event()
        thread = threading.Thread(target=release.wait)
        thread.start()
        try:
            with verdigris.Timeout(0.001):
                thread.join()
        except verdigris.Timeout:
            print(thread.is_alive())
        thread.join(0.001)
        print(thread.is_alive())
        waiting = [threading.Thread(target=thread.join) for _ in range(3)]
        for waiter in waiting:
            waiter.start()
        verdigris.sleep(0)
        release.set()
        for waiter in waiting:
            waiter.join()
        print(thread.is_alive(), threading.active_count())
    """).splitlines() == ["True", "True", "False 1"]
