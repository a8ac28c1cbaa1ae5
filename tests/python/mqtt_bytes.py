"""MQTT and WebSocket as bytes, for what no client would say."""

from __future__ import annotations

import base64
import contextlib
import socket
import struct
import time

PATIENCE_S = 10.0


def text(value: str | bytes) -> bytes:
    value = value.encode() if isinstance(value, str) else value
    return struct.pack(">H", len(value)) + value


def packet(first: int, body: bytes) -> bytes:
    length, rest = b"", len(body)
    while True:
        rest, digit = divmod(rest, 128)[0], rest % 128
        length += bytes([digit | (0x80 if rest else 0)])
        if not rest:
            return bytes([first]) + length + body


def connect(
    version: int,
    user: str | None = None,
    password: str | None = None,
    keep_alive_s: int = 0,
    client_id: str = "s",
) -> bytes:
    flags = 2 | (0x80 if user else 0) | (0x40 if password else 0)
    body = text("MQTT") + bytes([version, flags]) + struct.pack(">H", keep_alive_s)
    body += b"\0" if version == 5 else b""
    return packet(0x10, body + text(client_id) + b"".join(text(t) for t in (user, password) if t))


def upgrade(**fields: str) -> bytes:
    """A request to open a WebSocket; a field of the name is replaced, or left out if empty."""
    lines = {
        "Host": "here", "Upgrade": "websocket", "Connection": "Upgrade",
        "Sec-WebSocket-Version": "13", "Sec-WebSocket-Protocol": "mqtt",
        "Sec-WebSocket-Key": base64.b64encode(bytes(16)).decode(),
    } | {name.replace("_", "-"): value for name, value in fields.items()}  # fmt: skip
    head = "".join(f"{name}: {value}\r\n" for name, value in lines.items() if value)
    return f"GET /mqtt HTTP/1.1\r\n{head}\r\n".encode()


def frame(payload: bytes, *, opcode: int = 2, fin: bool = True, mask: bool = True) -> bytes:
    """A frame of less than 126 bytes; the mask is 0."""
    head = bytes([opcode | (0x80 if fin else 0), len(payload) | (0x80 if mask else 0)])
    return head + (bytes(4) if mask else b"") + payload


def say(
    link: socket.socket, *parts: bytes, pause_s: float = 0.0, last: bytes | None = None
) -> bytes:
    """Sends the parts; all that comes back until the broker closes, or `last` has come."""
    got = b""
    end = time.monotonic() + PATIENCE_S
    link.settimeout(pause_s or PATIENCE_S)
    with contextlib.suppress(ConnectionError):
        for part in parts:
            link.sendall(part)
            if pause_s:
                with contextlib.suppress(TimeoutError):
                    if not (more := link.recv(4096)):
                        return got
                    got += more
        link.settimeout(PATIENCE_S)
        while not (last and last in got) and (more := link.recv(4096)):
            got += more
            assert time.monotonic() < end
    return got
