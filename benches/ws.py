#!/usr/bin/env python3
"""
Compares this library's WebSockets with upstream libwebsockets', from the same C
program, and with uWebSockets' (C++), in one run on one machine: messages echoed
over HTTP/1 and HTTP/2, with and without TLS and compression; broadcasts; memory
of idle WebSockets; instructions per message.

  benches/ws.py             medians of 3 rounds, about eight minutes
  benches/ws.py --quick     1 short round, about two minutes: for a first look
  benches/ws.py --check     exits with 1 if a budget is missed
  benches/ws.py --no-build  takes target/release as it is
  benches/ws.py --only WORD…        rows whose names have one of the words
  benches/ws.py --instructions      only those; other work on the machine does not matter

  SERVER_CORE, LOAD_CORE   cores to pin to (0 and 1)
  DEBIAN_LWS_ROOT          where Debian's libwebsockets is unpacked: see prepare.sh

Needs cargo, cc, openssl and taskset; valgrind for the instructions. uWebSockets
comes from the Python package socketify, by pip, and needs libuv's library;
what there is not has no column. The load is ws-load, beside this file.
"""

import argparse
import collections
import math
import os
import pathlib
import platform
import resource
import shutil
import statistics
import subprocess
import sys
import tarfile

import common

OUT = common.TARGET / "bench-ws"
LOAD = common.TARGET / "ws-load/release/ws-load"
SERVER_CORE = os.environ.get("SERVER_CORE", "0")
LOAD_CORE = os.environ.get("LOAD_CORE", "1")
UWS = "socketify==0.0.31"
MB = 1_000_000
# A server that is busy for less of the time waits for the load: its rate says little.
BUSY = 0.8
# What a server that stalls may take before it has failed.
PATIENCE = 90

# Over what: the server's options and the load's. HTTP/2 is always over TLS.
OVER = {"plain": ([], []), "TLS": (["--tls"], ["--tls"]), "h2": (["--tls"], ["--tls"])}


class Row:
    """One kind of exchange."""

    def __init__(self, over, size, connections, streams=0, in_flight=1, deflate=False, broadcast=False):
        self.over, self.size, self.deflate = over, size, deflate
        self.sockets = connections * max(streams, 1)
        self.broadcast, self.in_megabytes = broadcast, size > 10_000
        shown = f"{size} B" if size < 1000 else f"{size // 1000} kB" if size < MB else f"{size // MB} MB"
        where = f"{connections} × {streams} streams" if streams else str(connections)
        self.name = f"{over}, {shown}, {where}"
        self.name += f" × {in_flight} in flight" if in_flight > 1 else ""
        self.name += ", deflate" if deflate else ""
        self.name = f"broadcast, {self.name}" if broadcast else self.name
        self.server = OVER[over][0] + (["--deflate"] if deflate else [])
        self.load = [*OVER[over][1], "--size", size, "--connections", connections, "--streams", streams,
                     "--in-flight", in_flight]
        self.load += ["--deflate"] if deflate else []
        self.load += ["--broadcast"] if broadcast else []

    def has(self, server):
        """uWebSockets has no HTTP/2."""
        return server != "uws" or self.over != "h2"


ROWS = [
    Row("plain", 16, 1),
    Row("plain", 16, 100),
    Row("plain", 16, 100, in_flight=16),
    Row("plain", 16, 5000),
    Row("plain", 1000, 100),
    Row("plain", 64_000, 10),
    Row("plain", 16 * MB, 1),
    Row("TLS", 16, 100),
    Row("TLS", 16, 100, in_flight=16),
    Row("TLS", 16, 5000),
    Row("TLS", 64_000, 10),
    Row("TLS", 16 * MB, 1),
    # Upstream takes 24 streams on a connection.
    Row("h2", 16, 8, streams=16),
    Row("h2", 16, 250, streams=20),
    Row("h2", 1000, 8, streams=16),
    Row("h2", 64_000, 8, streams=4),
    Row("h2", 16 * MB, 1, streams=1),
    Row("plain", 1000, 100, deflate=True),
    Row("plain", 64_000, 10, deflate=True),
    Row("h2", 1000, 8, streams=16, deflate=True),
    Row("plain", 100, 5000, broadcast=True),
    Row("h2", 100, 250, streams=20, broadcast=True),
]

