"""What is measured on real sockets: mosquitto and its clients over this machine's TCP.

No two machines repeat it, so it is recorded once, with versions: `python -m mqttlab.validation
record`. It takes four minutes, and the right to capture on the loopback interface.
"""

from __future__ import annotations

import json
import platform
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
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
    payload_bytes = seoane.inferred_payload_bytes()
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
    with bench_brokers.serve("mosquitto", tls) as (port, _), _capture(port) as capture:
        where = ["-h", "127.0.0.1", "-p", str(port), "-t", seoane.TOPIC]
        where += ["--cafile", str(tls[0])] if tls else []
        reader = subprocess.Popen(["mosquitto_sub", *where, "-q", "2"], stdout=subprocess.DEVNULL)
        _pause(reader, _SETTLE_S)
        message = ["mosquitto_pub", *where, "-q", str(qos), "-m", "x" * payload_bytes]
        for _ in range(MESSAGES):
            subprocess.run(message, check=True)
            _pause(reader, QUIET_S + 0.3)
        programs.stop(reader)
        _pause(capture[1], QUIET_S)
    try:
        return legs(capture[0], MESSAGES)
    finally:
        shutil.rmtree(capture[0].parent)


def _side_by_side(transport: Transport, tls: tuple[Path, Path] | None) -> dict[str, Any]:
    with bench_brokers.serve("mosquitto", tls) as (port, _), _capture(port) as capture:
        result = side_by_side.play(
            f"127.0.0.1:{port}", transport=transport, ca_file=tls[0] if tls else None
        )
        _pause(capture[1], QUIET_S)
    layers = side_by_side.layers_of_capture(capture[0], result)
    shutil.rmtree(capture[0].parent)
    return {
        "packets": side_by_side.packets(result),
        "layers": {name: one.to_data() for name, one in layers.items()},
        "delays_s": {
            str(qos): [round(one, 5) for one in delays]
            for qos, delays in side_by_side.delays_s(result).items()
        },
    }


@contextmanager
def _capture(port: int) -> Iterator[tuple[Path, subprocess.Popen[bytes]]]:
    """A capture of a port of this machine's, whole after the block; and who makes it."""
    path = Path(tempfile.mkdtemp()) / "frames.pcapng"
    words = ["dumpcap", "-q", "-i", "lo", "-f", f"tcp port {port}", "-w", str(path)]
    process = subprocess.Popen(words, stderr=subprocess.DEVNULL)
    _pause(process, _SETTLE_S)
    if process.poll() is not None:
        raise UsageError("validation: dumpcap may not capture on lo; run as root, or in its group")
    yield path, process
    programs.stop(process)


def _pause(process: subprocess.Popen[Any], seconds: float) -> None:
    """Lets time pass, in which the program may end."""
    try:
        process.wait(seconds)
    except subprocess.TimeoutExpired:
        return
