"""A chat room for the browser: Flask, served by `verdigris.pywsgi`, with a long poll for every reader.

    python server.py [--port N] [--log]

Each open page costs one greenlet that waits for the next message, so thousands fit in one process. Ctrl-C ends it.
"""

# Patched before anything else is imported, so that all the rest is built from cooperative parts.
from verdigris import monkey

monkey.patch_all()

import argparse
import errno
import os
import signal
import sys

import verdigris
from rooms import Chat
from verdigris.event import Event
from verdigris.pool import Pool
from verdigris.pywsgi import WSGIServer
from web import LONGEST_WAIT, create_app

HOST = "127.0.0.1"
PORT = 8000
PORTS_TO_TRY = 20

# A page polls again as soon as a poll has ended, so one that has not for this long is gone.
IDLE_SECONDS = LONGEST_WAIT
SWEEP_SECONDS = 5
# At the end, answers that are still on their way get this long.
LAST_WORDS_SECONDS = 0.2


def main() -> int:
    """Serve until Ctrl-C; returns the exit status."""
    options = parse_arguments()
    chat = Chat()
    server = start(create_app(chat), options)
    if server is None:
        return 1
    closing = Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        verdigris.signal_handler(number, closing.set)
    verdigris.spawn(sweep, chat)
    print(f"The chat room is open: http://{HOST}:{server.server_port}/   (Ctrl-C closes it)", flush=True)
    closing.wait()
    print("\nThe chat room is closed.", flush=True)
    chat.close()
    server.stop(timeout=LAST_WORDS_SECONDS)
    return 0


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="A chat room for the browser.")
    parser.add_argument("--port", type=port_number, help=f"default: the first free one from {PORT}; 0: any free one")
    parser.add_argument("--log", action="store_true", help="print a line for each request")
    return parser.parse_args()


def port_number(text: str) -> int:
    port = int(text)
    if not 0 <= port <= 65535:
        raise ValueError(text)
    return port


def start(app, options: argparse.Namespace) -> WSGIServer | None:
    """A server on the port asked for, else on the first free one; None, and a word why, if there is none."""
    ports = range(PORT, PORT + PORTS_TO_TRY) if options.port is None else [options.port]
    for port in ports:
        # A pool, for the server to know its connections and to end them when it stops.
        server = WSGIServer((HOST, port), app, spawn=Pool(), log="default" if options.log else None)
        try:
            server.start()
        except OSError as error:
            if error.errno not in (errno.EADDRINUSE, errno.EACCES):
                raise
            reason = os.strerror(error.errno)
        else:
            return server
    which = f"port {ports[0]}" if len(ports) == 1 else f"any port from {ports[0]} to {ports[-1]}"
    print(f"Cannot listen on {which} of {HOST}: {reason}. Choose another with --port.", file=sys.stderr)
    return None


def sweep(chat: Chat) -> None:
    """Again and again, remove those whose page is gone."""
    while True:
        verdigris.sleep(SWEEP_SECONDS)
        chat.remove_idle(IDLE_SECONDS)


if __name__ == "__main__":
    sys.exit(main())
