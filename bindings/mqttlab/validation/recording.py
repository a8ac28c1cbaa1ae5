"""What is measured on real sockets: mosquitto and its clients over this machine's TCP.

No two machines repeat it, so it is recorded once, with versions: `python -m mqttlab.validation
record`. It takes four minutes, and the right to capture on the loopback interface.
"""

from __future__ import annotations

import json
import platform
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from mqttlab import __version__, bench_brokers, programs
from mqttlab.client_options import Transport
from mqttlab.errors import UsageError
from mqttlab.validation import seoane, side_by_side
from mqttlab.validation.frames import QUIET_S, Frames, legs

__all__ = ["record"]

MESSAGES = 20
_SETTLE_S = 1.0  # for dumpcap to open the interface, and mosquitto_sub to subscribe


def record(directory: Path) -> None:
    """Writes recorded.json. Errors: UsageError naming the program that is missing."""
    for name, package in (
        ("mosquitto", "mosquitto"), ("mosquitto_pub", "mosquitto-clients"), ("dumpcap", "tshark"),
        ("openssl", "openssl"),
    ):  # fmt: skip
        if not programs.installed(name):
            raise UsageError(f"validation: {name} is not installed; apt-get install {package}")
    payload_bytes = seoane.fitted_payload_bytes()
    found: dict[str, Any] = {
        "versions": {
            "mqttlab": __version__,
            "kernel": platform.release(),
            "mosquitto": bench_brokers.version_of("mosquitto"),
        },
        "messages": MESSAGES,
        "payload_bytes": payload_bytes,
        "exchanges": {},
        "side_by_side": {},
    }
    with bench_brokers.certificate() as certificate:
        for transport in seoane.PUBLISHED:
            tls = certificate if transport == "tls" else None
            rows = [_exchange(tls, qos, payload_bytes) for qos in seoane.LEVELS]
            found["exchanges"][transport] = {
                leg: [one.to_data() for one in frames]
                for leg, frames in zip(
                    ("publisher", "subscriber"), zip(*rows, strict=True), strict=True
                )
            }
            found["side_by_side"][transport] = _side_by_side(transport, tls)
    directory.mkdir(parents=True, exist_ok=True)
    (directory / "recorded.json").write_text(json.dumps(found, indent=1) + "\n")


def _exchange(tls: tuple[Path, Path] | None, qos: int, payload_bytes: int) -> tuple[Frames, Frames]:
    """MESSAGES messages of mosquitto_pub to mosquitto_sub."""
    with (
        tempfile.TemporaryDirectory() as directory,
        bench_brokers.serve("mosquitto", tls) as (port, _),
    ):
        where = ["-h", "127.0.0.1", "-p", str(port), "-t", seoane.TOPIC]
        where += ["--cafile", str(tls[0])] if tls else []
        message = ["mosquitto_pub", *where, "-q", str(qos), "-m", "x" * payload_bytes]
        with (
            _capture(port, Path(directory)) as capture,
            _program("mosquitto_sub", *where, "-q", "2") as reader,
        ):
            for _ in range(MESSAGES):
                subprocess.run(message, check=True)
                _pause(reader, QUIET_S + 0.3)
        return legs(capture, MESSAGES)


def _side_by_side(transport: Transport, tls: tuple[Path, Path] | None) -> dict[str, Any]:
    with (
        tempfile.TemporaryDirectory() as directory,
        bench_brokers.serve("mosquitto", tls) as (port, _),
    ):
        with _capture(port, Path(directory)) as capture:
            result = side_by_side.play(
                f"127.0.0.1:{port}", transport=transport, ca_file=tls[0] if tls else None
            )
        layers = side_by_side.layers(capture, result)
    return {
        "packets": side_by_side.packets(result),
        "layers": {name: one.to_data() for name, one in layers.items()},
        "delays_s": {
            str(qos): [round(one, 5) for one in delays]
            for qos, delays in side_by_side.delays_s(result).items()
        },
    }


@contextmanager
def _capture(port: int, directory: Path) -> Iterator[Path]:
    """A capture of a port of this machine's, whole after the block."""
    path = directory / "frames.pcapng"
    words = ["dumpcap", "-q", "-i", "lo", "-f", f"tcp port {port}", "-w", str(path)]
    with _program(*words) as tool:
        if tool.poll() is not None:
            raise UsageError("validation: dumpcap may not capture on lo; run as root")
        yield path
        _pause(tool, QUIET_S)


@contextmanager
def _program(*words: str) -> Iterator[subprocess.Popen[bytes]]:
    """Runs while the block lasts, which begins when it is ready."""
    process = subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        _pause(process, _SETTLE_S)
        yield process
    finally:
        programs.stop(process)


def _pause(process: subprocess.Popen[bytes], seconds: float) -> None:
    """Lets time pass, in which the program may end."""
    with suppress(subprocess.TimeoutExpired):
        process.wait(seconds)
