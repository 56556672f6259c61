"""Echo servers of the Python package websockets, for clients that are tested.

    websockets_server.py threads|asyncio [CERT KEY]

What a client says comes back, but "close CODE TEXT" and "ping TEXT" are done, "pieces" is answered by a message in
fragments, and "send BYTES" by so many. Stdout: "listening on PORT", "open PATH SUBPROTOCOL EXTENSIONS", "pong TEXT",
"closed CODE TEXT". Ends with stdin.
"""

import asyncio
import contextlib
import ssl
import sys
import threading

from websockets.asyncio.server import serve as serve_async
from websockets.exceptions import ConnectionClosed
from websockets.sync.server import serve

PROTOCOLS = ["chat", "superchat"]
PIECES = ["a", "", "b" * 70_000, "c"]

kind, *pair = sys.argv[1:]
tls = None
if pair:
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    tls.load_cert_chain(*pair)


def say(*words):
    print(*words, flush=True)


def opened(ws):
    extensions = ",".join(extension.name for extension in ws.protocol.extensions)
    say("open", ws.request.path, ws.subprotocol or "-", extensions or "-")


def closed(ws):
    told = ws.protocol.close_rcvd
    say("closed", *([told.code, told.reason] if told else ["without a CLOSE"]))


def pattern(size):
    return bytes(n % 251 for n in range(int(size)))


def answer_to(message):
    """What is to be sent, or to be done instead."""
    order, _, rest = message.partition(" ") if isinstance(message, str) else ("", "", "")
    if order == "close":
        code, _, reason = rest.partition(" ")
        return "close", (int(code), reason)
    if order == "ping":
        return "ping", (rest,)
    if order == "pieces":
        return "send", (PIECES,)
    if order == "send":
        return "send", (pattern(rest),)
    return "send", (message,)


def converse(ws):
    opened(ws)
    # Iterating ends by this exception, unless the CLOSE said that all is well.
    with contextlib.suppress(ConnectionClosed):
        for message in ws:
            what, arguments = answer_to(message)
            answer = getattr(ws, what)(*arguments)
            if what == "ping":
                # Its answer is read by another thread.
                answer.wait()
                say("pong", *arguments)
    closed(ws)


async def converse_async(ws):
    opened(ws)
    with contextlib.suppress(ConnectionClosed):
        async for message in ws:
            what, arguments = answer_to(message)
            answer = await getattr(ws, what)(*arguments)
            if what == "ping":
                await answer
                say("pong", *arguments)
    closed(ws)


def run_threads():
    with serve(converse, "127.0.0.1", 0, ssl=tls, subprotocols=PROTOCOLS, max_size=None) as server:
        say("listening on", server.socket.getsockname()[1])
        threading.Thread(target=server.serve_forever, daemon=True).start()
        sys.stdin.read()


async def run_asyncio():
    async with serve_async(converse_async, "127.0.0.1", 0, ssl=tls, subprotocols=PROTOCOLS, max_size=None) as server:
        say("listening on", server.sockets[0].getsockname()[1])
        await asyncio.to_thread(sys.stdin.read)


if kind == "threads":
    run_threads()
else:
    asyncio.run(run_asyncio())
