"""What is judged: a broker at an address, or one that is started for the run."""

from __future__ import annotations

import asyncio
import contextlib
import re
import socket
import ssl
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Awaitable, Callable, Coroutine, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from errno import ENOENT
from pathlib import Path
from typing import Any, cast
from urllib.parse import urlsplit

from mqttlab import programs
from mqttlab.conformance.cases import VERSIONS
from mqttlab.conformance.profiles import profiled
from mqttlab.conformance.times import LIVE, Times
from mqttlab.conformance.verdicts import Ending, NotClaimed, TargetError
from mqttlab.conformance.websocket import WebSocketClient
from mqttlab.conformance.wire import Packet, Parser, decode, encode
from mqttlab.errors import Error, UsageError

__all__ = ["OURS", "Endpoint", "Target", "serve"]

_SCHEMES = {"tcp": 1883, "tls": 8883, "ws": 80, "wss": 443}
_REACH_S = 5.0  # for each version
_STARTED_S = 1.0
_LOGIN = (4, 5, 0x86, 0x87, 0x8C)  # CONNACK, of who has no login, or another one
_ENDPOINTS = {
    "plain": "",
    "websocket": "MQTT over WebSocket",
    "limited": "a listener that takes less than all of MQTT, such as QoS 1 at most",
    "guarded": "a listener that asks who connects, and lets not everybody do everything",
}


_GUARDS = {
    "user": "users with passwords",
    "forbidden": "a topic that a user must not publish to",
    "scram_user": "enhanced authentication by SCRAM-SHA-256",
    "scram_password": "enhanced authentication by SCRAM-SHA-256",
}


@dataclass(frozen=True)
class Endpoint:
    """Where it listens."""

    scheme: str
    host: str
    port: int
    path: str = "/mqtt"

    @classmethod
    def parse(cls, text: str, where: str = "--target") -> Endpoint:
        """HOST:PORT, or tcp://, tls://, ws://, wss:// with a path."""
        url = urlsplit(text if "://" in text else f"tcp://{text}")
        try:
            port = url.port
        except ValueError:
            port = None
        if url.scheme not in _SCHEMES or not url.hostname or (port is None and "://" not in text):
            known = "://, ".join(_SCHEMES) + "://"
            raise UsageError(f"{where} {text!r}: write HOST:PORT, or an address with {known}")
        return cls(url.scheme, url.hostname, port or _SCHEMES[url.scheme], url.path or "/mqtt")

    @property
    def authority(self) -> str:
        """HOST:PORT, as a URL has them."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}"

    def __str__(self) -> str:
        path = self.path if self.scheme.startswith("ws") else ""
        return f"{self.scheme}://{self.authority}{path}"


@dataclass
class Target:
    """A broker, its listeners by what they are for, and what a profile says of it."""

    name: str
    endpoints: dict[str, Endpoint]
    profile: dict[str, Any] = field(default_factory=dict)
    process: subprocess.Popen[bytes] | None = None
    restart: Callable[[], None] | None = None
    times: Times = LIVE
    complete: Callable[[Coroutine[Any, Any, Any]], Any] = asyncio.run
    """Runs a coroutine that speaks to the target; what it returns."""
    at: Callable[[str, Awaitable[Any]], Awaitable[Any]] = lambda name, program: program
    """Runs something where it has a link of its own, if the target has such places."""

    async def open(
        self,
        peer: asyncio.Protocol,
        on: str = "plain",
        seen: Callable[[str, str], str] = lambda what, value: value,
    ) -> None:
        """Connects; what the peer says and hears is MQTT, whatever is beneath. `seen`: what the
        peer sees of WebSocket's headers and opcodes.
        """
        endpoint = self.endpoint(on)
        if endpoint.scheme.startswith("ws"):
            socket_side = WebSocketClient(peer, endpoint.authority, endpoint.path, seen)
            await self._connect(lambda: socket_side, on)
            await socket_side.upgraded()
        else:
            await self._connect(lambda: peer, on)

    async def reach(self) -> None:
        """Connects once, before any case does. Errors: Error, with what can be done."""
        address = self.endpoints["plain"]
        try:
            said = await self.greeted(_REACH_S)
        except Ending as error:
            remedy = "see that a broker listens there"
            if self.endpoints["plain"].scheme in ("tls", "wss"):
                remedy += ", and that the profile's cafile has its authority"
            raise Error(f"{error}; {remedy}") from None
        except OSError as error:
            named = self.profile.get("cafile")
            raise UsageError(f"profile: cafile = {named!r}: {error.strerror or error}") from None
        if said:
            raise Error(
                f"{address} accepts no CONNECT: {said}; see that it speaks MQTT, and which versions"
            )

    async def greeted(self, within_s: float) -> str:
        """Why no CONNECT, of any of its versions, was accepted; "" if one was. Errors: Error if it
        asks for a login; else as `open`.
        """
        why = ""
        for version in self.profile.get("versions", VERSIONS):
            greeting = _Greeting(VERSIONS[version], self.login("plain"), self.profile)
            try:
                async with asyncio.timeout(within_s):
                    await self.open(greeting)
                    answer = await greeting.answer
            except TimeoutError:
                why = f"no answer within {within_s:g} s"
                continue
            finally:
                greeting.end()
            if answer is None:
                why = "it closes the connection"
            elif answer.type != "CONNACK" or answer.violation:
                why = f"it answers {answer.raw[:16]!r}"
            elif (code := answer.fields["reason"]) == 0:
                return ""
            elif code in _LOGIN:
                raise Error(
                    f"{self.endpoints['plain']} refuses CONNECT with 0x{code:02X}: it asks who "
                    "connects; write user and password of the profile's [login]"
                )
            else:
                why = f"it refuses with 0x{code:02X}"
        return why

    async def _connect(self, protocol: Callable[[], asyncio.Protocol], on: str) -> None:
        endpoint = self.endpoint(on)
        context = None
        if endpoint.scheme in ("tls", "wss"):
            context = ssl.create_default_context(cafile=self.profile.get("cafile"))
            if self.profile.get("insecure"):
                context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        loop = asyncio.get_running_loop()
        try:
            await loop.create_connection(protocol, endpoint.host, endpoint.port, ssl=context)
        except OSError as error:
            said = f"no connection to {endpoint}: {error.strerror or error}"
            if self.process and (code := self.process.poll()) is not None:
                said = f"the target has exited with {code}; {said}"
            raise TargetError(said) from None

    def endpoint(self, on: str) -> Endpoint:
        """A listener; ends the case as not claimed if there is none."""
        if on not in self.endpoints:
            raise NotClaimed(_ENDPOINTS[on])
        return self.endpoints[on]

    def login(self, on: str) -> dict[str, Any]:
        """The fields of CONNECT that say who connects."""
        who = self.profile.get("guarded" if on == "guarded" else "login", {})
        return {
            key: who[name]
            for key, name in (("user_name", "user"), ("password", "password"))
            if name in who
        }

    def guard(self, key: str) -> str:
        """Of the profile's [guarded]; ends the case as not claimed if it is not said."""
        value = self.profile.get("guarded", {}).get(key)
        if value is None or "guarded" not in self.endpoints:
            raise NotClaimed(f"{_GUARDS[key]} (profile: guarded.{key})")
        return str(value)


