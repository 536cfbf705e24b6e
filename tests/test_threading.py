"""What is put in the place of parts of `threading`, so that a thread costs little: it does what CPython's does."""

from programs import output_of

PATCHED = """
        from verdigris import monkey
        monkey.patch_all()
        import gc, os, sys, threading, weakref
        import verdigris
"""


def printed(code):
    """What a patched program prints."""
    return output_of(PATCHED + code)


def test_current_thread_is_that_of_the_greenlet():
    assert (
        printed("""
        main = threading.current_thread()
        seen = []
        threads = [threading.Thread(target=lambda: seen.append(threading.current_thread())) for _ in range(3)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        print(seen == threads, main is threading.main_thread(), threading.current_thread() is main)
        dummy, again = verdigris.spawn(lambda: [threading.current_thread(), threading.current_thread()]).get()
        print(dummy is again, type(dummy) is threading._DummyThread, dummy is main)
    """)
        == "True True True\nTrue True False\n"
    )


def test_a_running_thread_has_its_numbers_and_is_on_the_list_until_it_ends():
    assert (
        printed("""
        def work():
            me = threading.current_thread()
            print(me.ident == threading.get_ident(), me.native_id == threading.get_native_id())
            print(threading._active[me.ident] is me, me in threading.enumerate(), me in threading._limbo)
        thread = threading.Thread(target=work)
        thread.start()
        thread.join()
        print(thread in threading.enumerate(), thread.ident in threading._active, thread.ident > 0)
    """)
        == "True True\nTrue True False\nFalse False True\n"
    )


def test_a_native_thread_has_another_native_id():
    assert (
        printed("""
        def work():
            thread = threading.Thread(target=lambda: None)
            thread.start()
            thread.join()
            return thread.native_id, threading.get_native_id()
        there = verdigris.get_hub().threadpool.apply(work)
        here = work()
        print(there[0] == there[1], here[0] == here[1] == os.getpid(), here[0] != there[0])
    """)
        == "True True True\n"
    )


def test_a_thread_of_a_forked_child_has_the_childs_number():
    assert (
        printed("""
        child = os.fork()
        if not child:
            thread = threading.Thread(target=lambda: None)
            thread.start()
            thread.join()
            kind = type(threading._active_limbo_lock).__base__.__name__
            print(thread.native_id == os.getpid(), kind, flush=True)
            os._exit(0)
        os.waitpid(child, 0)
    """)
        == "True _NativeRLock\n"
    )


def test_a_fork_in_the_midst_of_a_look_at_the_lists():
    assert (
        printed("""
        with threading._active_limbo_lock:
            child = os.fork()
        if not child:
            print("released", flush=True)
            os._exit(0)
        os.waitpid(child, 0)
    """)
        == "released\n"
    )


def test_a_subclass_may_override_what_is_called_for_each_thread():
    assert (
        printed("""
        called = []
        class Thread(threading.Thread):
            def _set_ident(self):
                called.append('_set_ident')
                super()._set_ident()
            def _set_native_id(self):
                called.append('_set_native_id')
                super()._set_native_id()
            def _delete(self):
                called.append('_delete')
                super()._delete()
            def run(self):
                called.append('run')
        thread = Thread()
        thread.start()
        thread.join()
        print(*called, thread.is_alive())
    """)
        == "_set_ident _set_native_id run _delete False\n"
    )


def test_the_class_stays_and_so_does_a_method_that_somebody_has_replaced():
    assert (
        output_of("""
        import threading
        Thread, original = threading.Thread, threading.Thread._delete
        def delete(thread):
            print('deleted')
            original(thread)
        Thread._delete = delete
        from verdigris import monkey
        monkey.patch_all()
        print(threading.Thread is Thread, Thread._delete is delete)
        thread = Thread(target=print, args=['run'])
        thread.start()
        thread.join()
    """)
        == "True True\nrun\ndeleted\n"
    )


