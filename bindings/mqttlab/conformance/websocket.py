"""The client's side of WebSocket (RFC 6455), as far as MQTT needs it: bytes in, bytes out."""

from __future__ import annotations

import asyncio
import base64
import hashlib
from collections.abc import Callable
from typing import Any, cast

from mqttlab.conformance.verdicts import NotTested, TargetError

__all__ = ["BINARY", "CLOSE", "TEXT", "WebSocketClient"]

TEXT, BINARY, CLOSE, PING, PONG = 1, 2, 8, 9, 10
_MAGIC = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
_UPGRADE_S = 5.0


class WebSocketClient(asyncio.Protocol, asyncio.Transport):
    """A protocol for the TCP or TLS side, and the transport of the MQTT side."""

    def __init__(
        self,
        inner: asyncio.Protocol,
        host: str,
        path: str,
        seen: Callable[[str, str], str] = lambda what, value: value,
    ) -> None:
        asyncio.Transport.__init__(self)
        self._inner, self._host, self._path, self._seen = inner, host, path, seen
        self._buffer = bytearray()
        self._under: asyncio.Transport | None = None
        self._open: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._upgraded = False
        self.headers: dict[str, str] = {}  # of the server's answer, names in lower case
        self.status = 0
        self.opcodes: list[int] = []  # of the frames that came

    async def upgraded(self) -> None:
        """The server has switched to WebSocket."""
        try:
            await asyncio.wait_for(asyncio.shield(self._open), _UPGRADE_S)
        except (TimeoutError, OSError) as error:
            raise TargetError(f"no upgrade to WebSocket: {error or 'no answer'}") from None

    # The TCP side.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """See asyncio.Protocol."""
        self._under = cast(asyncio.Transport, transport)
        self._key = base64.b64encode(b"mqttlab-conforms")
        lines = [
            f"GET {self._path} HTTP/1.1",
            f"Host: {self._host}",
            "Upgrade: websocket",
            "Connection: Upgrade",
            f"Sec-WebSocket-Key: {self._key.decode()}",
            "Sec-WebSocket-Version: 13",
            "Sec-WebSocket-Protocol: mqtt",
            "",
            "",
        ]
        self._under.write("\r\n".join(lines).encode())

    def data_received(self, data: bytes) -> None:
        """See asyncio.Protocol."""
        self._buffer += data
        if not self._upgraded and not self._answered():
            return
        while (found := self._frame()) is not None:
            opcode, payload = found
            self.opcodes.append(int(self._seen("opcode", str(opcode))))
            if opcode == PING:
                self.write_frame(PONG, payload)
            elif opcode <= BINARY:
                self._inner.data_received(payload)
            elif opcode == CLOSE:
                self.write_frame(CLOSE, payload[:2])
                self.close()

    def connection_lost(self, error: Exception | None) -> None:
        """See asyncio.Protocol."""
        if not self._open.done():
            self._open.set_exception(OSError(f"status {self.status or 'none'}"))
            self._open.exception()  # whoever waits for it is told; nobody has to
        self._inner.connection_lost(error)

    def _answered(self) -> bool:
        head, end, rest = bytes(self._buffer).partition(b"\r\n\r\n")
        if not end:
            return False
        status, *lines = head.decode("latin-1").split("\r\n")
        self.status = int(status.split()[1]) if len(status.split()) > 1 else 0
        for line in lines:
            name, _, value = line.partition(":")
            known = name.strip().lower()
            self.headers[known] = self._seen(known, value.strip())
        accept = base64.b64encode(hashlib.sha1(self._key + _MAGIC).digest()).decode()
        if self.status != 101 or self.headers.get("sec-websocket-accept") != accept:
            self._open.set_exception(NotTested(f"the upgrade was answered by {status}"))
            self.close()
            return False
        self._upgraded = True
        self._buffer = bytearray(rest)
        self._inner.connection_made(self)
        self._open.set_result(None)
        return True

    def _frame(self) -> tuple[int, bytes] | None:
        data = self._buffer
        if len(data) < 2:
            return None
        size, at = data[1] & 0x7F, 2
        if size >= 126:
            at = 4 if size == 126 else 10
            if len(data) < at:
                return None
            size = int.from_bytes(data[2:at])
        if len(data) < at + size:
            return None
        opcode, payload = data[0] & 0x0F, bytes(data[at : at + size])
        del data[: at + size]
        return opcode, payload

    # The MQTT side.

    def write(self, data: Any) -> None:
        """One binary frame."""
        self.write_frame(BINARY, bytes(data))

    def write_frame(self, opcode: int, payload: bytes, *, final: bool = True) -> None:
        """One frame, masked by zeros: legal, and a capture of it can be read."""
        size = len(payload)
        if size < 126:
            length = bytes([0x80 | size])
        elif size < 1 << 16:
            length = bytes([0x80 | 126]) + size.to_bytes(2)
        else:
            length = bytes([0x80 | 127]) + size.to_bytes(8)
        assert self._under
        self._under.write(bytes([final << 7 | opcode]) + length + bytes(4) + payload)

    def is_closing(self) -> bool:
        """See asyncio.Transport."""
        return self._under is None or self._under.is_closing()

    def close(self) -> None:
        """Ends the TCP side, behind a close frame where the upgrade is through."""
        if self._under and not self._under.is_closing():
            if self._upgraded:
                self.write_frame(CLOSE, b"\x03\xe8")
            self._under.close()

    def abort(self) -> None:
        """See asyncio.Transport."""
        if self._under:
            self._under.abort()

    def pause_reading(self) -> None:
        """See asyncio.Transport."""
        if self._under:
            self._under.pause_reading()
