"""Look up several names at once.

    29_names_at_once.py [NAME ...]

Without names it takes three that every machine knows, so that it needs no network.
"""

import sys

import gevent
from gevent import socket

names = sys.argv[1:] or ["localhost", "127.0.0.1", "127.0.0.2"]

lookups = [gevent.spawn(socket.gethostbyname, name) for name in names]
gevent.joinall(lookups, timeout=2)
for name, lookup in zip(names, lookups, strict=True):
    print(f"{name}: {lookup.value}")