def test_methods_take_no_arguments_and_nobody_deletes_a_thread_twice():
    assert (
        printed("""
        thread = threading.Thread()
        for name in ('_set_ident', '_set_native_id', '_delete'):
            try:
                getattr(thread, name)(1)
            except TypeError:
                print(name)
            try:
                getattr(threading.Thread, name)()
            except TypeError:
                print(name)
        def twice():
            threading.current_thread()._delete()
            try:
                thread._delete()
            except KeyError as error:
                print(error.args == (threading.get_ident(),))
        verdigris.spawn(twice).join()
    """)
        == "_set_ident\n_set_ident\n_set_native_id\n_set_native_id\n_delete\n_delete\nTrue\n"
    )


def test_threads_that_live_are_known_and_others_forgotten():
    assert (
        printed("""
        before = len(threading._dangling)
        kept = [threading.Thread() for _ in range(200)]
        for _ in range(200):
            threading.Thread()
        print(len(threading._dangling) - before, set(kept) <= set(threading._dangling))
        print(kept[0] in threading._dangling, object() in threading._dangling)
        one = weakref.ref(kept.pop())
        print(one(), len(threading._dangling) - before)
        kept.clear()
        print(len(threading._dangling) - before, threading.main_thread() in threading._dangling)
    """)
        == "200 True\nTrue False\nNone 199\n0 True\n"
    )


def test_threads_that_were_made_before_patching_are_known():
    assert (
        output_of("""
        import threading, verdigris.threading
        thread = threading.Thread()
        from verdigris import monkey
        monkey.patch_all()
        print(thread in threading._dangling, threading.main_thread() in threading._dangling)
    """)
        == "True True\n"
    )


def test_the_set_of_threads_is_a_weak_set():
    assert (
        printed("""
        print(isinstance(threading._dangling, weakref.WeakSet))
        thread = threading.Thread()
        saved = threading._dangling.copy()
        print(thread in saved, len(saved) == len(threading._dangling))
        threading._dangling.clear()
        print(len(threading._dangling))
        threading._dangling.update(saved)
        threading._dangling.discard(thread)
        print(thread in threading._dangling, len(saved) - len(threading._dangling))
        going = [thread, *(threading.Thread() for _ in range(9))]
        saved.update(going)
        del thread
        print(len(saved) - len(threading._dangling))
        for known in saved:
            del known
            going.clear()
        print(len(saved) - len(threading._dangling))
        class Unhashable(threading.Thread):
            __hash__ = None
        try:
            Unhashable()
        except TypeError as error:
            print(error)
    """)
        == "True\nTrue True\n0\nFalse 1\n1\n0\nunhashable type: 'Unhashable'\n"
    )


def test_an_error_is_told_to_the_hook_of_the_moment():
    assert (
        printed("""
        def fail():
            raise ValueError('mine')
        def start():
            thread = threading.Thread(target=fail, name='worker')
            thread.start()
            thread.join()
        told = []
        first = threading.Thread(target=fail, name='made before')
        threading.excepthook = lambda args: told.append((args.exc_type.__name__, args.thread.name))
        start()
        first.start()
        first.join()
        print(told)
        def broken(args):
            1 / 0
        threading.excepthook = broken
        sys.excepthook = lambda kind, error, traceback: print(kind.__name__)
        sys.stderr = sys.stdout
        start()
        sys.excepthook = lambda kind, error, traceback: print('other', kind.__name__)
        start()
        threading.excepthook = None
        try:
            threading.Thread()
        except RuntimeError as error:
            print(error)
    """)
        == "[('ValueError', 'worker'), ('ValueError', 'made before')]\n"
        "Exception in threading.excepthook:\nZeroDivisionError\n"
        "Exception in threading.excepthook:\nother ZeroDivisionError\n"
        "threading.excepthook is None\n"
    )


def test_a_hook_that_is_gone_is_let_go_of_by_the_next_thread():
    assert (
        printed("""
        class Hook:
            def __call__(self, args): pass
        threading.excepthook = Hook()
        gone = weakref.ref(threading.excepthook)
        threading.Thread()
        threading.excepthook = threading.__excepthook__
        threading.Thread()
        gc.collect()
        print(gone())
    """)
        == "None\n"
    )


