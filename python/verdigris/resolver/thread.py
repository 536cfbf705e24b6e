"""The usual resolver: the system's own functions, in native threads.

Lookups of one name that overlap are one: who asks while the same question is being asked waits
for that answer, as old as it may be when it comes. A crowd that connects to one host then takes
one thread, not all of them.
"""

import _socket

from ..hub import get_hub
from . import AbstractResolver

__all__ = ["Resolver"]


class Resolver(AbstractResolver):
    """Asks the C library, and with it /etc/hosts and whatever else the system is set to."""

    def __init__(self, hub=None):
        """The threads are those of `hub`; None is this thread's."""
        self._hub = get_hub() if hub is None else hub
        # What is being asked: (function, arguments, their types) -> AsyncResult.
        self._pending = {}

    def _ask(self, function, *args):
        return self._hub.threadpool.apply_quietly(function, args)

    def _ask_together(self, function, *args):
        """`_ask`, shared with whoever asks the same meanwhile. For answers that are not changed."""
        question = (function, args, tuple(map(type, args)))  # 1 == True, and yet another question
        try:
            answer = self._pending.get(question)
        except TypeError:  # a name in a bytearray
            return self._ask(function, *args)
        if answer is None:
            answer = self._hub.threadpool.spawn_quietly(function, *args)
            if not answer.ready():
                self._pending[question] = answer
                answer.rawlink(lambda _answer: self._pending.pop(question, None))
        return answer.get()

    def gethostbyname(self, hostname, family=None):
        """As `socket.gethostbyname`; `family` is not used."""
        return self._ask_together(_socket.gethostbyname, hostname)

    def gethostbyname_ex(self, hostname, family=None):
        """As `socket.gethostbyname_ex`; `family` is not used."""
        return self._ask(_socket.gethostbyname_ex, hostname)

    def gethostbyaddr(self, ip_address):
        """As `socket.gethostbyaddr`."""
        return self._ask(_socket.gethostbyaddr, ip_address)

    def getaddrinfo(self, host, port, family=0, type=0, proto=0, flags=0):
        """As `socket.getaddrinfo`, with plain numbers in the result."""
        return list(self._ask_together(_socket.getaddrinfo, host, port, family, type, proto, flags))

    def getnameinfo(self, sockaddr, flags):
        """As `socket.getnameinfo`."""
        return self._ask(_socket.getnameinfo, sockaddr, flags)

    def _on_fork(self):
        # In the child nobody will answer what the parent was asking.
        self._pending.clear()
