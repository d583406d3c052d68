"""FastStream, with the arguments and the two figures of figures.h.

Everything is FastStream's default, but what it takes to be quick at this: prefetch and fetch sizes as the other programs have them.
"""

import asyncio
import os
import resource
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable

MODE, URL, NAME, COUNT = sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4])
AT_ONCE = int(sys.argv[5]) if len(sys.argv) > 5 else 1
BODY = b"x" * 128
STREAM = MODE.startswith("stream-")  # JetStream


class Measurement:
    def cpu(self) -> float:
        used = resource.getrusage(resource.RUSAGE_SELF)
        return used.ru_utime + used.ru_stime

    began_cpu = 0.0

    def prepare(self) -> None:
        self.began_cpu = self.cpu()

    def begin(self) -> None:
        self.began = time.monotonic()
        self.began_cpu = self.began_cpu or self.cpu()

    def end(self) -> None:
        wall, cpu = time.monotonic() - self.began, self.cpu() - self.began_cpu
        print(f"{COUNT / wall:.1f} {cpu * 1e6 / COUNT:.3f}", flush=True)


measured = Measurement()
seen = 0
finished = asyncio.Event()


def look(body: bytes) -> None:
    global seen
    if seen == 0:
        measured.begin()
    if body != BODY:
        raise ValueError("a message that nobody sent")
    seen += 1
    if seen == COUNT:
        measured.end()
        finished.set()


# ---------------------------------------------------------------- for each broker: (broker, how to subscribe, how to publish, how to ask)


async def redis_peer():
    from faststream.redis import RedisBroker, StreamSub

    broker = RedisBroker(URL, logger=None)
    await broker.connect()
    await broker._connection.xgroup_create(NAME, "bench", id="0", mkstream=True)  # its own would begin with what comes afterwards
    subscriber = broker.subscriber(stream=StreamSub(NAME, group="bench", consumer="me", max_records=100))
    return broker, subscriber, lambda: broker.publish(BODY, stream=NAME), lambda: broker.request(BODY, stream=NAME, timeout=30)


async def nats_peer():
    from faststream.nats import JStream, NatsBroker, PullSub

    broker = NatsBroker(URL, logger=None, pending_size=64 << 20)
    if not STREAM:
        subscriber = broker.subscriber(NAME, pending_msgs_limit=-1, pending_bytes_limit=-1)
        return broker, subscriber, lambda: broker.publish(BODY, NAME), lambda: broker.request(BODY, NAME, timeout=30)
    stream = JStream(NAME, subjects=[NAME])
    subscriber = broker.subscriber(NAME, stream=stream, durable="bench", pull_sub=PullSub(batch_size=256))
    return broker, subscriber, lambda: broker.publish(BODY, NAME, stream=NAME), None


async def rabbitmq_peer():
    from faststream.rabbit import Channel, RabbitBroker, RabbitQueue

    broker = RabbitBroker(URL, logger=None, default_channel=Channel(prefetch_count=256))
    queue = RabbitQueue(NAME, durable=True)
    await broker.connect()
    await broker.declare_queue(queue)
    return (
        broker,
        broker.subscriber(queue),
        lambda: broker.publish(BODY, queue=NAME, persist=True),
        lambda: broker.request(BODY, queue=NAME, timeout=30),
    )


async def kafka_peer():
    from faststream.kafka import KafkaBroker

    broker = KafkaBroker(URL.removeprefix("kafka://"), acks="all", linger_ms=5, logger=None)
    subscriber = broker.subscriber(NAME, group_id=NAME, auto_offset_reset="earliest")
    return broker, subscriber, lambda: broker.publish(BODY, NAME), None


async def repeat(at_once: int, once: Callable[[], Awaitable[object]]) -> None:
    left = COUNT

    async def work() -> None:
        nonlocal left
        while left > 0:
            left -= 1
            await once()

    await asyncio.gather(*(work() for _ in range(min(at_once, COUNT))))


async def main() -> None:
    peers = {"redis": redis_peer, "nats": nats_peer, "amqp": rabbitmq_peer, "kafka": kafka_peer}
    broker, subscriber, publish, request = await peers[URL.partition(":")[0]]()
    await broker.connect()
    if MODE == "consume" and URL.startswith("nats:"):

        @subscriber
        async def take(body: bytes) -> None:
            look(body)

        measured.prepare()
        await broker.start()
        flood = subprocess.Popen(os.environ["AEON_BENCH_FLOOD"], shell=True)
        await finished.wait()
        flood.wait()
    elif MODE.endswith("consume"):

        @subscriber
        async def take(body: bytes) -> None:
            look(body)

        if STREAM:  # it is made by start()
            await broker._connection.jetstream().add_stream(name=NAME, subjects=[NAME])
        await repeat(64, publish)
        measured.prepare()
        await broker.start()
        await finished.wait()
    elif MODE.endswith("publish"):
        if STREAM:
            await broker._connection.jetstream().add_stream(name=NAME, subjects=[NAME])
        await publish()  # connects what is connected late
        measured.begin()
        await repeat(AT_ONCE, publish)
        if URL.startswith("nats:"):
            await broker._connection.flush()  # they were only put into a buffer
        measured.end()
    elif MODE == "request":

        @subscriber
        async def echo(body: bytes) -> bytes:
            return body

        await broker.start()
        await request()
        measured.begin()
        await repeat(AT_ONCE, request)
        measured.end()
    else:
        raise SystemExit(f"no mode {MODE}")
    await broker.stop()


asyncio.run(main())