def test_the_lock_of_the_lists_is_taken_again_by_who_has_it():
    assert (
        printed("""
        lock = threading._active_limbo_lock
        with lock as taken, lock:
            print(taken, threading.active_count())
        try:
            lock.__exit__(None, None, None)
        except RuntimeError as error:
            print(error)
    """)
        == "True 1\ncannot release un-acquired lock\n"
    )


def test_a_lock_of_the_lists_is_no_other():
    assert (
        printed("""
        from verdigris._threads import make_lists_lock
        first, second = make_lists_lock(), make_lists_lock()
        with first:
            try:
                second.release()
            except RuntimeError as error:
                print(error)
            first.acquire()
            first.release()
        try:
            first.release()
        except RuntimeError as error:
            print(error)
    """)
        == "cannot release un-acquired lock\n" * 2
    )


def test_threads_are_numbered_as_ever():
    assert (
        printed("""
        first, second = threading.Thread(), threading.Thread(target=print)
        numbers = [int(name.removeprefix('Thread-').partition(' ')[0]) for name in (first.name, second.name)]
        print(numbers[1] - numbers[0], second.name.endswith(' (print)'))
        number = numbers[1]
        for template in ('Dummy-%d', 'f\u00fcnf-%d', '%d%%', '100%%-%d', '%5d|'):
            number += 1
            assert threading._newname(template) == template % number, template
        threading._counter = iter((True, -1, 2**70)).__next__
        print([threading._newname('t%d') for _ in range(3)] == ['t1', 't-1', f't{2**70}'])
        for wrong in ('no number', '%s%d'):
            threading._counter = lambda: 1
            try:
                threading._newname(wrong)
            except TypeError as error:
                print(str(error).partition(' (')[0])  # Python 3.15 adds the numbers
    """)
        == "1 True\nTrue\n"
        "not all arguments converted during string formatting\nnot enough arguments for format string\n"
    )


def test_the_lock_of_the_lists_keeps_native_threads_out():
    assert (
        printed("""
        lock = threading._active_limbo_lock
        Lock, start = (monkey.get_original('_thread', name) for name in ('allocate_lock', 'start_new_thread'))
        sleep = monkey.get_original('time', 'sleep')
        inside, over, order, arrived = 0, [Lock() for _ in range(4)], [], []
        def work(done):
            global inside
            arrived.append(done)
            for _ in range(50):
                with lock, lock:
                    inside += 1
                    order.append(inside)
                    sleep(0)
                    inside -= 1
            done.release()
        for done in over:
            done.acquire()
        with lock:
            for done in over:
                start(work, (done,))
            while len(arrived) < 4:
                sleep(0)
            print(len(order))
            try:
                verdigris.get_hub().threadpool.apply(lock.__exit__, (None, None, None))
            except RuntimeError as error:
                print(error)
        for done in over:
            done.acquire()
        print(len(order), set(order))
    """)
        == "0\ncannot release un-acquired lock\n200 {1}\n"
    )


def test_the_lock_of_the_lists_can_be_taken_by_name():
    assert (
        printed("""
        lock = threading._active_limbo_lock
        print(lock.acquire(), lock.acquire(False), lock.acquire(blocking=True, timeout=5))
        there = verdigris.get_hub().threadpool
        print(there.apply(lock.acquire, (False,)), there.apply(lock.acquire, (True, 0.001)))
        for _ in range(3):
            lock.release()
        for call in (lock.release, lambda: lock.acquire(False, 1), lambda: lock.acquire(True, -2)):
            try:
                call()
            except (RuntimeError, ValueError) as error:
                print(error)
        print(there.apply(lambda: [lock.acquire(True, 1e300), lock.release()]))
    """)
        == "True True True\nFalse False\n"
        "cannot release un-acquired lock\ncan't specify a timeout for a non-blocking call\n"
        "timeout value must be a non-negative number\n[True, None]\n"
    )


def test_a_thread_that_lost_its_hash_is_no_trouble_to_others():
    assert (
        printed("""
        class Thread(threading.Thread):
            closed = False
            def __hash__(self):
                if self.closed:
                    raise ValueError('closed')
                return id(self)
        odd = Thread()
        odd.closed = True
        threads = [threading.Thread() for _ in range(200)]
        print(set(threads) <= set(threading._dangling))
    """)
        == "True\n"
    )
