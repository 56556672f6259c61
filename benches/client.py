#!/usr/bin/env python3
"""
Compares this library's HTTP/2 client with curl's (libcurl and nghttp2) and with
upstream libwebsockets', in one run on one machine: many small requests over one
TLS connection, and one large download. The server is nghttpd, on another core;
where h2o is installed the download comes from it as well, because nghttpd sends
more slowly than the clients receive, so that its row is mostly about nghttpd.

  benches/client.py              medians of 5 rounds
  benches/client.py --rounds N
  benches/client.py --check      exits with 1 if curl is faster

Needs cc, openssl, curl, nghttpd (nghttp2-server) and a release build; h2o is
optional. --check judges the download by h2o's row if there is one.
DEBIAN_LWS_ROOT is where Debian's libwebsockets 4.3.5 is unpacked: see prepare.sh,
which fetches it otherwise.
Upstream asks for fewer small files: one after the other, each over a connection
of its own, because it keeps none for the next.
"""

import argparse
import resource
import shutil
import socket
import statistics
import subprocess
import sys
import time

import common

OUT = common.TARGET / "bench-client"
GIB = 1 << 30
SMALL = 10000
SMALL_OF_LWS = 500


def site():
    """The directory that is served, with its key and certificate."""
    www = OUT / "www"
    www.mkdir(parents=True, exist_ok=True)
    (www / "small").write_bytes(b"hello world\n")
    with open(www / "large", "wb") as large:
        large.truncate(GIB)
    key, certificate, _ = common.certificate(OUT)
    return www, key, certificate


def start(command, port):
    server = subprocess.Popen(["taskset", "-c", "0", *command], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    while server.poll() is None:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
            return server, f"https://127.0.0.1:{port}"
        except OSError:
            time.sleep(0.05)
    sys.exit(f"{command[0]} does not start")


def nghttpd(www, key, certificate):
    port = common.free_port()
    return start(["nghttpd", "-d", www, str(port), key, certificate, "-m", "100"], port)


def h2o(www, key, certificate):
    port, config = common.free_port(), OUT / "h2o.conf"
    config.write_text(f"""
user: root
num-threads: 1
listen:
  host: 127.0.0.1
  port: {port}
  ssl: {{ certificate-file: {certificate}, key-file: {key}, ocsp-update-interval: 0 }}
hosts: {{ default: {{ paths: {{ /: {{ file.dir: {www} }} }} }} }}
""")
    return start(["h2o", "-c", config], port)


def measure(command):
    """Wall and CPU seconds of a command, which must succeed."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    start = time.monotonic()
    subprocess.run(["taskset", "-c", "1", *command], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                   timeout=300)
    wall = time.monotonic() - start
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return wall, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--check", action="store_true")
    options = parser.parse_args()

    clients = common.compiled("bench-client", OUT)
    place = site()
    servers = [nghttpd(*place)]
    if shutil.which("h2o"):
        servers.append(h2o(*place))
    curl = ["curl", "-skf", "--http2", "-H", "host: localhost"]

    def small_count(name):
        return SMALL_OF_LWS if name == "lws" else SMALL

    def small(name, at_once, base):
        if name == "curl":
            parallel = [] if at_once == 1 else ["-Z", "--parallel-max", str(at_once)]
            return [*curl, *parallel, "-o", "/dev/null", f"{base}/small?[1-{SMALL}]"]
        return [clients[name], base.rpartition(":")[2], "/small", str(small_count(name)), str(at_once)]

    def large(name, base):
        if name == "curl":
            return [*curl, "-o", "/dev/null", f"{base}/large"]
        return [clients[name], base.rpartition(":")[2], "/large", "1", "1"]

    # The last says whether --check judges by it.
    rows = [
        ("small, 100 at a time", "req/s", small_count, lambda name: small(name, 100, servers[0][1]), True),
        ("small, one after the other", "req/s", small_count, lambda name: small(name, 1, servers[0][1]), True),
        ("1 GiB from nghttpd", "MB/s", lambda _: GIB / 1e6, lambda name: large(name, servers[0][1]), len(servers) == 1),
    ]
    for _, base in servers[1:]:
        rows.append(("1 GiB from h2o", "MB/s", lambda _: GIB / 1e6, lambda name: large(name, base), True))
    names = [*clients, "curl"]
    slower = False
    peers = [f"/ {peer}" for peer in names[1:]]
    print("|  |  | " + " | ".join([*names, *peers]) + " | CPU s: " + ", ".join(names) + " |")
    print("|---|---|" + "--:|" * (len(names) + len(peers)) + "---|")
    try:
        for title, unit, amount, command, judged in rows:
            rates, cpu = {}, {}
            for name in names:
                rates[name], cpu[name] = [], []
            for _ in range(options.rounds):
                # In turns, so that what else the machine does meets all alike.
                for name in names:
                    try:
                        wall, used = measure(command(name))
                    except (subprocess.CalledProcessError, subprocess.TimeoutExpired):
                        continue
                    rates[name].append(amount(name) / wall)
                    cpu[name].append(used / amount(name) * amount("curl"))
            median = {name: statistics.median(rates[name]) if rates[name] else None for name in names}
            ratio = {
                peer: median["ferrows"] / median[peer] if median["ferrows"] and median[peer] else None for peer in names[1:]
            }
            slower |= judged and (ratio["curl"] or 0) < 1
            shown = [f"{median[name]:.0f}" if median[name] else "fails" for name in names]
            used = [f"{statistics.median(cpu[name]):.2f}" if cpu[name] else "–" for name in names]
            shown += [f"{ratio[peer]:.2f}" if ratio[peer] else "–" for peer in names[1:]]
            print(f"| {title} | {unit} | " + " | ".join(shown) + " | " + ", ".join(used) + " |", flush=True)
    finally:
        for server, _ in servers:
            server.terminate()
            server.wait(10)
    if options.check and slower:
        sys.exit("slower than curl")


if __name__ == "__main__":
    main()
