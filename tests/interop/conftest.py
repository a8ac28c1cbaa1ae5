"""The brokers that all interop tests share."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from peers import HOST, TRANSPORTS, Broker
from running import Running, program, self_signed


@pytest.fixture(scope="session")
def credentials(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A certificate of 127.0.0.1 that is its own authority, and its key."""
    return self_signed(tmp_path_factory.mktemp("credentials"))


@pytest.fixture(scope="session")
def brokers(
    tmp_path_factory: pytest.TempPathFactory, credentials: tuple[Path, Path]
) -> Iterator[dict[str, Broker]]:
    """Ours and mosquitto's, which let everybody in."""
    certificate, key = credentials
    directory = tmp_path_factory.mktemp("brokers")
    listens = [word for t in TRANSPORTS for word in ("--listen", f"{t}://{HOST}:0")]
    ours = Running(
        directory, program("mqttlab-broker"), "--allow-anonymous", "--log-level", "info",
        "--cert", str(certificate), "--key", str(key), *listens,
    )  # fmt: skip
    ports = {t: int(ours.until(rf"listening on {t}://\S+?:(\d+)(/|\n)")[1]) for t in TRANSPORTS}
    mosquitto_ports = {}
    config = "allow_anonymous true\nuser root\nlog_type all\n"
    for transport in TRANSPORTS:
        with socket.create_server((HOST, 0)) as probe:
            mosquitto_ports[transport] = probe.getsockname()[1]
        config += f"listener {mosquitto_ports[transport]} {HOST}\n"
        if transport.startswith("ws"):
            config += "protocol websockets\n"
        if transport in ("tls", "wss"):
            config += f"certfile {certificate}\nkeyfile {key}\n"
    path = directory / "mosquitto.conf"
    path.write_text(config)
    mosquitto = Running(directory, program("mosquitto"), "-c", str(path), "-v")
    mosquitto.until("running")
    yield {"ours": Broker(ports, certificate), "mosquitto": Broker(mosquitto_ports, certificate)}
    for broker in (ours, mosquitto):
        broker.kill()
