"""How an error that nobody waits for is printed."""

__all__ = ["print_exception"]


def print_exception(stream, context, kind, value, tb, format_context):
    """Write the traceback, then one line: when, what failed, and with which exception.

    Args:
        stream: a text file; None writes nothing.
        context: what failed; a string is printed as it is, anything else as
            `format_context` says.
        kind, value, tb: as sys.exc_info().
        format_context: a function that turns what failed into words.
    """
    if stream is None:
        return
    # Imported here because they are slow to import, and most programs never come to this.
    import time
    import traceback

    if value is None:
        stream.write(f"{getattr(kind, '__name__', kind)}\n")
    else:
        traceback.print_exception(kind, value, tb, file=stream)
    if context is None:
        return
    now = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    name = getattr(kind, "__name__", "exception")
    stream.write(f"{now} {_describe(context, format_context)} failed with {name}\n\n")


def _describe(context, format_context):
    if isinstance(context, str):
        return context
    try:
        return format_context(context)
    except Exception:
        return f"<{type(context).__name__} at 0x{id(context):x}, whose repr() fails>"