class _Greeting(asyncio.Protocol):
    """One CONNECT, and what is answered."""

    def __init__(self, version: int, login: dict[str, Any], profile: dict[str, Any]) -> None:
        keep_alive_s = profile.get("keep_alive_s", 0)
        self._version = version
        self._connect = encode(
            "CONNECT", version, client_id="greeting", keep_alive_s=keep_alive_s, **login
        )
        self._parser = Parser()
        self._transport: asyncio.BaseTransport | None = None
        self.answer: asyncio.Future[Packet | None] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport
        cast(asyncio.Transport, transport).write(self._connect)

    def data_received(self, data: bytes) -> None:
        for raw in self._parser.feed(data):
            self._answered(decode(raw, False, self._version))

    def connection_lost(self, error: Exception | None) -> None:
        self._answered(None)

    def _answered(self, packet: Packet | None) -> None:
        if not self.answer.done():
            self.answer.set_result(packet)

    def end(self) -> None:
        if self._transport and not self._transport.is_closing():
            cast(asyncio.Transport, self._transport).write(encode("DISCONNECT", self._version))
            self._transport.close()


OURS = """
name = "mqttlab"
start = ["{mqttlab-broker}", "--listen", "tcp://127.0.0.1:{port1}", "--listen",
         "ws://127.0.0.1:{port2}/mqtt", "--allow-anonymous", "--receive-maximum",
         "{receive_maximum}"]
also = [
  ["{mqttlab-broker}", "--listen", "tcp://127.0.0.1:{port3}", "--allow-anonymous",
   "--max-qos", "{maximum_qos}", "--max-packet-size", "{max_packet_size}", "--no-retained",
   "--no-wildcards", "--no-shared", "--no-identifiers"],
  ["{mqttlab-broker}", "--listen", "tcp://127.0.0.1:{port4}", "--passwords",
   "{directory}/users", "--scram", "--acl", "{directory}/acl"],
]
[endpoints]
plain = "tcp://127.0.0.1:{port1}"
websocket = "ws://127.0.0.1:{port2}/mqtt"
limited = "tcp://127.0.0.1:{port3}"
guarded = "tcp://127.0.0.1:{port4}"
[limits]
receive_maximum = 100
maximum_qos = 1
max_packet_size = 2000
[guarded]
user = "ada"
password = "engine"
forbidden = "secret/engine"
scram_user = "grace"
scram_password = "compiler"
[files]
acl = "user ada\\ntopic readwrite c/#\\nuser grace\\ntopic readwrite c/#\\n"
"""


