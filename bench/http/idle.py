"""How much memory of its own a server needs for a connection that waits: idle.py PORT CONNECTIONS GROUP [BYTES], of the processes in a group.

Each connection has asked one request before, and has sent BYTES of the next one, which is not whole. What the kernel keeps for it is not counted.
Prints bytes."""

import os
import re
import resource
import socket
import sys
import time


def memory(group):
    """Anonymous memory, which is nobody else's."""
    total = 0
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            if os.getpgid(int(pid)) == group:
                with open(f"/proc/{pid}/smaps_rollup", encoding="ascii") as file:
                    total += int(re.search(r"^Pss_Anon: +(\d+)", file.read(), re.M)[1]) * 1024
        except (ProcessLookupError, FileNotFoundError):
            pass
    return total


def ask(connection):
    connection.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
    answer = b""
    while b"Hello, world!\n" not in answer:
        more = connection.recv(4096)
        if not more:
            sys.exit("a connection was closed")
        answer += more


def connect(port, count):
    connections = []
    for _ in range(count):
        connection = socket.create_connection(("127.0.0.1", port), timeout=10)
        ask(connection)
        connections.append(connection)
    return connections


port, count, group = map(int, sys.argv[1:4])
begun = (sys.argv[4] if len(sys.argv) > 4 else "").encode().decode("unicode_escape").encode()
resource.setrlimit(resource.RLIMIT_NOFILE, (resource.getrlimit(resource.RLIMIT_NOFILE)[1],) * 2)
for warm in connect(port, 64):
    warm.close()
time.sleep(1)
before = memory(group)
held = connect(port, count)
for connection in held:
    connection.sendall(begun)
time.sleep(2)
print(round((memory(group) - before) / count))
if not begun:
    for connection in held:  # they were all alive
        ask(connection)
