"""What TCP, UDP and WSGI servers share: a listener, when to accept, and what a client gets.

The listener is watched by the hub, and accepting happens there, up to `max_accept` clients
in a row. A server stops watching when its pool is full and begins again when a greenlet
of the pool ends; likewise for a growing while after an error, so that a process without
file descriptors neither spins nor forgets its clients, who stay in the kernel's queue.
"""

import errno
import sys
from time import monotonic

from ._listener import Intake, parse_address
from .event import Event
from .greenlet import Greenlet
from .hub import get_hub
from .pool import Pool

__all__ = ["BaseServer"]


class BaseServer:
    """A server without a protocol: see `StreamServer` and `DatagramServer`.

    Class attributes, which may be set on an instance too:
        min_delay, max_delay: seconds of pause after an error, doubled from one to the other.
        max_accept: how many clients are accepted before other greenlets run.
        stop_timeout: seconds that `stop` gives to the greenlets of the pool.
        fatal_errors: numbers of the errors that end the server.
    """

    min_delay = 0.01
    max_delay = 1
    max_accept = 100
    stop_timeout = 1
    fatal_errors = (errno.EBADF, errno.EINVAL, errno.ENOTSOCK)

    def __init__(self, listener, handle=None, spawn="default"):
        """
        Args:
            listener: a bound and listening socket; or where to listen: (host, port), a port,
                'host:port', '[ipv6]:port' or ':port'. An empty host is every address,
                IPv6 and IPv4; with ':port' IPv4 only.
            handle: what to call for each client. A subclass may have it as a method instead.
            spawn: how to call it: 'default', each in a new Greenlet; a number, in a pool
                of this size; a Pool, a Group or anything with a `spawn` method; a function
                such as `spawn_raw`; None, in the hub itself, where it must not block.

        Raises:
            TypeError: the listener or handle is not one of these.
            ValueError: the address cannot be parsed, or max_accept is below 1.
        """
        self._stop_event = Event()
        self._stop_event.set()
        self._intake = None
        self._watcher = None
        self._timer = None
        self._handle = None
        self._complained = -COMPLAIN_EVERY
        self.pool = None
        self.delay = self.min_delay
        self.set_listener(listener)
        try:
            self.set_spawn(spawn)
            self.set_handle(handle)
            if self.max_accept < 1:
                raise ValueError(f"max_accept must be positive: {self.max_accept!r}")
        except BaseException:
            self.close()
            raise

    def __repr__(self):
        return f"<{type(self).__name__} at 0x{id(self):x} {self._describe()}>"

    def __str__(self):
        return f"<{type(self).__name__} {self._describe()}>"

    def _describe(self):
        fileno = self.socket.fileno() if hasattr(self, "socket") else None
        handle = getattr(self, "handle", None)
        if getattr(handle, "__self__", None) is self:
            # Its repr has ours in it.
            handle = f"<bound method {type(self).__name__}.{handle.__name__} of self>"
        return f"fileno={fileno} address={getattr(self, 'address', None)} handle={handle}"

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *error):
        self.stop()

    # What it is made of

    def set_listener(self, listener):
        """Listen on a socket or address, as the constructor's argument."""
        if hasattr(listener, "accept"):
            if hasattr(listener, "do_handshake"):
                raise TypeError(f"expected a plain socket, not one with TLS: {listener!r}")
            self.family = listener.family
            self.address = listener.getsockname()
            self.socket = listener
        else:
            self.family, self.address = parse_address(listener)

    def set_spawn(self, spawn):
        """Choose how handlers run, as the constructor's argument."""
        self.pool = None
        if spawn == "default":
            self._spawn = Greenlet.spawn
        elif hasattr(spawn, "spawn"):
            self.pool = spawn
        elif isinstance(spawn, int) and not isinstance(spawn, bool):
            self.pool = Pool(spawn)
        elif spawn is None or callable(spawn):
            self._spawn = spawn
        else:
            raise TypeError(f"spawn must be a pool, a number, a function or None: {spawn!r}")
        if self.pool is not None:
            self._spawn = self.pool.spawn
            if hasattr(self.pool, "full"):
                self.full = self.pool.full

    def set_handle(self, handle):
        """Choose the handler, as the constructor's argument."""
        if handle is not None:
            self.handle = handle
        if not hasattr(self, "handle"):
            raise TypeError("'handle' must be given")
        self._handle = self.handle

    # For subclasses

    def init_socket(self):
        """Make `self.socket` if there is none yet: bind and listen."""

    def do_read(self):
        """Accept one client without blocking: the handler's arguments, or None if nobody is
        there."""
        raise NotImplementedError

    def do_close(self, *args):
        """Let go of what `do_read` returned; the handler has ended."""

    def do_handle(self, *args):
        """Have the handler called with what `do_read` returned, and `do_close` after it."""
        try:
            if self._spawn is None:
                self._handle_and_close(*args)
            else:
                self._spawn(self._handle_and_close, *args)
        except BaseException:
            self.do_close(*args)
            raise

    def _handle_and_close(self, *args):
        try:
            return self._handle(*args)
        finally:
            self.do_close(*args)

    def is_fatal_error(self, ex):
        """Whether the error of an accept means that the listener is of no more use."""
        return isinstance(ex, OSError) and ex.errno in self.fatal_errors

    def full(self):
        """Whether no more clients can be served just now: when the pool is full."""
        return False

    # Accepting

    def start_accepting(self):
        """Watch the listener. `start` does it."""
        self._drop_timer()
        if self._intake is None:
            self._intake = Intake(self.socket)
        if self._watcher is None:
            self._watcher = get_hub().loop.io(self.socket.fileno(), READ)
            self._watcher.start(self._do_read)

    def stop_accepting(self):
        """Watch the listener no more; those who connect wait until `start_accepting`."""
        self._drop_timer()
        if self._watcher is not None:
            self._watcher.stop()
            self._watcher.close()
            self._watcher = None

    def _drop_timer(self):
        if self._timer is not None:
            self._timer.stop()
            self._timer.close()
            self._timer = None

    def _start_accepting_if_started(self, _source=None):
        if self.started:
            self.start_accepting()

    def _do_read(self):
        for _ in range(self.max_accept):
            if self.full():
                self._accept_when_not_full()
                return
            try:
                args = self.do_read()
                self.delay = self.min_delay
                if not args:
                    return
            except BaseException as error:
                self._on_accept_error(error)
                return
            try:
                self.do_handle(*args)
            except BaseException as error:
                get_hub().handle_error((args[1:], self), type(error), error, error.__traceback__)
                self._pause()
                return
            if self._watcher is None:
                return

    def _accept_when_not_full(self):
        self.stop_accepting()
        semaphore = getattr(self.pool, "_semaphore", None)
        if semaphore is not None:
            semaphore.rawlink(self._start_accepting_once)
        else:
            self._pause()

    def _start_accepting_once(self, semaphore):
        semaphore.unlink(self._start_accepting_once)
        self._start_accepting_if_started()

    def _on_accept_error(self, error):
        if getattr(error, "errno", None) in OUT_OF_RESOURCES:
            self._complain(error)
        else:
            get_hub().handle_error(self, type(error), error, error.__traceback__)
            if self.is_fatal_error(error):
                self.close()
                sys.stderr.write(f"ERROR: {self} failed with {error}\n")
                return
        self._pause()

    def _complain(self, error):
        now = monotonic()
        if now - self._complained >= COMPLAIN_EVERY:
            self._complained = now
            sys.stderr.write(f"WARNING: {self} cannot accept: {error}; clients have to wait\n")

    def _pause(self):
        """Stop accepting, for a time that doubles from one error to the next."""
        if self.delay < 0 or not self.started:
            return
        self.stop_accepting()
        self._timer = get_hub().loop.timer(self.delay)
        self._timer.start(self._start_accepting_if_started)
        self.delay = min(self.max_delay, self.delay * 2)

    # Its life

    def start(self):
        """Listen and begin to accept; returns at once. Starting it again does nothing.

        Raises:
            OSError: it cannot listen at that address.
        """
        if self.started:
            return
        self.init_socket()
        self._stop_event.clear()
        try:
            self.start_accepting()
        except BaseException:
            self.close()
            raise

    def close(self):
        """Close the listener, and let handlers that are running go on."""
        self._stop_event.set()
        self.stop_accepting()
        if self._intake is not None:
            self._intake.close()
            self._intake = None
        if hasattr(self, "socket"):
            self.socket.close()
        # Any of these may lead back to the server: leave no cycle to the collector.
        for name in ("socket", "handle", "_handle", "_spawn", "full"):
            self.__dict__.pop(name, None)

    @property
    def closed(self):
        """Whether there is no listening socket: it was closed, or not started yet."""
        return not hasattr(self, "socket")

    def stop(self, timeout=None):
        """`close`, then wait for the handlers in the pool.

        Args:
            timeout: seconds until those that are left are killed; None is `stop_timeout`.
                Without a pool, handlers are not known, and neither waited for nor killed.
        """
        self.close()
        if self.pool is not None:
            self.pool.join(timeout=self.stop_timeout if timeout is None else timeout)
            self.pool.kill(block=True, timeout=1)

    def serve_forever(self, stop_timeout=None):
        """`start`, unless started, and wait until somebody calls `stop` or `close`.

        An exception in the waiting greenlet, such as KeyboardInterrupt, stops the server too.
        """
        if not self.started:
            self.start()
        try:
            self._stop_event.wait()
        finally:
            # In a greenlet: this one may be the main one, dying of an exception.
            Greenlet.spawn(self.stop, timeout=stop_timeout).join()

    @property
    def started(self):
        """Whether it was started and not stopped."""
        return not self._stop_event.is_set()

    @property
    def server_host(self):
        """The address that it listens on; None if it is not a (host, port)."""
        return self.address[0] if isinstance(self.address, tuple) else None

    @property
    def server_port(self):
        """The port that it listens on, known once it was started; None if it has none."""
        return self.address[1] if isinstance(self.address, tuple) else None


READ = 1
# Errors of accept that pass, when somebody closes something. Clients stay in the queue.
OUT_OF_RESOURCES = (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM)
COMPLAIN_EVERY = 60
