"""asyncio's byte streams on the simulated network: what `loop.create_connection` and
`loop.create_server` give, and so `asyncio.open_connection` and `asyncio.start_server`.

A program runs where its context says: `device.run(...)`, and the tasks that it makes. Outside of
any device it runs at the broker's site, which is where servers are.
"""

from __future__ import annotations

import asyncio
import contextvars
import errno
import os
import socket
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from mqttlab.errors import VirtualTimeError
from mqttlab.transports import StreamTransport

if TYPE_CHECKING:
    from mqttlab import _core
    from mqttlab.lab import Device
    from mqttlab.loop import VirtualLoop

__all__ = ["Streams", "place"]

Factory = Callable[[], asyncio.BaseProtocol]
Address = tuple[str, int]

place: contextvars.ContextVar[Device | None] = contextvars.ContextVar("place", default=None)
"""The device that the running program is on; None: the broker's site."""

_FIRST_FREE_PORT = 32_768
_ANY = (None, "", "0.0.0.0", "::")
_IGNORED = {
    "family", "proto", "flags", "backlog", "reuse_address", "reuse_port", "happy_eyeballs_delay",
    "interleave", "ssl_handshake_timeout", "ssl_shutdown_timeout", "server_hostname",
}  # fmt: skip


class Server(asyncio.AbstractServer):
    """A program that listens at the broker's site."""

    def __init__(self, streams: Streams, factory: Factory, port: int) -> None:
        self._streams, self._factory = streams, factory
        self._context = contextvars.copy_context()
        self._serving = self._closed = False
        self._over = streams.loop.create_future()
        self.port = port

    @property
    def sockets(self) -> tuple[StandIn, ...]:
        """One stand-in that knows name and port; there is no socket of the operating system."""
        here = (self._streams.site, self.port)
        return () if self._closed else (StandIn(here, None),)

    def accept(self, stream: int, here: Address, there: Address) -> None:
        """One more connection."""
        try:
            protocol = self._context.run(self._factory)
        except Exception as error:
            self._streams.world.end(stream, "reset")
            self._streams.loop.call_exception_handler(
                {"message": "Error on transport creation for incoming connection",
                 "exception": error}
            )  # fmt: skip
            return
        self._streams.open(stream, protocol, here, there, None, self._context)

    def listen(self) -> None:
        """Takes connections from now on."""
        if not self._serving and not self._closed:
            self._serving = True
            self._streams.listen(self)

    def close(self) -> None:
        """Listens no more; connections stay."""
        if not self._closed:
            self._closed = True
            if self._serving:
                self._streams.unlisten(self)
            if not self._over.done():
                self._over.set_result(None)

    def shut(self) -> None:
        """The run is over: close() does nothing any more."""
        self._closed = True

    def get_loop(self) -> asyncio.AbstractEventLoop:
        """The loop in virtual time."""
        return self._streams.loop

    def is_serving(self) -> bool:
        """True while it listens."""
        return self._serving and not self._closed

    async def start_serving(self) -> None:
        """Listens, if it was made with start_serving=False."""
        self.listen()

    async def serve_forever(self) -> None:
        """Listens until it is cancelled or closed."""
        self.listen()
        try:
            await asyncio.shield(self._over)
        finally:
            self.close()

    async def wait_closed(self) -> None:
        """Returns after close()."""
        await asyncio.shield(self._over)


class StandIn:
    """What programs ask a transport's or server's socket for."""

    def __init__(self, here: Address, there: Address | None) -> None:
        self._here, self._there = here, there

    def getsockname(self) -> Address:
        """Of this end."""
        return self._here

    def getpeername(self) -> Address:
        """Of the other end."""
        if self._there is None:
            raise OSError(errno.ENOTCONN, os.strerror(errno.ENOTCONN))
        return self._there

    def setsockopt(self, *_: Any) -> None:
        """Does nothing: sockets are as the world's TCP profile says."""


class _Dial:
    """A connection that a program waits for."""

    def __init__(self, streams: Streams, factory: Factory, device: Device, to: Address) -> None:
        self.factory, self.device, self.to = factory, device, to
        self.context = contextvars.copy_context()
        self.done = streams.loop.create_future()

    def fail(self, error: BaseException) -> None:
        """The program hears of it, if it still waits."""
        if not self.done.done():
            self.done.set_exception(error)


