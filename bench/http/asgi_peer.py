"""The service of ours.c as an ASGI application, without a framework: for uvicorn and granian. The order is a pydantic model."""

from pydantic_order import Order

PIECE = b"x" * 10240
TEXT = [(b"content-type", b"text/plain")]
JSON = [(b"content-type", b"application/json")]


async def reply(send, headers, body, status=200):
    headers = [*headers, (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


async def echo(receive, send):
    body, more = b"", True
    while more:
        event = await receive()
        body += event.get("body", b"")
        more = event.get("more_body", False)
    try:
        await reply(send, JSON, Order.model_validate_json(body).model_dump_json().encode())
    except ValueError as error:
        await reply(send, TEXT, str(error).encode(), 400)


async def stream(send):
    await send({"type": "http.response.start", "status": 200, "headers": TEXT})
    for _ in range(10):
        await send({"type": "http.response.body", "body": PIECE, "more_body": True})
    await send({"type": "http.response.body", "body": b""})


async def app(scope, receive, send):
    if scope["type"] != "http":
        return
    if scope["path"] == "/":
        await reply(send, TEXT, b"Hello, world!\n")
    elif scope["path"] == "/echo":
        await echo(receive, send)
    else:
        await stream(send)
