"""A WSGI application that yields its answer in two pieces; the server sends each as a chunk as soon as it is there.

The program is its own client, and reads the answer as plain bytes to show the chunks.
"""

from gevent import socket
from gevent.pywsgi import WSGIServer


def application(_environ, start_response):
    start_response("200 OK", [("Content-Type", "text/html")])
    yield b"<p>Hello"
    yield b"World</p>"


def fetch(address):
    with socket.create_connection(address) as connection:
        connection.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        with connection.makefile("rb") as answer:
            return answer.read().decode()


server = WSGIServer(("127.0.0.1", 0), application, log=None)
server.start()
print(fetch(server.address))
server.stop()
