"""What the benchmarks that are written in Python have in common."""

import os
import pathlib
import socket
import subprocess

HERE = pathlib.Path(__file__).resolve().parent
REPO = HERE.parent
TARGET = pathlib.Path(os.environ.get("CARGO_TARGET_DIR", REPO / "target"))


def prepare(*command):
    """What prepare.sh's function prints."""
    done = subprocess.run(["bash", HERE / "prepare.sh", *command], check=True, stdout=subprocess.PIPE, text=True)
    return done.stdout.strip()


def certificate(directory):
    """Key, certificate, and a file with both."""
    prepare("certificate", directory)
    return directory / "key.pem", directory / "cert.pem", directory / "both.pem"


def compiled(program, out):
    """The program with each library that there is: its path by the library's name."""
    prepare("compile", program, out)
    found = {name: out / name / program for name in ("ferrows", "lws")}
    return {name: path for name, path in found.items() if path.exists()}


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]
