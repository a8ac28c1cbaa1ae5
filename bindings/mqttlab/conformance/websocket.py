"""Both ends of WebSocket (RFC 6455), as far as MQTT needs it: bytes in, bytes out."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import secrets
from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any, ClassVar, cast

from mqttlab.conformance.verdicts import NotTested, TargetError

__all__ = ["BINARY", "CLOSE", "TEXT", "WebSocketClient", "WebSocketServer"]

TEXT, BINARY, CLOSE, PING, PONG = 1, 2, 8, 9, 10
_MAGIC = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
_UPGRADE_S = 5.0


class _WebSocket(asyncio.Protocol, asyncio.Transport, ABC):
    """A protocol for the TCP or TLS side, and the transport of the MQTT side."""

    _masks: ClassVar[bytes]

    def __init__(
        self, inner: asyncio.Protocol, seen: Callable[[str, str], str] = lambda what, value: value
    ) -> None:
        asyncio.Transport.__init__(self)
        self._inner, self._seen = inner, seen
        self._buffer = bytearray()
        self._under: asyncio.Transport | None = None
        self._upgraded = False
        self.headers: dict[str, str] = {}  # of the other end, names in lower case
        self.opcodes: list[int] = []  # of the frames that came

    # The TCP side.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """See asyncio.Protocol."""
        self._under = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        """See asyncio.Protocol."""
        self._buffer += data
        if not self._upgraded and not self._opened():
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
        self._inner.connection_lost(error)

    @abstractmethod
    def _opened(self) -> bool:
        """What has come makes the upgrade complete."""

    def _head(self) -> str:
        """The first line of the other end's head, whose headers are kept; "" if it has not all
        come.
        """
        head, end, rest = bytes(self._buffer).partition(b"\r\n\r\n")
        if not end:
            return ""
        first, *lines = head.decode("latin-1").split("\r\n")
        for line in lines:
            name, _, value = line.partition(":")
            known = name.strip().lower()
            self.headers[known] = self._seen(known, value.strip())
        self._buffer = bytearray(rest)
        return first

    def _open_inner(self) -> None:
        self._upgraded = True
        self._inner.connection_made(self)

    def _frame(self) -> tuple[int, bytes] | None:
        data = self._buffer
        if len(data) < 2:
            return None
        masked, size, at = data[1] >> 7, data[1] & 0x7F, 2
        if size >= 126:
            at = 4 if size == 126 else 10
            if len(data) < at:
                return None
            size = int.from_bytes(data[2:at])
        key, at = bytes(data[at : at + 4]) if masked else bytes(4), at + 4 * masked
        if len(data) < at + size:
            return None
        opcode, payload = data[0] & 0x0F, bytes(data[at : at + size])
        if any(key):
            payload = bytes(byte ^ key[i % 4] for i, byte in enumerate(payload))
        del data[: at + size]
        return opcode, payload

    # The MQTT side.

    def write(self, data: Any) -> None:
        """One binary frame."""
        self.write_frame(BINARY, bytes(data))

    def write_frame(self, opcode: int, payload: bytes, *, final: bool = True) -> None:
        """One frame; a client's mask is zeros, so that a capture of it can be read: a knowing
        departure from RFC 6455, 5.3, which wants one that nobody can foresee.
        """
        size = len(payload)
        masked = 0x80 if self._masks else 0
        if size < 126:
            length = bytes([masked | size])
        elif size < 1 << 16:
            length = bytes([masked | 126]) + size.to_bytes(2)
        else:
            length = bytes([masked | 127]) + size.to_bytes(8)
        assert self._under
        self._under.write(bytes([final << 7 | opcode]) + length + self._masks + payload)

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        """See asyncio.Transport."""
        return self._under.get_extra_info(name, default) if self._under else default

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


class WebSocketClient(_WebSocket):
    """The end that asks for the upgrade."""

    _masks = bytes(4)

    def __init__(self, inner: asyncio.Protocol, host: str, path: str, *seen: Any) -> None:
        super().__init__(inner, *seen)
        self._host, self._path = host, path
        self._key = base64.b64encode(secrets.token_bytes(16))  # of the run's seed in virtual time
        self._open: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.status = 0

    async def upgraded(self) -> None:
        """The server has switched to WebSocket."""
        try:
            await asyncio.wait_for(asyncio.shield(self._open), _UPGRADE_S)
        except (TimeoutError, OSError) as error:
            raise TargetError(f"no upgrade to WebSocket: {error or 'no answer'}") from None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """See asyncio.Protocol."""
        super().connection_made(transport)
        assert self._under
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

    def connection_lost(self, error: Exception | None) -> None:
        """See asyncio.Protocol."""
        if not self._open.done():
            self._open.set_exception(OSError(f"status {self.status or 'none'}"))
            self._open.exception()  # whoever waits for it is told; nobody has to
        super().connection_lost(error)

    def _opened(self) -> bool:
        status = self._head()
        if not status:
            return False
        code = [*status.split(), "", ""][1]
        self.status = int(code) if code.isascii() and code.isdigit() else 0
        if self.status != 101 or self.headers.get("sec-websocket-accept") != _accept(self._key):
            self._open.set_exception(NotTested(f"the upgrade was answered by {status}"))
            self.close()
            return False
        self._open_inner()
        self._open.set_result(None)
        return True


class WebSocketServer(_WebSocket):
    """The end that grants it, whatever it is asked for, to MQTT if that is among it."""

    _masks = b""

    def _opened(self) -> bool:
        if not self._head():
            return False
        lines = [
            "HTTP/1.1 101 Switching Protocols",
            "Upgrade: websocket",
            "Connection: Upgrade",
            f"Sec-WebSocket-Accept: {_accept(self.headers.get('sec-websocket-key', '').encode())}",
        ]
        if "mqtt" in self.offered:
            lines.append("Sec-WebSocket-Protocol: mqtt")
        assert self._under
        self._under.write("\r\n".join([*lines, "", ""]).encode())
        self._open_inner()
        return True

    @property
    def offered(self) -> list[str]:
        """The subprotocols that the client lists."""
        return [one.strip() for one in self.headers.get("sec-websocket-protocol", "").split(",")]


def _accept(key: bytes) -> str:
    return base64.b64encode(hashlib.sha1(key + _MAGIC).digest()).decode()
