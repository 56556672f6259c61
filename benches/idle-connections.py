#!/usr/bin/env python3
"""Holds HTTP/2 connections over TLS open, each idle after one request.

usage: idle-connections.py HOST PORT COUNT PATH

Prints "ready" once every connection has had its response, then waits for its
standard input to end. Exits with 1 if the server closed any of them meanwhile.
"""

import socket
import ssl
import struct
import sys

DATA, HEADERS, SETTINGS, GOAWAY = 0, 1, 4, 7
END_STREAM, END_HEADERS, ACK = 1, 4, 1


def frame(kind, flags, stream, payload=b""):
    return struct.pack(">I", len(payload))[1:] + bytes([kind, flags]) + struct.pack(">I", stream) + payload


def request(host, path):
    def literal(name_index, value):  # HPACK: not indexed, name from the static table
        return bytes([name_index, len(value)]) + value.encode()

    get_https = bytes([0x82, 0x87])
    block = get_https + literal(4, path) + literal(1, host)
    return (
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
        + frame(SETTINGS, 0, 0)
        + frame(HEADERS, END_STREAM | END_HEADERS, 1, block)
    )


def read_exactly(connection, count):
    data = b""
    while len(data) < count:
        piece = connection.recv(count - len(data))
        if not piece:
            sys.exit("the server closed a connection before it answered")
        data += piece
    return data


def one_request(connection, host, path):
    connection.sendall(request(host, path))
    while True:
        header = read_exactly(connection, 9)
        length, kind, flags = int.from_bytes(header[:3], "big"), header[3], header[4]
        stream = int.from_bytes(header[5:], "big")
        read_exactly(connection, length)
        if kind == GOAWAY:
            sys.exit("the server sent GOAWAY")
        if kind == SETTINGS and not flags & ACK:
            connection.sendall(frame(SETTINGS, ACK, 0))
        if stream == 1 and kind in (DATA, HEADERS) and flags & END_STREAM:
            return


def is_open(connection):
    connection.setblocking(False)
    try:
        while connection.recv(4096):
            pass  # a late SETTINGS acknowledgement or WINDOW_UPDATE
        return False
    except ssl.SSLWantReadError:
        return True
    except OSError:
        return False


def main():
    host, port, count, path = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), sys.argv[4]
    tls = ssl.create_default_context()
    tls.check_hostname = False
    tls.verify_mode = ssl.CERT_NONE
    tls.set_alpn_protocols(["h2"])

    connections = []
    for _ in range(count):
        connection = tls.wrap_socket(socket.create_connection((host, port), timeout=10), server_hostname="localhost")
        if connection.selected_alpn_protocol() != "h2":
            sys.exit("the server does not speak HTTP/2")
        one_request(connection, "localhost", path)
        connections.append(connection)

    print("ready", flush=True)
    sys.stdin.read()

    closed = sum(not is_open(connection) for connection in connections)
    if closed:
        sys.exit(f"the server closed {closed} of {count} idle connections")


if __name__ == "__main__":
    main()