IDLE = [
    ("idle, plain", Row("plain", 16, 2000)),
    ("idle, TLS", Row("TLS", 16, 1000)),
    ("idle, stream of h2", Row("h2", 16, 100, streams=20)),
    ("idle, plain, deflate", Row("plain", 16, 400, deflate=True)),
]

INSTRUCTIONS = [
    ("instructions, plain, 16 B", Row("plain", 16, 10)),
    ("instructions, h2, 16 B", Row("h2", 16, 2, streams=16)),
]


class Server:
    """A server that listens, pinned to its core."""

    def __init__(self, name, program, options, wrapper=()):
        options = [OUT / "both.pem" if option is None else option for option in with_certificate(options)]
        self.log = OUT / f"{name}.log"
        with open(self.log, "wb") as log:
            self.process = subprocess.Popen(["taskset", "-c", SERVER_CORE, *wrapper, program, *options],
                                            stdout=subprocess.PIPE, stderr=log, text=True)
        line = self.process.stdout.readline()
        if not line:
            sys.exit(f"{name} does not start: {self.log.read_text()}")
        self.port, self.pid = line.rpartition(":")[2].strip(), self.process.pid

    def stop(self):
        self.process.terminate()
        self.process.wait(PATIENCE)

    def resident_kib(self):
        for line in pathlib.Path(f"/proc/{self.pid}/status").read_text().splitlines():
            if line.startswith("VmRSS"):
                return int(line.split()[1])
        return 0


def with_certificate(options):
    for option in options:
        yield option
        if option == "--tls":
            yield None


def load(server, options, **more):
    command = ["taskset", "-c", LOAD_CORE, LOAD, "--port", server.port, *options]
    return subprocess.Popen([str(word) for word in command], stdout=subprocess.PIPE, text=True, **more)


def exchange(server, row, *options):
    """Messages, seconds and CPU seconds of the server; None when it has failed."""
    running = load(server, [*row.load, "--server-pid", server.pid, *options], stderr=subprocess.PIPE)
    try:
        out, why = running.communicate(timeout=PATIENCE)
    except subprocess.TimeoutExpired:
        running.kill()
        out, why = "", "no end"
    if running.returncode != 0 or not out:
        print(f"{row.name}: {server.log.stem}: {why.strip()}", file=sys.stderr)
        return None
    messages, seconds, cpu = out.split()
    return int(messages), float(seconds), float(cpu)


