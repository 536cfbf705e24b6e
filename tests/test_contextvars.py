"""`verdigris.contextvars`: contexts belong to greenlets."""

import verdigris
from verdigris import contextvars

VARIABLE = contextvars.ContextVar("VARIABLE", default="unset")


def test_a_greenlet_begins_with_an_empty_context():
    def change():
        seen.append(VARIABLE.get())
        VARIABLE.set("inner")
        verdigris.sleep(0)
        seen.append(VARIABLE.get())

    seen = []
    token = VARIABLE.set("outer")
    greenlet = verdigris.spawn(change)
    verdigris.sleep(0)
    seen.append(VARIABLE.get())
    greenlet.join()
    assert seen == ["unset", "outer", "inner"]
    VARIABLE.reset(token)
    assert VARIABLE.get() == "unset"


def test_a_greenlet_may_be_run_in_a_copy():
    token = VARIABLE.set("kept")
    context = contextvars.copy_context()
    VARIABLE.reset(token)
    greenlet = verdigris.spawn(context.run, VARIABLE.get)
    assert greenlet.get() == "kept" and VARIABLE.get() == "unset"


def test_a_context_stays_with_the_greenlet_that_waits_in_it():
    def wait_in_it():
        VARIABLE.set("in the context")
        verdigris.sleep(0)
        return VARIABLE.get()

    one, two = (verdigris.spawn(contextvars.Context().run, wait_in_it) for _ in range(2))
    verdigris.joinall([one, two])
    assert one.value == two.value == "in the context" and VARIABLE.get() == "unset"
