"""The old name of `verdigris.pywsgi`, which tutorials still use."""

from .pywsgi import WSGIHandler, WSGIServer

__all__ = ["WSGIHandler", "WSGIServer"]
