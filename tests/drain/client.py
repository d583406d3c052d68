"""Clients of HTTP/1.1 that ask until nobody is there any more, and count: client.py PORT [CONNECTIONS].

Each has a connection, asks one thing after the other, and follows `Connection: close`. Prints whole=N, the replies that came to their end;
cut=N, replies that did not; late=N, requests that crossed with the end of a connection that the server had found idle, as HTTP/1.1 cannot exclude:
nobody has begun them.
"""
import asyncio
import sys

GET = "GET {} HTTP/1.1\r\nHost: x\r\n\r\n"
count = {"whole": 0, "cut": 0, "late": 0}


async def read_body(reader, head):
    if "transfer-encoding: chunked" in head:
        total = 0
        while size := int(await reader.readline(), 16):
            total += len(await reader.readexactly(size))
            await reader.readexactly(2)
        await reader.readexactly(2)
        return total
    size = int(head.split("content-length: ")[1].split("\r\n")[0])
    return len(await reader.readexactly(size))


async def ask(reader, writer, number):
    """True when the connection can be used again."""
    kind = ["/quick", "/slow", "/quick", "/stream", "/receive"][number % 5]
    if kind == "/receive":
        writer.write(b"POST /receive HTTP/1.1\r\nHost: x\r\nContent-Length: 8\r\n\r\nhalf")
        await asyncio.sleep(0.01)
        writer.write(b"half")
    else:
        writer.write(GET.format(kind).encode())
    begun = False
    try:
        first = await reader.readexactly(1)
        begun = True
        head = (first + await reader.readuntil(b"\r\n\r\n")).decode().lower()
        size = await read_body(reader, head)
        assert head.startswith("http/1.1 200 ") and size == {"/quick": 5, "/slow": 4, "/stream": 1000000, "/receive": 8}[kind], (head, size)
    except (asyncio.IncompleteReadError, ConnectionError):
        count["cut" if begun else "late"] += 1
        return False
    count["whole"] += 1
    return "connection: close" not in head


async def client(port, number):
    while True:
        try:
            reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=1 << 21)
        except ConnectionError:
            return
        while await ask(reader, writer, number):
            number += 1
        number += 1
        writer.close()


async def main():
    connections = int(sys.argv[2]) if len(sys.argv) > 2 else 32
    await asyncio.gather(*(client(int(sys.argv[1]), i) for i in range(connections)))
    print(*(f"{name}={value}" for name, value in count.items()), sep="\n")


asyncio.run(main())
