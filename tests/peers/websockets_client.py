"""Clients of the Python package websockets, threaded and on asyncio, against an echo server that obeys orders
(tests/c/ws-echo.c --deflate --orders).

    websockets_client.py URL [CA]

Ends with 1 and a traceback at the first thing that is not as it should be.
"""

import asyncio
import os
import ssl
import sys

from websockets.asyncio.client import connect as connect_async
from websockets.exceptions import ConnectionClosedError, ConnectionClosedOK, InvalidStatus
from websockets.extensions.permessage_deflate import ClientPerMessageDeflateFactory
from websockets.sync.client import connect

URL = sys.argv[1]
TLS = ssl.create_default_context(cafile=sys.argv[2]) if len(sys.argv) > 2 else None
# The threaded client reads in one thread and writes in another, which Python's ssl module does not lock against each other: where
# the tickets of TLS 1.3 arrive while the request is written, one request in a hundred never leaves. TLS 1.2 has none then.
TLS_THREADED = ssl.create_default_context(cafile=sys.argv[2]) if len(sys.argv) > 2 else None
if TLS_THREADED:
    TLS_THREADED.maximum_version = ssl.TLSVersion.TLSv1_2

SIZES = [0, 1, 125, 126, 127, 1000, 65535, 65536, 1 << 20, 1_500_000]

# Everything that RFC 7692 lets a client ask for.
OFFERS = [
    {},
    {"server_no_context_takeover": True, "client_no_context_takeover": True},
    {"server_max_window_bits": 9, "client_max_window_bits": 9},
    {"server_max_window_bits": 15, "client_max_window_bits": 15, "client_no_context_takeover": True},
]


def texts():
    for size in SIZES:
        yield ("Grüße aus 東京 🦀 " * (size // 20 + 1))[:size]


def binaries():
    for size in SIZES:
        yield os.urandom(size)
        yield bytes(n % 7 for n in range(min(size, 100_000)))


def expect(got, wanted, what):
    if got != wanted:
        raise AssertionError(f"{what}: {str(got)[:200]!r}, not {str(wanted)[:200]!r}")


def open_sync(**more):
    return connect(URL, ssl=TLS_THREADED, max_size=None, **more)


def open_asyncio(**more):
    return connect_async(URL, ssl=TLS, max_size=None, **more)


def agreed(ws):
    """The parameters of permessage-deflate, as (server, client): whether context is taken over and window bits."""
    [deflate] = ws.protocol.extensions
    return (
        (deflate.remote_no_context_takeover, deflate.remote_max_window_bits),
        (deflate.local_no_context_takeover, deflate.local_max_window_bits),
    )


def messages(compression):
    with open_sync(compression=compression) as ws:
        expect(len(ws.protocol.extensions), 1 if compression else 0, "extensions")
        for message in [*texts(), *binaries()]:
            ws.send(message)
            expect(ws.recv(), message, f"echo of {len(message)} with compression {compression}")


def fragments():
    with open_sync() as ws:
        ws.send(iter(["a", "", "b" * 70_000, "c"]))
        expect(ws.recv(), "a" + "b" * 70_000 + "c", "fragments of text")
        ws.send(os.urandom(1) for _ in range(500))
        expect(len(ws.recv()), 500, "fragments of bytes")


def subprotocols():
    with open_sync(subprotocols=["nobody", "other", "echo"]) as ws:
        expect(ws.subprotocol, "other", "subprotocol")
    try:
        with open_sync(subprotocols=["nobody"]):
            raise AssertionError("an unknown subprotocol is taken")
    except InvalidStatus as error:
        expect(error.response.status_code, 400, "status for an unknown subprotocol")


def parameters():
    for offer in OFFERS:
        factory = ClientPerMessageDeflateFactory(**offer)
        with open_sync(compression=None, extensions=[factory]) as ws:
            server, client = agreed(ws)
            expect(server[0], offer.get("server_no_context_takeover", False), f"server's context of {offer}")
            expect(client[0] or not offer.get("client_no_context_takeover"), True, f"client's context of {offer}")
            expect(server[1] <= offer.get("server_max_window_bits", 15), True, f"server's window of {offer}")
            expect(client[1] <= offer.get("client_max_window_bits", 15), True, f"client's window of {offer}")
            for _ in range(3):
                for message in ["again and again " * 5000, os.urandom(50_000), "", "x"]:
                    ws.send(message)
                    expect(ws.recv(), message, f"echo with {offer}")


def pings():
    with open_sync(ping_interval=None) as ws:
        expect(ws.ping("are you there?").wait(30), True, "an answer to the ping")
        expect(ws.ping(b"").wait(30), True, "an answer to the empty ping")
        ws.send("ping hello websockets")
        ws.send("after it")
        expect(ws.recv(), "after it", "what follows the ping")


def closing():
    for code, reason in [(1000, ""), (1001, "going"), (3001, "tschüß"), (4999, "x" * 120)]:
        with open_sync() as ws:
            ws.close(code, reason)
        expect((ws.protocol.close_rcvd.code, ws.protocol.close_rcvd.reason), (code, reason), "answer to the CLOSE")
        expect(ws.protocol.close_rcvd_then_sent, False, "who closed")
    for code, error in [(1000, ConnectionClosedOK), (1011, ConnectionClosedError), (4000, ConnectionClosedError)]:
        with open_sync() as ws:
            ws.send(f"close {code} because of that")
            try:
                raise AssertionError(f"{ws.recv()} instead of the CLOSE")
            except error as closed:
                expect((closed.rcvd.code, closed.rcvd.reason), (code, "because of that"), "the CLOSE")
                expect(closed.rcvd_then_sent, True, "who closed")
    with open_sync() as ws:
        ws.send("drop")
        try:
            raise AssertionError(f"{ws.recv()} instead of the end")
        except ConnectionClosedError as closed:
            expect(closed.rcvd, None, "a CLOSE")


async def conversation(n):
    async with open_asyncio() as ws:
        for size in [n, 100 * n, 10_000 * n]:
            for message in [os.urandom(size), "y" * size]:
                await ws.send(message)
                expect(await ws.recv(), message, f"echo to client {n}")
        await (await ws.ping())


async def many():
    await asyncio.gather(*(conversation(n) for n in range(40)))


async def ahead():
    """Sends much before it reads anything, and reads it in fragments."""
    async with open_asyncio(max_queue=None) as ws:
        sent = [os.urandom(20_000) for _ in range(300)]

        async def send():
            for message in sent:
                await ws.send(message)

        sending = asyncio.create_task(send())
        for n, message in enumerate(sent):
            got = b"".join([piece async for piece in ws.recv_streaming()])
            expect(got, message, f"message {n}")
        await sending


messages("deflate")
messages(None)
fragments()
subprotocols()
parameters()
pings()
closing()
asyncio.run(many())
asyncio.run(ahead())
print("done")
