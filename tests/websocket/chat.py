"""The chat room of examples/http/chat.c as the `websockets` library hears it: chat.py ADDRESS SERVICE-PID"""

import asyncio
import os
import signal
import sys

from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

ADDRESS, SERVICE = sys.argv[1], int(sys.argv[2])


def enter(name, **options):
    return connect(f"ws://{ADDRESS}/chat?name={name}", **options)


async def hears(member, *lines):
    for line in lines:
        heard = await asyncio.wait_for(member.recv(), 60)
        assert heard == line, f"{heard!r} in place of {line!r}"


async def refused(status, name, **options):
    try:
        async with enter(name, **options):
            raise AssertionError(f"{name} was let in")
    except InvalidStatus as e:
        assert e.response.status_code == status, e.response.status_code


async def closed_with(member, code):
    try:
        while True:
            await asyncio.wait_for(member.recv(), 60)
    except ConnectionClosed as e:
        assert e.rcvd and e.rcvd.code == code, e


async def main():
    async with enter("Ada") as ada:
        await hears(ada, "Ada: (is here)")
        async with enter("Grace", origin=f"http://{ADDRESS}") as grace:
            await hears(grace, "Grace: (is here)")
            await grace.send("hello")
            await grace.send(["in ", "frag", "ments: ", "grüße"])
            for member in ada, grace:
                lines = ["Grace: hello", "Grace: in fragments: grüße"]
                await hears(member, *(["Grace: (is here)"] if member is ada else []), *lines)
            assert await asyncio.wait_for(await ada.ping(), 60) >= 0
        await hears(ada, "Grace: (has left)")

        await refused(403, "no%20name")
        await refused(403, "Mallory", origin="https://evil.example")
        async with enter("Verbose") as verbose:
            await verbose.send("x" * 1000)
            await closed_with(verbose, 1009)
        await hears(ada, "Verbose: (is here)", "Verbose: (has left)")

        os.kill(SERVICE, signal.SIGTERM)
        await closed_with(ada, 1012)


asyncio.run(main())
