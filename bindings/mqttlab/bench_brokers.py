"""The brokers that `mqttlab bench live` compares: how each is started, and what its program is."""

from __future__ import annotations

import socket
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from mqttlab import programs
from mqttlab.errors import UsageError

__all__ = ["BROKERS", "certificate", "serve", "stripped_bytes", "version_of"]

# The same as mqttlab-broker's defaults, but for its queue, which has no limit here: with 1,000,
# mosquitto 2.0.11 drops messages for a subscriber that at most 200 wait for.
MOSQUITTO = """
listener {port} 127.0.0.1
allow_anonymous true
persistence false
max_inflight_messages 20
max_queued_messages 0
set_tcp_nodelay true
log_dest none
"""


def _ours(port: int, _: Path, tls: tuple[Path, Path] | None) -> list[str]:
    url = f"{'tls' if tls else 'tcp'}://127.0.0.1:{port}"
    words = [programs.path_of("mqttlab-broker"), "--listen", url, "--allow-anonymous"]
    return [*words, "--cert", str(tls[0]), "--key", str(tls[1])] if tls else words


def _mosquitto(port: int, directory: Path, tls: tuple[Path, Path] | None) -> list[str]:
    found = programs.installed("mosquitto")
    if not found:
        raise UsageError("--against mosquitto: it is not installed; apt-get install mosquitto")
    config = directory / "mosquitto.conf"
    files = f"certfile {tls[0]}\nkeyfile {tls[1]}\nuser root\n" if tls else ""
    config.write_text(MOSQUITTO.format(port=port) + files)
    return [found, "-c", str(config)]


# Port, a directory of its own, certificate and key if it is to serve TLS: the command.
Command = Callable[[int, Path, tuple[Path, Path] | None], list[str]]
BROKERS: dict[str, Command] = {"mqttlab": _ours, "mosquitto": _mosquitto}


@contextmanager
def serve(name: str, tls: tuple[Path, Path] | None = None) -> Iterator[tuple[int, int]]:
    """A broker on a free port of 127.0.0.1 while the block lasts: its port and process id.

    `tls`: certificate and key.
    """
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    with tempfile.TemporaryDirectory() as directory:
        command = BROKERS[name](port, Path(directory), tls)
        log = Path(directory) / "log"
        with log.open("wb") as output:
            process = subprocess.Popen(command, stdout=output, stderr=output)
        try:
            programs.listening("127.0.0.1", port, [process], [log])
            yield port, process.pid
        finally:
            programs.stop(process)


@contextmanager
def certificate() -> Iterator[tuple[Path, Path]]:
    """A certificate of 127.0.0.1 that is its own authority, and its key, while the block lasts."""
    with tempfile.TemporaryDirectory() as directory:
        certificate, key = (Path(directory) / name for name in ("cert.pem", "key.pem"))
        subprocess.run(
            ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
             "-nodes", "-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1",
             "-days", "2", "-out", certificate, "-keyout", key],
            check=True, capture_output=True,
        )  # fmt: skip
        yield certificate, key


def stripped_bytes(name: str) -> int:
    """Of its program's file, without symbols."""
    with tempfile.TemporaryDirectory() as directory:
        stripped = Path(directory) / name
        command = BROKERS[name](0, Path(directory), None)
        subprocess.run(["strip", "-o", stripped, command[0]], check=True, capture_output=True)
        return stripped.stat().st_size


def version_of(name: str) -> str:
    """What its program says of itself in its first line."""
    with tempfile.TemporaryDirectory() as directory:
        program = BROKERS[name](0, Path(directory), None)[0]
    return subprocess.run([program, "-h"], capture_output=True, text=True).stdout.partition("\n")[0]
