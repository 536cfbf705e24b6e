"""WSGI environs that do not tell what is in them."""

__all__ = ["Environ", "SecureEnviron", "WSGISecureEnviron"]


class Environ(dict):
    """A base for environs of one's own: `WSGIServer.environ_class`.

    Copies are of the same class; a pickle is a plain dict.
    """

    __slots__ = ()

    def copy(self):
        """A copy of the same class."""
        return type(self)(self)

    def iteritems(self):
        """The items; the old name."""
        return self.items()

    def __reduce_ex__(self, protocol):
        return dict, (), None, None, iter(self.items())


class SecureEnviron(Environ):
    """An environ whose repr hides its values, lest passwords and cookies get into logs.

    Attributes, which may be set on an instance; their defaults are attributes of the class,
    with `default_` before the name:
        secure_repr: whether anything is hidden (True).
        whitelist_keys: keys whose values are shown (none).
        print_masked_keys: whether the other keys are shown, without their values (True).
    """

    __slots__ = ("print_masked_keys", "secure_repr", "whitelist_keys")

    default_secure_repr = True
    default_whitelist_keys: tuple[str, ...] = ()
    default_print_masked_keys = True

    def __getattr__(self, name):
        # Only reached for a slot that is not set.
        if name in SecureEnviron.__slots__:
            return getattr(type(self), "default_" + name)
        raise AttributeError(name)

    def __repr__(self):
        if not self.secure_repr:
            return super().__repr__()
        shown = self.whitelist_keys
        if not shown:
            return f"<pywsgi.SecureEnviron dict (keys: {len(self)}) at {id(self)}>"
        if self.print_masked_keys:
            return repr({key: value if key in shown else "<MASKED>" for key, value in self.items()})
        open_items = {key: value for key, value in self.items() if key in shown}
        hidden = len(self) - len(open_items)
        text = repr(open_items)
        return f"{text[:-1]}, (hidden keys: {hidden})}}" if hidden else text

    __str__ = __repr__


class WSGISecureEnviron(SecureEnviron):
    """Shows who asked for which host, and not even the names of the rest."""

    default_whitelist_keys = ("REMOTE_ADDR", "REMOTE_PORT", "HTTP_HOST")
    default_print_masked_keys = False
