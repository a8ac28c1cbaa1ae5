"""Clients as targets: programs with a driver, or drivers on asyncio in virtual time."""

from __future__ import annotations

import asyncio
import contextlib
import importlib
import json
import os
import re
import runpy
import shlex
import shutil
import signal
import sys
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib import resources
from pathlib import Path
from typing import Any, cast

from mqttlab.conformance.cases import VERSIONS, Case
from mqttlab.conformance.client_trial import ClientTrial
from mqttlab.conformance.drivers.console import Drive, Orders
from mqttlab.conformance.profiles import profiled
from mqttlab.conformance.sabotage import Recipe, Sabotage
from mqttlab.conformance.target import Target
from mqttlab.conformance.times import PROGRAMS
from mqttlab.conformance.verdicts import TargetError
from mqttlab.errors import Error, UsageError

__all__ = ["SHIPPED", "Clients", "Driver", "clients", "hosted"]

HOST = "127.0.0.1"
_HELLO_S = 20.0  # from the start of a program to its first word; some load a whole language first
_QUIT_S = 3.0
_KILLED_S = 1.0  # until a killed driver's last words are read
_LINE_BYTES = 2**24
_MODULE = ["{python}", "-m"]
_DRIVERS = "mqttlab.conformance.drivers"
SHIPPED = {
    "live": [*_MODULE, f"{_DRIVERS}.ours", "{host}", "{port}"],
    "paho": [*_MODULE, f"{_DRIVERS}.paho_driver", "{host}", "{port}"],
    "gmqtt": [*_MODULE, f"{_DRIVERS}.gmqtt_driver", "{host}", "{port}"],
    "mqttjs": ["{node}", "{drivers}/mqttjs.cjs", "{host}", "{port}"],
    "mosquitto": [*_MODULE, f"{_DRIVERS}.commands", "{host}", "{port}", "mosquitto"],
    "mqttlab-pub": [*_MODULE, f"{_DRIVERS}.commands", "{host}", "{port}", "mqttlab"],
}
"""Commands of the drivers that come with this package, by the names that --client takes."""


class Driver(ABC):
    """A driver that runs: orders to it, events of it."""

    def __init__(self, trial: ClientTrial) -> None:
        self._trial = trial
        self.events: list[dict[str, Any]] = []
        self.name = ""
        self.features: list[str] = []
        self.least_keep_alive_s = 1
        self.died = ""  # of what, if it ended before it was told to

    def order(self, order: dict[str, Any]) -> None:
        """Tells it what to do."""
        self._trial.ordered(order)
        self._hand(order)

    @abstractmethod
    def _hand(self, order: dict[str, Any]) -> None:
        """Passes an order on."""

    @abstractmethod
    async def stop(self) -> None:
        """Tells it to quit, and sees that it does."""

    def tell(self, event: str, **fields: Any) -> None:
        """What it says."""
        if event == "hello":
            name, features = fields["name"], fields["features"]
            least_s = fields.get("least_keep_alive_s", 1)
            texts = [name, *features] if isinstance(features, list) else [None]
            if not name or not all(isinstance(text, str) for text in texts):
                raise TypeError("hello: name is a text, features a list of texts")
            if not isinstance(least_s, int):
                raise TypeError("hello: least_keep_alive_s is a number of seconds")
            self.name, self.features, self.least_keep_alive_s = name, features, least_s
            self._trial.told()
        else:
            events = self._trial.sabotage.event({"event": event, **fields})
            self.events += events
            self._trial.told(*events)

    def die(self, what: str) -> None:
        """It has ended by itself."""
        self.died = self.died or what
        self._trial.told()


