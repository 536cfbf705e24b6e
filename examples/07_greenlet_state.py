"""What a greenlet tells of itself, when all went well and when it did not.

An error ends its own greenlet and no other. It is reported on stderr with the name of the greenlet; `joinall` does not
raise it, `get` does.
"""

import gevent


def win():
    return "You win!"


def fail():
    raise ValueError("You fail at failing.")


def show(name, greenlet):
    print(f"{name}: started={bool(greenlet.started)} ready={greenlet.ready()} successful={greenlet.successful()}")
    print(f"{name}: value={greenlet.value!r} exception={greenlet.exception!r}")


winner = gevent.spawn(win)
loser = gevent.spawn(fail)
loser.name = "the-loser"
print(f"before: started={winner.started} ready={winner.ready()}")

gevent.joinall([winner, loser])
print("joinall did not raise")

show("winner", winner)
show("loser", loser)

print("winner.get():", winner.get())
try:
    loser.get()
except ValueError as error:
    print("loser.get() raised:", error)