class Streams:
    """All byte streams of one run that belong to programs in asyncio."""

    def __init__(self, world: _core.World, loop: VirtualLoop, site: str) -> None:
        from mqttlab import _sim

        self.world = _sim.Streams(world)
        self.loop = loop
        self.site = site
        """The only host name there is: the broker's."""
        self._servers: dict[int, Server] = {}
        self._transports: dict[int, StreamTransport] = {}
        self._dials: dict[int, _Dial] = {}

    # For the event loop.

    async def connect(self, factory: Factory, host: Any, port: Any, options: dict[str, Any]) -> Any:
        """As loop.create_connection."""
        _refuse("create_connection", options, port)
        device = place.get()
        if device is None:
            raise OSError(
                errno.ENETUNREACH,
                f"connect to {host}:{port}: this runs on no device; write await device.run(...)",
            )
        if host != self.site:
            raise socket.gaierror(
                socket.EAI_NONAME,
                f"connect to {host!r}: no such host in this run; there is {self.site!r}",
            )
        if not device.alive:
            raise OSError(errno.ENETDOWN, f"connect to {host}: device {device.name} is dead")
        dial = _Dial(self, factory, device, (host, port))
        stream = self.world.dial(device.actor, port)
        self._dials[stream] = dial
        try:
            return await dial.done
        except BaseException:
            if self._dials.pop(stream, None):
                self.world.end(stream, "fin")
            raise

    async def serve(
        self, factory: Factory, host: Any, port: Any, start_serving: bool, options: dict[str, Any]
    ) -> Server:
        """As loop.create_server."""
        _refuse("create_server", options, port or 0)
        device = place.get()
        if device is not None:
            raise OSError(
                errno.EADDRNOTAVAIL,
                f"listen on {device.name}: devices take no connections; run the server outside of "
                "device.run(...), at the broker's site",
            )
        for one in host if isinstance(host, (list, tuple)) else [host]:
            if one not in (*_ANY, self.site):
                raise OSError(errno.EADDRNOTAVAIL, f"listen at {one!r}: this site is {self.site!r}")
        if not port:
            port = next(n for n in range(_FIRST_FREE_PORT, 65_536) if n not in self._servers)
        server = Server(self, factory, port)
        if start_serving:
            server.listen()
        return server

    def listen(self, server: Server) -> None:
        """A server begins. Errors: OSError if the port is taken, as by the broker."""
        if not self.world.listen(server.port):
            raise OSError(
                errno.EADDRINUSE,
                f"listen at port {server.port} of {self.site}: it is taken; choose another one",
            )
        self._servers[server.port] = server

    def unlisten(self, server: Server) -> None:
        """Dials to its port are refused."""
        del self._servers[server.port]
        self.world.unlisten(server.port)

    # For the lab.

    def deliver(self) -> None:
        """Hands out what has happened, in the world's order."""
        for stream, news, value in self.world.take():
            if news == "accepted":
                here, there = value
                self._servers[here[1]].accept(stream, here, there)
            elif news == "opened":
                self._opened(stream, *value)
            elif stream in self._dials:
                self._failed(self._dials.pop(stream), value)
            elif stream in self._transports:
                self._transports[stream].tell(news, value)

    def _opened(self, stream: int, here: Address, there: Address) -> None:
        dial = self._dials.pop(stream, None)
        if dial is None:  # cancelled meanwhile, and ended by that
            return
        try:
            protocol = dial.context.run(dial.factory)
        except Exception as error:
            self.world.end(stream, "reset")
            dial.fail(error)
            return
        transport = self.open(stream, protocol, here, there, dial.device, dial.context)
        self.loop.call_soon(_through, dial.done, transport, protocol)

    def _failed(self, dial: _Dial, cause: str) -> None:
        if cause == "local":
            code = errno.EADDRNOTAVAIL
        else:
            code = errno.ETIMEDOUT if cause == "timeout" else errno.ECONNREFUSED
        dial.fail(OSError(code, f"Connect call failed {dial.to}"))

    def open(
        self, stream: int, protocol: asyncio.BaseProtocol, here: Address, there: Address,
        device: Device | None, context: contextvars.Context,
    ) -> StreamTransport:  # fmt: skip
        """A stream's transport, which its protocol is told of."""
        extra = {"sockname": here, "peername": there, "socket": StandIn(here, there)}
        transport = StreamTransport(self, stream, extra, device, context)
        self._transports[stream] = transport
        transport.begin(protocol)
        return transport

    def forget(self, stream: int) -> None:
        """The stream is over, and its protocol knows."""
        self._transports.pop(stream, None)

    def die(self, device: Device, how: str) -> None:
        """The device's streams end so; its programs hear that they are on a dead device."""
        error = OSError(errno.ENETDOWN, f"device {device.name} is dead")
        for stream, transport in list(self._transports.items()):
            if transport.device is device:
                self.world.end(stream, how)
                transport.lose(error)
        for stream, dial in self._dials.items():
            if dial.device is device:
                self.world.end(stream, "silent")
                dial.fail(error)

    def close(self) -> None:
        """The run is over: what is open does nothing any more."""
        for transport in self._transports.values():
            transport.shut()
        for server in self._servers.values():
            server.shut()
        self._transports.clear()
        self._servers.clear()
        self._dials.clear()


def _through(done: asyncio.Future[Any], transport: StreamTransport, protocol: Any) -> None:
    if done.done():
        transport.abort()  # cancelled
    else:
        done.set_result((transport, protocol))


def _refuse(where: str, options: dict[str, Any], port: Any) -> None:
    if not isinstance(port, int) or not 0 <= port <= 65_535:
        raise OverflowError(f"loop.{where}: port {port!r} is no number from 0 to 65535")
    for name, value in options.items():
        if value and name not in _IGNORED:
            remedy = "give host and port alone"
            if name == "ssl":
                remedy = "a client of the lab speaks TLS: device.client(transport='tls')"
            raise VirtualTimeError(
                f"loop.{where}: {name}={value!r} is not possible in virtual time; {remedy}"
            )
