"""`signal_handler`: a function that runs in a greenlet when a signal arrives."""

from .greenlet import Greenlet

__all__ = ["signal_handler"]


class signal_handler:
    """Call `handler(*args, **kwargs)` in a new greenlet whenever `signalnum` arrives.

    Unlike a handler of the `signal` module it may wait. It does not keep the program
    alive by itself.
    """

    #: The class of the greenlet; None is `Greenlet`.
    greenlet_class = None

    def __init__(self, signalnum, handler, *args, **kwargs):
        """Begin at once.

        Raises:
            TypeError: handler cannot be called.
            ValueError: there is no such signal.
        """
        if not callable(handler):
            raise TypeError("signal handler must be callable.")
        from .hub import get_hub

        self.hub = get_hub()
        self.watcher = self.hub.loop.signal(signalnum, ref=False)
        self.handler = handler
        self.args = args
        self.kwargs = kwargs
        self.watcher.start(self._start)

    @property
    def ref(self):
        """Whether waiting for the signal keeps the program alive."""
        return self.watcher.ref

    @ref.setter
    def ref(self, value):
        self.watcher.ref = value

    def cancel(self):
        """Leave the signal to whoever had it before."""
        self.watcher.stop()
        self.watcher.close()

    def handle(self):
        """Call the handler; an error in it is reported as one of the main program."""
        try:
            self.handler(*self.args, **self.kwargs)
        except BaseException as error:
            self.hub.handle_error(None, type(error), error, error.__traceback__)

    def _start(self):
        try:
            (self.greenlet_class or Greenlet)(self.handle).switch()
        except BaseException as error:
            self.hub.handle_error(None, type(error), error, error.__traceback__)
