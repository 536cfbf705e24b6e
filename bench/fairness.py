"""How long a ready socket waits behind a run queue that never empties, with each implementation.

    chrt -r 5 python3 bench/fairness.py --python /path/to/python3.13 --impl gevent,verdigris

A process sends a message with the time of its sending, waits for the answer and a moment, and so on. In another
process a greenlet receives them, while many others do nothing but `sleep(0)`, or compute for a moment between. What is
printed is the time from sending to receiving, the system calls of both sides included, for the median message, for all
but one in a hundred, and for the unluckiest.

`--python` has gevent installed; verdigris is found there or on PYTHONPATH. The CPUs of receiver and sender are
`--cpus`. With `chrt` both processes have their CPUs to themselves, since what else the machine does would count as
waiting; but for a twentieth of each second, which the kernel keeps for others, and which is what the maximum shows.
"""

import argparse
import json
import os
import random
import socket
import subprocess
import sys
import time

MODULES = {"gevent": "gevent", "verdigris": "verdigris"}
STAMP = 8  # bytes


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--python", default=sys.executable, help="the interpreter that runs the implementations")
    parser.add_argument("--impl", default="gevent,verdigris", help="which, with commas")
    parser.add_argument("--greenlets", type=int, default=10_000, help="how many are busy")
    parser.add_argument("--messages", type=int, default=2_000, help="how many are sent")
    parser.add_argument(
        "--work", default="0,100", help="microseconds that each computes before it sleeps; each is a row"
    )
    parser.add_argument("--cpus", default="0,1", help="of the receiver and of the sender")
    parser.add_argument("--receive", nargs=3, metavar=("IMPL", "FD", "WORK"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.receive:
        module, fd, work = options.receive
        return receive(module, int(fd), float(work) / 1e6, options.greenlets, options.messages)
    print(f"{options.greenlets} busy greenlets, {options.messages} messages; the wait of a ready socket in ms\n")
    print("| each computes | implementation | p50 | p99 | max | turns of the others |\n|---|---|---|---|---|---|")
    for work in options.work.split(","):
        for name in options.impl.split(","):
            waits, turns = measure(options, MODULES[name], work)
            figures = " | ".join(f"{at(waits, share):.3f}" for share in (0.5, 0.99, 1))
            print(f"| {work} µs | {name} | {figures} | {turns:,} |", flush=True)
    return 0


def measure(options, module, work):
    """The waits in ms, sorted, and how often the others had a turn."""
    receiver_cpu, sender_cpu = (int(cpu) for cpu in options.cpus.split(","))
    here, there = socket.socketpair()
    command = [options.python, __file__, "--receive", module, str(there.fileno()), work]
    command += ["--greenlets", str(options.greenlets), "--messages", str(options.messages)]
    receiver = subprocess.Popen(
        command,
        pass_fds=[there.fileno()],
        stdout=subprocess.PIPE,
        preexec_fn=lambda: os.sched_setaffinity(0, {receiver_cpu}),
    )
    there.close()
    os.sched_setaffinity(0, {sender_cpu})
    for _ in range(options.messages):
        here.recv(1)
        time.sleep(random.random() * 2e-3)
        here.sendall(time.monotonic_ns().to_bytes(STAMP, "big"))
    waits, turns = json.loads(receiver.communicate()[0])
    return [wait / 1e6 for wait in sorted(waits)], turns


def at(waits, share):
    """The wait that this share of the messages does not exceed."""
    return waits[min(int(len(waits) * share), len(waits) - 1)]


def receive(module, fd, work, greenlets, messages):
    """The other process: be busy, and say how long each message was on its way."""
    gevent = __import__(module)
    sockets = __import__(f"{module}.socket", fromlist=["socket"])
    turns = 0

    def busy():
        nonlocal turns
        while True:
            turns += 1
            if work:
                end = time.perf_counter() + work
                while time.perf_counter() < end:
                    pass
            gevent.sleep(0)

    others = [gevent.spawn(busy) for _ in range(greenlets)]
    gevent.sleep(0)
    connection = sockets.socket(fileno=fd)
    waits = []
    for _ in range(messages):
        connection.send(b"!")
        sent = int.from_bytes(connection.recv(STAMP), "big")
        waits.append(time.monotonic_ns() - sent)
    print(json.dumps((waits, turns)))
    gevent.killall(others, block=False)
    return 0


if __name__ == "__main__":
    sys.exit(main())
