"""An error that nobody catches ends its greenlet, is reported on stderr, and harms nobody else."""

import gevent


def divide():
    return 1 / 0


careless = gevent.spawn(divide)
careful = gevent.spawn(lambda: "still here")
gevent.joinall([careless, careful])
print("the other one:", careful.value)
print("kept for whoever asks:", repr(careless.exception))