class _Program(Driver):
    """A driver in a process of its own."""

    process: asyncio.subprocess.Process
    _reader: asyncio.Task[None]

    async def start(self, command: list[str]) -> None:
        pipe = asyncio.subprocess.PIPE
        try:
            self.process = await asyncio.create_subprocess_exec(
                *command, stdin=pipe, stdout=pipe, stderr=pipe, limit=_LINE_BYTES,
                start_new_session=True,
            )  # fmt: skip
        except OSError as error:
            raise TargetError(f"{command[0]}: {error.strerror}") from None
        self._quitting = False
        self._reader = asyncio.create_task(self._read())

    async def _read(self) -> None:
        assert self.process.stdout
        assert self.process.stderr
        complaint = asyncio.create_task(self.process.stderr.read())
        try:
            async for line in self.process.stdout:
                if line.endswith(b"\n"):  # else its end cut it off
                    self._heard(line)
        except ValueError:  # of readline
            self.die(f"the driver says a line of more than {_LINE_BYTES} bytes, which is no event")
        code = await self.process.wait()
        if not self._quitting or code:
            self.die(f"the driver has exited with {code}: {_gist(await complaint)}")

    def _heard(self, line: bytes) -> None:
        try:
            self.tell(**json.loads(line))
        except (ValueError, TypeError, KeyError):
            self.die(f"the driver says {line[:80]!r}, which is no event")

    def _hand(self, order: dict[str, Any]) -> None:
        assert self.process.stdin
        with contextlib.suppress(ConnectionError):
            self.process.stdin.write(json.dumps(order).encode() + b"\n")

    async def stop(self) -> None:
        assert self.process.stdin
        self._quitting = True
        if self.died:
            self._kill()
        self._hand({"do": "quit"})
        self.process.stdin.close()
        try:
            done, _ = await asyncio.wait([self._reader], timeout=_QUIT_S)
            if not done:
                self.die(f"the driver does not quit within {_QUIT_S:g} s")
        finally:
            self._kill()
        done, _ = await asyncio.wait([self._reader], timeout=_KILLED_S)
        if not done:  # what it started has a session of its own, and its pipes
            self._reader.cancel()
        self.process._transport.close()  # type: ignore[attr-defined]

    def _kill(self) -> None:
        """With all that it started."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)


def _gist(complaint: bytes) -> str:
    """The line of a traceback, or of Python's own crash, that says what it was."""
    lines = [line.strip() for line in complaint.decode(errors="replace").splitlines()]
    named = [line for line in lines if re.match(r"\S*Error|Fatal Python error", line)]
    return next(reversed(named or [line for line in lines if line]), "nothing on standard error")


class _Coroutine(Driver):
    """A driver on this event loop."""

    _task: asyncio.Task[None]

    def begin(self, run: Callable[[Awaitable[None]], Awaitable[None]], drive: Drive,
              host: str, port: int) -> None:  # fmt: skip
        self._orders: Orders = asyncio.Queue()
        self._task = asyncio.ensure_future(run(drive(self._orders, self.tell, host, port)))
        self._task.add_done_callback(self._done)

    def _done(self, task: asyncio.Task[None]) -> None:
        if not task.cancelled() and (error := task.exception()):
            self.die(f"the driver: {type(error).__name__}: {error}")

    def _hand(self, order: dict[str, Any]) -> None:
        self._orders.put_nowait(order)

    async def stop(self) -> None:
        self._hand({"do": "quit"})
        done, _ = await asyncio.wait([self._task], timeout=self._trial.times.patience_s)
        if not done:
            self.die("the driver does not quit")
            self._task.cancel()


Begin = Callable[[ClientTrial, str, int], Awaitable[Driver]]


@dataclass
class Clients(Target):
    """A client to be judged: how one is started, and where its server listens."""

    host: str = HOST
    begin: Begin = field(kw_only=True)

    async def listen(self, accept: Callable[[], asyncio.Protocol]) -> tuple[Any, str, int]:
        """A server for one case, with its host and port."""
        server = await asyncio.get_running_loop().create_server(accept, self.host, 0)
        return server, self.host, server.sockets[0].getsockname()[1]

    async def start(self, trial: ClientTrial, host: str, port: int) -> Driver:
        """A driver that has said hello. Errors: TargetError."""
        driver = await self.begin(trial, host, port)
        due = trial.now + _HELLO_S
        await trial.until(lambda: driver.name or driver.died or trial.now > due, _HELLO_S)
        if not driver.name:
            await driver.stop()
            raise TargetError(f"no hello: {driver.died or f'nothing within {_HELLO_S:g} s'}")
        if driver.name not in self.name:
            self.name = f"{driver.name} {self.name}".strip()
        return driver


