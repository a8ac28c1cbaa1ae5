"""What every client under test can do, whoever wrote it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple, Protocol

HOST = "127.0.0.1"
EXPIRY_S = 300  # of sessions that are to outlive their connection
TRANSPORTS = ("tcp", "tls", "ws", "wss")


class Message(NamedTuple):
    topic: str
    payload: str
    qos: int
    retain: bool = False


@dataclass(frozen=True)
class Broker:
    """A broker at four ports, one of each transport; MQTT over WebSocket is at /mqtt."""

    ports: dict[str, int]
    ca: Path

    def url(self, transport: str) -> str:
        path = "/mqtt" if transport.startswith("ws") else ""
        return f"{transport}://{HOST}:{self.ports[transport]}{path}"


class Peer(Protocol):
    """One client. Each verb returns when the broker has answered, or fails after a while."""

    spares_will: bool  # disconnect() keeps the Will from being published

    def __init__(self, broker: Broker, transport: str, version: int) -> None: ...

    def connect(
        self, client_id: str, clean: bool = True, will: Message | None = None
    ) -> bool | None:
        """Gives Session Present; None if this client does not tell."""

    def subscribe(self, topic_filter: str, qos: int) -> None: ...

    def publish(self, message: Message) -> None: ...

    def receive(self) -> Message: ...

    def disconnect(self) -> None: ...

    def cut(self) -> None:
        """Closes the connection without a DISCONNECT."""

    def close(self) -> None:
        """The last call, whatever came before."""