def uws():
    """bench-ws-uws, if there is what it needs."""
    if platform.machine() != "x86_64":
        return None
    directory = OUT / "uws"
    library = directory / "libsocketify.so"
    try:
        if not library.exists():
            directory.mkdir(parents=True, exist_ok=True)
            subprocess.run([sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--dest", directory, UWS],
                           check=True, stdout=sys.stderr)
            (package,) = directory.glob("socketify-*.tar.gz")
            with tarfile.open(package) as files:
                (name,) = (name for name in files.getnames() if name.endswith("libsocketify_linux_amd64.so"))
                library.write_bytes(files.extractfile(name).read())
        program = directory / "bench-ws-uws"
        subprocess.run(["cc", "-std=c99", "-O2", common.HERE / "c/bench-ws-uws.c", "-o", program, f"-L{directory}",
                        "-lsocketify", f"-Wl,-rpath,{directory}"], check=True)
        return program
    except (subprocess.CalledProcessError, ValueError) as error:
        print(f"no uWebSockets: {error}", file=sys.stderr)
        return None


def build(options):
    if not options.no_build:
        subprocess.run(["cargo", "build", "--release", "--locked", "--quiet"], cwd=common.REPO, check=True)
    subprocess.run(["cargo", "build", "--release", "--locked", "--quiet"], cwd=common.HERE / "ws-load", check=True,
                   env={**os.environ, "CARGO_TARGET_DIR": str(common.TARGET / "ws-load")})
    programs = common.compiled("bench-ws-server", OUT)
    if program := uws():
        programs["uws"] = program
    common.certificate(OUT)
    return programs


class Bench:
    def __init__(self, options, programs):
        self.options, self.programs = options, programs
        self.seconds = 0.5 if options.quick else 1.0
        self.rounds = 1 if options.quick else 3
        self.servers = {}
        # Of each row and server: what was measured, or "fails".
        self.result = {}
        # How much of the time the server was busy.
        self.busy = {}

    def server(self, name, options):
        """One server for all rows that want the same of it."""
        key = (name, *options)
        if key not in self.servers:
            self.servers[key] = Server(f"{name}{''.join(options)}", self.programs[name], options)
        return self.servers[key]

    def rates(self, rows):
        rates, cpu, busy = (collections.defaultdict(list) for _ in range(3))
        failed = set()
        for _ in range(self.rounds):
            for row in rows:
                # In turns, so that what else the machine does meets all alike.
                for name in filter(row.has, self.programs):
                    measured = exchange(self.server(name, row.server), row, "--seconds", self.seconds)
                    if measured is None:
                        failed.add((row.name, name))
                        continue
                    messages, seconds, used = measured
                    rates[row.name, name].append(messages / seconds * (row.size / MB if row.in_megabytes else 1))
                    cpu[f"CPU, {row.name}", name].append(used / messages * 1e6)
                    busy[row.name, name].append(used / seconds)
        for measured in (rates, cpu):
            self.result |= {key: statistics.median(values) for key, values in measured.items()}
        self.busy = {key: statistics.median(values) for key, values in busy.items()}
        self.result |= dict.fromkeys(failed, "fails")

    def idle(self, name, server, row):
        """KiB that a WebSocket takes while it idles, after one message went both ways."""
        # What each WebSocket's buffer has, where there is one.
        listener = Server(f"{server}-idle", self.programs[server], [*row.server, "--rx", "4096"])
        try:
            exchange(listener, row, "--connections", 10, "--count", 1000)
            before = listener.resident_kib()
            holder = load(listener, [*row.load, "--idle"], stdin=subprocess.PIPE)
            ready = holder.stdout.readline()
            after = listener.resident_kib()
            holder.stdin.close()
            good = holder.wait(PATIENCE) == 0 and ready
            self.result[name, server] = (after - before) / row.sockets if good else "fails"
        finally:
            listener.stop()

    def instructions_of(self, server, row, count):
        """Of a run of so many messages, startup and shutdown included."""
        valgrind = ["valgrind", "--tool=callgrind", f"--callgrind-out-file={OUT / server}/callgrind.out"]
        listener = Server(f"{server}-callgrind", self.programs[server], row.server, valgrind)
        try:
            measured = exchange(listener, row, "--count", count)
        finally:
            listener.stop()
        counted = [line.split()[-1] for line in listener.log.read_text().splitlines() if "Collected :" in line]
        return int(counted[0]) if measured and counted else None

    def instructions(self, name, server, row):
        count = 2000 if self.options.quick else 5000
        once, twice = (self.instructions_of(server, row, times * count) for times in (1, 2))
        # Startup cancels in the difference.
        self.result[name, server] = (twice - once) / count if once and twice else "fails"

    def stop(self):
        for server in self.servers.values():
            server.stop()


def number(value):
    if value is None or isinstance(value, str):
        return value or "–"
    return f"{value:.2f}" if value < 100 else f"{value:.0f}"


class Table:
    def __init__(self, bench):
        self.bench, self.names = bench, list(bench.programs)

    def ratio(self, row, other):
        mine, theirs = (self.bench.result.get((row, name)) for name in ("ferrows", other))
        return mine / theirs if all(isinstance(value, (int, float)) and value for value in (mine, theirs)) else None

    def cell(self, title, name):
        waits = self.bench.busy.get((title, name), 1) < BUSY
        return number(self.bench.result.get((title, name))) + ("~" if waits else "")

    def print(self, titles_and_units):
        others = self.names[1:]
        print("|  |  | " + " | ".join(self.names) + " | " + " | ".join(f"/ {name}" for name in others) + " |")
        print("|---|---|" + "--:|" * (len(self.names) + len(others)))
        for title, unit in titles_and_units:
            cells = [self.cell(title, name) for name in self.names]
            cells += [number(self.ratio(title, name)) for name in others]
            print(f"| {title} | {unit} | " + " | ".join(cells) + " |")

    def mean_ratio(self, names, other):
        ratios = [ratio for name in names if (ratio := self.ratio(name, other))]
        return math.prod(ratios) ** (1 / len(ratios)) if ratios else None


def judge(bench, table):
    """Whether every budget is met of which there are figures."""
    def names(over):
        return [row.name for row in ROWS if row.over == over and not row.broadcast and not row.deflate]

    def of_lws(text, names, bound):
        cpu = table.mean_ratio([f"CPU, {name}" for name in names], "lws")
        text += f" (for the same CPU time: {1 / cpu:.2f})" if cpu else ""
        return text, table.mean_ratio(names, "lws"), bound, True

    plain, h2 = names("plain"), names("h2")
    budgets = [
        of_lws("h2 over TLS, 16 B, 8 × 16 streams: 3 times lws", h2[:1], 3),
        of_lws("h2 over TLS, geometric mean of the rows: 3 times lws", h2, 3),
        of_lws("plain, geometric mean of the rows: 1.5 times lws", plain, 1.5),
        ("idle, plain: 8 KiB", bench.result.get(("idle, plain", "ferrows")), 8, False),
        ("idle, TLS: 24 KiB", bench.result.get(("idle, TLS", "ferrows")), 24, False),
    ]
    all_met = True
    for text, value, bound, at_least in budgets:
        if value is None:
            continue
        met = not isinstance(value, str) and (value >= bound if at_least else value <= bound)
        all_met &= met
        print(f"{'met   ' if met else 'missed'}  {text}: {number(value)}")
    return all_met


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for flag in ("--quick", "--check", "--no-build", "--instructions"):
        parser.add_argument(flag, action="store_true")
    parser.add_argument("--only", nargs="+", default=[""], metavar="WORD")
    options = parser.parse_args()

    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    bench = Bench(options, build(options))

    def wanted(name):
        return any(word in name for word in options.only)

    rows = [row for row in ROWS if wanted(row.name) and not options.instructions]
    lines = [(row.name, "MB/s" if row.in_megabytes else "msg/s") for row in rows]
    lines += [(f"CPU, {row.name}", "us/msg") for row in rows]
    print(f"load average before the run: {os.getloadavg()[0]:.1f} (anything else that runs distorts the figures)\n")
    try:
        bench.rates(rows)
        for name, row in IDLE:
            if wanted(name) and not options.instructions:
                lines.append((name, "KiB"))
                for server in filter(row.has, bench.programs):
                    bench.idle(name, server, row)
        for name, row in INSTRUCTIONS:
            if wanted(name) and shutil.which("valgrind"):
                lines.append((name, "/msg"))
                for server in filter(row.has, bench.programs):
                    bench.instructions(name, server, row)
    finally:
        bench.stop()
    table = Table(bench)
    table.print(lines)
    print("\nN × M in flight: M messages on each of N connections, else one; CPU is the server's, user and system.")
    print("Messages of a broadcast are counted where they arrive. h2 is over TLS.")
    print(f"~: the server had nothing to do for more than {100 * (1 - BUSY):.0f} % of the time, or was kept from it.\n")
    if not judge(bench, table) and options.check:
        sys.exit(1)


if __name__ == "__main__":
    main()
