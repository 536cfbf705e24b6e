"""The names that the system has for threads."""

from programs import output_of


def test_a_thread_that_is_a_greenlet_does_not_rename_the_process():
    assert (
        output_of(
            """
from verdigris import monkey
monkey.patch_all()
import threading
def name():
    with open('/proc/self/comm') as file:
        return file.read()
before, names = name(), []
thread = threading.Thread(target=lambda: names.append(name()), name='a-greenlet')
thread.start()
thread.join()
print(names == [before], name() == before)
"""
        )
        == "True True\n"
    )
