"""One end of a simulated TCP connection as an asyncio transport."""

from __future__ import annotations

import asyncio
import contextvars
import errno
import os
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

from mqttlab.errors import VirtualTimeError

if TYPE_CHECKING:
    from mqttlab.lab import Device
    from mqttlab.streams import Streams

__all__ = ["StreamTransport"]

_HIGH_WATER_BYTES = 64 * 1024
_CAUSES = {"reset": errno.ECONNRESET, "timeout": errno.ETIMEDOUT}


class StreamTransport(asyncio.Transport):
    """As a socket's transport, but for half-closed connections: the end of one way ends both.

    `abort()` does what the kernel does when a socket is closed: FIN behind what it has taken, RST
    if something is unread. Bytes leave after the present callbacks, at the same instant.
    """

    def __init__(
        self, streams: Streams, stream: int, extra: dict[str, Any], device: Device | None,
        context: contextvars.Context,
    ) -> None:  # fmt: skip
        super().__init__(extra)
        self._streams, self._stream, self._context = streams, stream, context
        self.device = device
        """Where its program runs; None: at the site."""
        self._protocol: Any = None
        self._closing = self._lost = False
        self._paused_reading = self._paused_writing = False
        self._low, self._high = _HIGH_WATER_BYTES // 4, _HIGH_WATER_BYTES

    # What the program calls.

    def set_protocol(self, protocol: asyncio.BaseProtocol) -> None:
        """Bytes go to `protocol` from now on."""
        self._protocol = protocol

    def get_protocol(self) -> asyncio.BaseProtocol:
        """The protocol in use."""
        protocol: asyncio.BaseProtocol = self._protocol
        return protocol

    def write(self, data: bytes | bytearray | memoryview[Any]) -> None:
        """Queues bytes; nothing after close()."""
        if not isinstance(data, (bytes, bytearray, memoryview)):
            raise TypeError(
                f"data argument must be a bytes-like object, not {type(data).__name__!r}"
            )
        if self._closing or not data:
            return
        unwritten = self._streams.world.write(self._stream, bytes(data))
        if unwritten > self._high:
            self._pause_protocol()

    def writelines(self, list_of_data: Iterable[bytes | bytearray | memoryview[Any]]) -> None:
        """Queues them all."""
        self.write(b"".join(list_of_data))

    def write_eof(self) -> None:
        """Errors: VirtualTimeError, see the class; `can_write_eof()` says so before."""
        raise VirtualTimeError(
            "transport.write_eof() is not possible in virtual time: the end of one way ends both; "
            "use close()"
        )

    def can_write_eof(self) -> bool:
        """False: see the class."""
        return False

    def get_write_buffer_size(self) -> int:
        """Bytes that the socket has not taken yet."""
        return 0 if self._lost else self._streams.world.unwritten(self._stream)

    def get_write_buffer_limits(self) -> tuple[int, int]:
        """(low, high) in bytes."""
        return self._low, self._high

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        """Where pause_writing() and resume_writing() are called, in bytes."""
        if high is None:
            high = _HIGH_WATER_BYTES if low is None else 4 * low
        if low is None:
            low = high // 4
        if not high >= low >= 0:
            raise ValueError(f"high ({high!r}) must be >= low ({low!r}) must be >= 0")
        self._low, self._high = low, high
        if self.get_write_buffer_size() > high:
            self._pause_protocol()

    def is_reading(self) -> bool:
        """True unless paused or closing."""
        return not self._paused_reading and not self._closing

    def pause_reading(self) -> None:
        """The receive window closes, and then the sender's."""
        self._pause(True)

    def resume_reading(self) -> None:
        """Takes bytes again."""
        self._pause(False)

    def _pause(self, paused: bool) -> None:
        if not self._closing and self._paused_reading != paused:
            self._paused_reading = paused
            self._streams.world.pause(self._stream, paused)

    def is_closing(self) -> bool:
        """True after close() or abort(), and when the connection has ended."""
        return self._closing

    def close(self) -> None:
        """Ends the connection once everything is written; the protocol hears of it then."""
        if not self._closing:
            self._closing = True
            self._streams.world.close(self._stream)

    def abort(self) -> None:
        """Ends the connection now: what the socket has not taken is lost."""
        self._force_close(None)

    def _force_close(self, error: BaseException | None) -> None:
        if not self._lost:
            self._streams.world.end(self._stream, "fin")
            self.lose(error)

    # What the world tells, by way of Streams. The protocol is called as any callback is: later, and
    # in the context in which the connection was asked for.

    def begin(self, protocol: asyncio.BaseProtocol) -> None:
        """The connection stands."""
        self._protocol = protocol
        self._later(lambda: self._protocol.connection_made(self))

    def tell(self, news: str, value: Any) -> None:
        """Something has happened to the stream."""
        if news == "arrived":
            if value:
                self._later(self._arrived, value)
        elif news == "drained":
            self._later(self._drained)
        elif value == "fin" and not self._closing:
            self._later(self._eof)
        else:
            code = _CAUSES.get(value)
            self.lose(OSError(code, os.strerror(code)) if code else None)

    def lose(self, error: BaseException | None) -> None:
        """The connection is over: the protocol hears of it once, as the last thing."""
        self._closing = True
        if not self._lost:
            self._lost = True
            self._streams.forget(self._stream)
            self._later(lambda: self._protocol.connection_lost(error))

    def shut(self) -> None:
        """The run is over: whoever holds on to this may still call it."""
        self._closing = self._lost = True

    def _later(self, what: Callable[..., object], *args: Any) -> None:
        self._streams.loop.call_soon(what, *args, context=self._context)

    def _arrived(self, data: bytes) -> None:
        if self._lost:
            return
        try:
            if isinstance(self._protocol, asyncio.BufferedProtocol):
                _fill(self._protocol, data)
            else:
                self._protocol.data_received(data)
        except (SystemExit, KeyboardInterrupt):
            raise
        except BaseException as error:
            self._fatal(error, "protocol.data_received() call failed.")

    def _eof(self) -> None:
        if self._lost:
            return
        try:
            self._protocol.eof_received()
        except (SystemExit, KeyboardInterrupt):
            raise
        except BaseException as error:
            self._fatal(error, "protocol.eof_received() call failed.")
        self.lose(None)

    def _pause_protocol(self) -> None:
        if not self._paused_writing:
            self._paused_writing = True
            self._streams.world.await_drain(self._stream, self._low)
            self._call("pause_writing")

    def _drained(self) -> None:
        if self._paused_writing and not self._lost:
            self._paused_writing = False
            self._call("resume_writing")

    def _call(self, name: str) -> None:
        try:
            getattr(self._protocol, name)()
        except (SystemExit, KeyboardInterrupt):
            raise
        except BaseException as error:
            self._report(error, f"protocol.{name}() failed")

    def _fatal(self, error: BaseException, message: str) -> None:
        if not isinstance(error, OSError):
            self._report(error, f"Fatal error: {message}")
        self._force_close(error)

    def _report(self, error: BaseException, message: str) -> None:
        context = {"message": message, "exception": error, "transport": self}
        self._streams.loop.call_exception_handler({**context, "protocol": self._protocol})

    def __repr__(self) -> str:
        state = "closed" if self._lost else "closing" if self._closing else "open"
        return f"<StreamTransport {state} {self.get_extra_info('peername')}>"


def _fill(protocol: asyncio.BufferedProtocol, data: bytes) -> None:
    view = memoryview(data)
    while view:
        room: Any = protocol.get_buffer(len(view))
        if not len(room):
            raise RuntimeError("get_buffer() returned an empty buffer")
        size = min(len(room), len(view))
        room[:size] = view[:size]
        protocol.buffer_updated(size)
        view = view[size:]
