"""`Waiter`: the cell in which one greenlet waits and the hub puts a value or an error."""

from ._core import ConcurrentObjectUseError, getcurrent

__all__ = ["Waiter"]

_PENDING = object()


class Waiter:
    """A way for one greenlet to wait for one call of `switch` or `throw` from the hub.

    If that call comes first, it is kept for `get`. For most uses `AsyncResult` is better:
    it may be used from anywhere and by many.
    """

    __slots__ = ("__weakref__", "_exception", "greenlet", "hub", "value")

    def __init__(self, hub=None):
        if hub is None:
            from .hub import get_hub

            hub = get_hub()
        self.hub = hub
        self.clear()

    def clear(self):
        """Forget the value, to be used once more."""
        self.greenlet = None
        self.value = None
        self._exception = _PENDING

    def __str__(self):
        if self._exception is _PENDING:
            return f"<{type(self).__name__} greenlet={self.greenlet}>"
        if self._exception is None:
            return f"<{type(self).__name__} greenlet={self.greenlet} value={self.value!r}>"
        return f"<{type(self).__name__} greenlet={self.greenlet} exc_info={self.exc_info}>"

    def ready(self):
        """Whether it holds a value or an error."""
        return self._exception is not _PENDING

    def successful(self):
        """Whether it holds a value."""
        return self._exception is None

    @property
    def exc_info(self):
        """The arguments of `throw`, or None."""
        return None if self._exception is _PENDING else self._exception

    def switch(self, value):
        """Give the waiting greenlet `value`, at once; or keep it, if nobody waits yet.

        Raises:
            AssertionError: somebody waits, and this is not called in the hub.
        """
        if self.greenlet is None:
            self.value = value
            self._exception = None
            return
        self._check_in_hub("switch")
        try:
            self.greenlet.switch(value)
        except BaseException as error:
            self.hub.handle_error(self.greenlet, type(error), error, error.__traceback__)

    def switch_args(self, *args):
        """`switch` with the tuple of the arguments."""
        self.switch(args)

    def throw(self, *throw_args):
        """Raise an exception in the waiting greenlet; or keep it, if nobody waits yet.

        Raises:
            AssertionError: somebody waits, and this is not called in the hub.
        """
        if self.greenlet is None:
            self._exception = throw_args
            return
        self._check_in_hub("throw")
        try:
            self.greenlet.throw(*throw_args)
        except BaseException as error:
            self.hub.handle_error(self.greenlet, type(error), error, error.__traceback__)

    def get(self):
        """Wait for the value, and return it; or have the error raised.

        Raises:
            ConcurrentObjectUseError: another greenlet is waiting already.
        """
        if self._exception is None:
            return self.value
        if self._exception is not _PENDING:
            return getcurrent().throw(*self._exception)
        if self.greenlet is not None:
            raise ConcurrentObjectUseError(f"This Waiter is already used by {self.greenlet!r}")
        self.greenlet = getcurrent()
        try:
            return self.hub.switch()
        finally:
            self.greenlet = None

    def __call__(self, source):
        """As a link of an event or greenlet: take its value or error."""
        if source.exception is None:
            self.switch(source.value)
        else:
            self.throw(source.exception)

    def _check_in_hub(self, method):
        if getcurrent() is not self.hub:
            raise AssertionError(f"Can only use Waiter.{method} method from the Hub greenlet")