@contextmanager
def serve(name: str, profile: Path | None = None) -> Iterator[Target]:
    """The target while the block lasts. `name`: "live", an address, or "profile" for one that the
    profile starts. Errors: UsageError, Error if what is to be started does not listen.
    """
    said = profiled(profile) if profile else tomllib.loads(OURS if name == "live" else "")
    if "start" not in said:
        listed = said.get("endpoints", {})
        endpoints = {name: Endpoint.parse(url, str(profile)) for name, url in listed.items()}
        address = Endpoint.parse(name)
        endpoints["plain"] = address
        if address.scheme.startswith("ws"):
            endpoints.setdefault("websocket", address)
        there = Target(said.get("name", str(address)), endpoints, said)
        asyncio.run(there.reach())
        yield there
        return
    with tempfile.TemporaryDirectory(prefix="mqttlab-") as directory:
        here = profile.resolve().parent if profile else Path()
        yield from _started(said, Path(directory), here)


def _started(said: dict[str, Any], directory: Path, here: Path) -> Iterator[Target]:
    limits = {name: str(value) for name, value in said.get("limits", {}).items()}
    names = {"directory": str(directory), "here": str(here), "python": sys.executable}
    names |= _ports(str(said)) | limits
    if "{mqttlab-broker}" in str(said):
        names["mqttlab-broker"] = programs.path_of("mqttlab-broker")
        _users(said["guarded"], directory / "users")

    def fill(text: str) -> str:
        for name, value in names.items():
            text = text.replace("{" + name + "}", value)
        return text

    for file, text in said.get("files", {}).items():
        path = directory / file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(fill(text))
    endpoints = {k: Endpoint.parse(fill(v)) for k, v in said["endpoints"].items()}
    target = Target(said["name"], endpoints, said)
    processes: list[subprocess.Popen[bytes]] = []
    within_s = float(said.get("start_within_s", programs.START_S))

    def start() -> None:
        for process in processes:
            programs.stop(process)
        processes.clear()
        for words in (said["start"], *said.get("also", ())):
            log = (directory / f"log{len(processes)}").open("wb")
            with log:
                program, *arguments = map(fill, words)
                command = [programs.installed(program) or program, *arguments]
                try:
                    processes.append(subprocess.Popen(command, stdout=log, stderr=log))
                except OSError as error:
                    why = "is not there" if error.errno == ENOENT else f"is {error.strerror}"
                    raise Error(f"profile: start: {program} {why}; install it") from None
        target.process = processes[0]
        for endpoint in endpoints.values():
            logs = sorted(directory.glob("log*"))
            programs.listening(endpoint.host, endpoint.port, processes, logs, within_s)

    target.restart = start
    try:
        start()
        with contextlib.suppress(Ending):  # the cases say what it is like
            asyncio.run(target.greeted(_STARTED_S))
        yield target
    finally:
        for process in processes:
            programs.stop(process)


def _ports(text: str) -> dict[str, str]:
    """A free port for each of {port1}, {port2}, ... in the profile."""
    wanted = sorted(set(re.findall(r"\{(port\d+)\}", text)))
    probes = {name: socket.create_server(("127.0.0.1", 0)) for name in wanted}
    ports = {name: str(probe.getsockname()[1]) for name, probe in probes.items()}
    for probe in probes.values():
        probe.close()
    return ports


def _users(guarded: dict[str, str], path: Path) -> None:
    """A password file of ours, for passwords and for SCRAM."""
    words = [programs.path_of("mqttlab-passwd"), "--create", "--scram", "--stdin", str(path)]
    lines = [f"{guarded[name + 'user']}:{guarded[name + 'password']}\n" for name in ("", "scram_")]
    subprocess.run(words, input="".join(lines).encode(), check=True, capture_output=True)
