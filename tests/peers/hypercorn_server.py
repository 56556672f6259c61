"""The echo server of websockets_server.py, by Hypercorn: WebSockets over HTTP/2 (RFC 8441) as well as over HTTP/1.

    hypercorn_server.py [CERT KEY]

An ASGI program is not told about extensions, PINGs and fragments: "ping" and "pieces" are no orders here; nor is it told,
by Hypercorn, what the CLOSE said. "open" says the version of HTTP behind the subprotocol.
"""

import asyncio
import socket
import sys

from hypercorn.asyncio import serve
from hypercorn.config import Config

pair = sys.argv[1:]


def say(*words):
    print(*words, flush=True)


async def program(scope, receive, send):
    if scope["type"] != "websocket":
        return
    await receive()
    chosen = next((name for name in ["chat", "superchat"] if name in scope["subprotocols"]), None)
    await send({"type": "websocket.accept", "subprotocol": chosen})
    say("open", scope["path"], chosen or "-", scope["http_version"])
    while True:
        event = await receive()
        if event["type"] == "websocket.disconnect":
            say("closed")
            return
        text, data = event.get("text"), event.get("bytes")
        order, _, rest = (text or "").partition(" ")
        if order == "close":
            code, _, reason = rest.partition(" ")
            await send({"type": "websocket.close", "code": int(code), "reason": reason})
        elif order == "send":
            await send({"type": "websocket.send", "bytes": bytes(n % 251 for n in range(int(rest)))})
        else:
            await send({"type": "websocket.send", "text": text, "bytes": data})


async def main():
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    listener.listen()
    config = Config()
    config.bind = [f"fd://{listener.fileno()}"]
    config.websocket_max_message_size = 64 << 20
    config.loglevel = "WARNING"
    if pair:
        config.certfile, config.keyfile = pair
    say("listening on", listener.getsockname()[1])
    await serve(program, config, shutdown_trigger=lambda: asyncio.to_thread(sys.stdin.read))


asyncio.run(main())
