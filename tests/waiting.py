"""What several tests do with greenlets and sockets."""

import verdigris
from verdigris.event import Event

BIG = 8 << 20  # more than the buffers of a connection hold


def receive_all(sock):
    parts = []
    while part := sock.recv(65536):
        parts.append(part)
    return b"".join(parts)


def run_until_parked(*greenlets):
    """Let the greenlets begin, and go on until they wait."""
    for _ in range(3):
        verdigris.sleep(0)
    assert not any(greenlet.dead for greenlet in greenlets)


def started(function, *args):
    """A greenlet that has run as far as it can."""
    greenlet = verdigris.spawn(function, *args)
    verdigris.sleep(0)
    return greenlet


def in_the_hub(*calls):
    """Makes the calls one after the other, with no greenlet running in between."""
    done = Event()
    loop = verdigris.get_hub().loop
    loop.run_callback(lambda: [call() for call in (*calls, done.set)])
    done.wait()
