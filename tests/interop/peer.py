"""The other side of the interop tests: FastStream or Propan, whichever this interpreter has.

    peer.py URL KIND serve NAME            print each message, one JSON object a line; answer {"result": x * 42}
    peer.py URL KIND publish NAME BODY     one message with the header tenant: Müller
    peer.py URL KIND ask NAME BODY         print the answer

KIND: of a destination where a broker has several: stream, list, channel (Redis), core, jetstream (NATS); "-" elsewhere.
"""

import asyncio
import json
import sys

url, kind, command, name = sys.argv[1:5]
body = json.loads(sys.argv[5]) if len(sys.argv) > 5 else None
scheme = url.split(":")[0]
headers = {"tenant": "Müller"}

try:
    import faststream
except ImportError:
    faststream = None
    import propan


def text(value):
    return value.decode() if isinstance(value, bytes) else str(value)


def show(message, raw):
    heads = {text(k): text(v) for k, v in dict(getattr(raw, "headers", None) or {}).items()}
    print(json.dumps({"body": message, "tenant": heads.get("tenant", "")}, ensure_ascii=False), flush=True)


# ------------------------------------------------------------------ FastStream


def faststream_parts():
    """The broker, and the keywords of subscribing, publishing and asking."""
    if scheme == "redis":
        from faststream.redis import RedisBroker, StreamSub

        sub = {"stream": StreamSub(name, group="peer", consumer="peer1", last_id=">")} if kind == "stream" else {kind: name}
        return RedisBroker(url), sub, {kind: name}
    if scheme == "nats":
        from faststream.nats import JStream, NatsBroker

        if kind == "jetstream":
            stream = JStream(name.replace(".", "_"), declare=True)
            return NatsBroker(url), {"subject": name, "stream": stream, "deliver_policy": "all"}, {"subject": name, "stream": stream.name}
        return NatsBroker(url), {"subject": name}, {"subject": name}
    if scheme == "amqp":
        from faststream.rabbit import RabbitBroker, RabbitQueue

        queue = RabbitQueue(name, durable=True)
        return RabbitBroker(url), {"queue": queue}, {"queue": name}
    from faststream.kafka import KafkaBroker

    topics = ((name,), {"auto_offset_reset": "earliest", "group_id": "peer"})
    return KafkaBroker(url.split("://")[1].split("?")[0]), topics, {"topic": name}


def subscription(broker, keywords):
    if isinstance(keywords, tuple):
        return broker.subscriber(*keywords[0], **keywords[1])
    return broker.subscriber(**keywords)


async def run_faststream():
    broker, sub, pub = faststream_parts()
    if command == "serve":
        from faststream import Context

        message_context = Context("message")

        @subscription(broker, sub)
        async def handle(message: dict, raw=message_context):
            show(message, raw)
            return {"result": message.get("x", 0) * 42}

        await broker.start()
        print("ready", flush=True)
        await asyncio.sleep(3600)
    await broker.connect()
    await broker.start()
    if command == "publish":
        await broker.publish(body, headers=headers, **pub)
    else:
        answer = await broker.request(body, timeout=20, **pub)
        print(json.dumps(await answer.decode()), flush=True)
    await broker.stop()


# ------------------------------------------------------------------ Propan


def propan_parts():
    if scheme == "redis":
        return propan.RedisBroker(url), {"list" if kind == "list" else "channel": name}
    if scheme == "nats":
        return propan.NatsBroker(url), {"subject": name}
    if scheme == "amqp":
        from propan.brokers.rabbit import RabbitQueue

        return propan.RabbitBroker(url), {"queue": RabbitQueue(name, durable=True)}
    return propan.KafkaBroker(url.split("://")[1].split("?")[0]), {"topic": name}


async def run_propan():
    broker, where = propan_parts()
    if command == "serve":
        keywords = {"auto_offset_reset": "earliest", "group_id": "peer"} if scheme == "kafka" else where
        topics = [name] if scheme == "kafka" else []

        @broker.handle(*topics, **keywords)
        async def handle(message: dict, raw=propan.Context("message")):
            show(message, raw)
            return {"result": message.get("x", 0) * 42}

        await broker.start()
        print("ready", flush=True)
        await asyncio.sleep(3600)
    await broker.start()
    if command == "publish":
        await broker.publish(body, headers=headers, **where)
    else:
        answer = await broker.publish(body, callback=True, callback_timeout=20, raise_timeout=True, **where)
        print(json.dumps(answer), flush=True)
    await broker.close()


asyncio.run(run_faststream() if faststream else run_propan())
