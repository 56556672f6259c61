"""curl's WebSocket client, libcurl through pycurl, against an echo server that obeys orders
(tests/c/ws-echo.c --orders).

    curl_client.py URL [CA]

Ends with 1 and a traceback at the first thing that is not as it should be.
"""

import os
import select
import sys

import pycurl

URL = sys.argv[1]
CA = sys.argv[2] if len(sys.argv) > 2 else None
PATIENCE = 30


class Client:
    def __init__(self, protocol=None):
        self.curl = pycurl.Curl()
        self.curl.setopt(pycurl.URL, URL)
        self.curl.setopt(pycurl.CONNECT_ONLY, 2)
        self.curl.setopt(pycurl.TIMEOUT, PATIENCE)
        if CA:
            self.curl.setopt(pycurl.CAINFO, CA)
        if protocol:
            self.curl.setopt(pycurl.HTTPHEADER, [f"Sec-WebSocket-Protocol: {protocol}"])
        self.curl.perform()
        self.socket = self.curl.getinfo(pycurl.ACTIVESOCKET)

    def _when_ready(self, action, writing):
        while True:
            try:
                return action()
            except BlockingIOError:
                pass
            sockets = [self.socket]
            ready = select.select(sockets, sockets if writing else [], [], PATIENCE)
            if not (ready[0] or ready[1]):
                raise AssertionError("the server neither takes nor sends anything")

    def send(self, data, flags):
        """One frame, as libcurl takes it; what comes meanwhile is kept apart by the system."""
        sent = 0
        while True:
            left = data[sent:]
            sent += self._when_ready(lambda: self.curl.ws_send(left, flags), True)
            if sent >= len(data):
                return

    def frame(self):
        """The next frame's data and flags."""
        data = b""
        while True:
            piece, meta = self._when_ready(lambda: self.curl.ws_recv(1 << 16), False)
            data += piece
            if meta.bytesleft == 0:
                return data, meta.flags

    def message(self):
        data = b""
        while True:
            piece, flags = self.frame()
            if flags & (pycurl.WS_TEXT | pycurl.WS_BINARY):
                data += piece
                if not flags & pycurl.WS_CONT:
                    return data

    def close(self, payload=b""):
        self.send(payload, pycurl.WS_CLOSE)
        while True:
            data, flags = self.frame()
            if flags & pycurl.WS_CLOSE:
                expect(data, payload, "answer to the CLOSE")
                self.curl.close()
                return


def expect(got, wanted, what):
    if got != wanted:
        raise AssertionError(f"{what}: {got[:200]!r}, not {wanted[:200]!r}")


def messages():
    client = Client()
    for size in [0, 1, 125, 126, 127, 65535, 65536, 1 << 20]:
        data = os.urandom(size)
        client.send(data, pycurl.WS_BINARY)
        expect(client.message(), data, f"echo of {size} bytes")
    client.send("Grüße".encode(), pycurl.WS_TEXT)
    expect(client.message(), "Grüße".encode(), "echo of text")
    client.close()


def fragments():
    client = Client()
    for piece in [b"a", b"b" * 1000]:
        client.send(piece, pycurl.WS_TEXT | pycurl.WS_CONT)
    client.send(b"c", pycurl.WS_TEXT)
    expect(client.message(), b"a" + b"b" * 1000 + b"c", "fragments")
    client.close()


def control():
    client = Client("other")
    client.send(b"are you there?", pycurl.WS_PING)
    expect(client.frame(), (b"are you there?", pycurl.WS_PONG), "answer to the ping")
    client.send(b"ping hello curl", pycurl.WS_TEXT)
    client.send(b"after it", pycurl.WS_TEXT)
    expect(client.message(), b"after it", "what follows the ping")
    client.close(b"\x0b\xb9bye")

    client = Client()
    client.send(b"close 4000 because of that", pycurl.WS_TEXT)
    expect(client.frame(), (b"\x0f\xa0because of that", pycurl.WS_CLOSE), "the server's CLOSE")
    client.send(b"\x0f\xa0because of that", pycurl.WS_CLOSE)
    client.curl.close()


messages()
fragments()
control()
print("done")