@contextmanager
def clients(
    name: str, profile: Path | None, seed: int, impairment: str | None, pcap: Path | None
) -> Iterator[Clients]:
    """The target while the block lasts. `name`: "sim", one of SHIPPED, or a command with {host}
    and {port}. `profile`: of a driver on asyncio, for "sim". Errors: UsageError.
    """
    if name == "sim":
        from mqttlab.conformance.simulated import CLEAN, simulated_clients  # it needs ns-3

        yield simulated_clients(seed, impairment or CLEAN, pcap, _drive(profile))
        return
    if profile:
        raise UsageError(f"--profile {profile}: of clients, only --client sim has one")
    try:
        words = SHIPPED.get(name) or shlex.split(name)
    except ValueError as error:
        raise UsageError(f"--client {name!r}: {error}; write a command of a shell") from None
    if not any("{port}" in word for word in words):
        shipped = ", ".join(["sim", *SHIPPED])
        raise UsageError(
            f"--client {name!r}: write {shipped}, or a command with {{host}} and {{port}}"
        )
    target = Clients(
        "",
        {},
        times=PROGRAMS,
        begin=lambda trial, host, port: _launch(trial, words, host, port),
    )
    asyncio.run(_reach(target))
    yield target


async def _reach(target: Clients) -> None:
    """One driver says hello, before any case needs one."""

    async def nothing(trial: ClientTrial) -> None:
        return

    case = Case("hello", (), "", "", nothing, Recipe("", Sabotage), end="client")
    trial = ClientTrial(case, VERSIONS["3.1.1"], target, target.times, "hello")
    try:
        driver = await target.start(trial, HOST, 1)
    except TargetError as error:
        raise Error(f"--client: {error}; see that it is installed where it is looked for") from None
    await driver.stop()


async def _launch(trial: ClientTrial, words: list[str], host: str, port: int) -> Driver:
    names = {
        "python": sys.executable,
        "node": shutil.which("node") or "node",
        "drivers": str(resources.files(_DRIVERS)),
        "host": host,
        "port": str(port),
    }
    command = []
    for word in words:
        for key, value in names.items():
            word = word.replace("{" + key + "}", value)
        command.append(word)
    driver = _Program(trial)
    await driver.start(command)
    return driver


def hosted(run: Callable[[str, Awaitable[None]], Awaitable[None]], drive: Drive) -> Begin:
    """Clients.begin of a driver on this event loop; `run` runs it, under a name."""

    async def begin(trial: ClientTrial, host: str, port: int) -> Driver:
        driver = _Coroutine(trial)
        name = f"{trial.case.name} {trial.version}"
        driver.begin(lambda program: run(name, program), drive, host, port)
        return driver

    return begin


def _drive(profile: Path | None) -> Drive:
    """Of a profile: `drive = "FILE.py:FUNCTION"`, beside it, or "MODULE:FUNCTION"; else ours."""
    if profile is None:
        from mqttlab.conformance.drivers import ours

        return ours.drive
    place, _, function = str(profiled(profile).get("drive", "")).rpartition(":")
    if not place:
        raise UsageError(
            f"--profile {profile}: --client sim runs drivers on asyncio; write "
            'drive = "FILE.py:FUNCTION" or "MODULE:FUNCTION"; mqttlab.conformance.drivers says how'
        )
    try:
        if place.endswith(".py"):
            found = runpy.run_path(str(profile.parent / place)).get(function)
        else:
            found = getattr(importlib.import_module(place), function, None)
    except (ImportError, OSError) as error:
        raise UsageError(f"--profile {profile}: drive: {place}: {error}; install it") from None
    if found is None:
        raise UsageError(f"--profile {profile}: {place} has no {function!r}; name one that it has")
    return cast(Drive, found)
