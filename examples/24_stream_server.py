"""A TCP server: one greenlet for each connection, written as if it were alone in the world.

Fifty clients come at once. The server greets each and counts to five for it, with a pause between the numbers, so all
fifty conversations go on at the same time.
"""

import gevent
from gevent import socket
from gevent.server import StreamServer

CLIENTS = 50
EXPECTED = "Hello!\n1\n2\n3\n4\n5\nBye.\n"


def handle(connection, _address):
    connection.sendall(b"Hello!\n")
    for number in range(1, 6):
        connection.sendall(f"{number}\n".encode())
        gevent.sleep(0.01)
    connection.sendall(b"Bye.\n")
    connection.close()


def client(address):
    with socket.create_connection(address) as connection, connection.makefile() as text:
        return text.read()


server = StreamServer(("127.0.0.1", 0), handle)
server.start()
serving = gevent.spawn(server.serve_forever)

clients = [gevent.spawn(client, server.address) for _ in range(CLIENTS)]
gevent.joinall(clients, raise_error=True)
complete = sum(greenlet.value == EXPECTED for greenlet in clients)
print(clients[0].value, end="")
print(f"{complete} of {CLIENTS} clients got the whole text")

server.stop()
serving.join()
print("served")
