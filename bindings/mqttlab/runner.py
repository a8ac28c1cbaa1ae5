"""mqttlab.run: one scenario, one seed, one result."""

from __future__ import annotations

import asyncio
import inspect
import os
import platform
import signal
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib import metadata
from pathlib import Path
from types import FrameType
from typing import Any, Literal

import numpy as np

from mqttlab import _sim, catalog, trace, units
from mqttlab.errors import UsageError
from mqttlab.host import WorldHost
from mqttlab.lab import Lab
from mqttlab.loop import Ending, VirtualLoop
from mqttlab.parameters import Scenario, bind, until_of
from mqttlab.result import Result, Verdict, Violation
from mqttlab.surroundings import surroundings

__all__ = ["run"]


def run(
    scenario: Scenario | str,
    *,
    seed: int = 1,
    until: float | str | None = None,
    parameters: Mapping[str, object] | None = None,
    pcap: str | os.PathLike[str] | None = None,
    pcap_side: Literal["sender", "receiver"] = "receiver",
    pcap_devices: Sequence[str] = (),
    ipv6: bool = False,
    tcp: str = "linux-like",
    progress: Callable[[float, float], None] | None = None,
) -> Result:
    """Runs a scenario in a new world and returns what it left behind.

    `scenario`: an `async def f(lab, *, parameters...)`, or a name or file as `catalog.load` takes.
    `seed`: decides everything; equal seeds give equal fingerprints. 0..2^63-1.
    `until`: virtual time at which the run ends at the latest, seconds or text ("10min"); if the
        scenario returns before, the run ends then. Needed unless @mqttlab.scenario gives it.
    `parameters`: values for the scenario's keyword-only arguments; texts are converted.
    `pcap`: capture file (link type RAW), as packets are offered ("sender") or after the link's
        losses ("receiver"); `pcap_devices`: names, all if empty. With TLS, a key log is beside it.
    `tcp`: "linux-like" or "ns3-default".
    `progress`: called with virtual seconds and the end's about once per virtual second.

    Ctrl-C ends the run in order: the Result is valid up to there and says `interrupted`.

    Errors: UsageError for wrong arguments; what the scenario raises, unchanged; mqttlab.Error if
    a world exists already in this process.
    """
    function = catalog.load(scenario) if isinstance(scenario, str) else scenario
    values = bind(function, {} if parameters is None else parameters)
    limit = until if until is not None else until_of(function)
    if limit is None:
        raise UsageError(
            "run: until= is missing; give it, or decorate the scenario with "
            "@mqttlab.scenario(until='10min')"
        )
    until_ns = units.duration_ns(limit, "run: until")
    if until_ns == 0:
        raise UsageError("run: until=0 leaves no time to run; give a time such as '10min'")
    units.count(seed, "run: seed", most=2**63 - 1)
    if pcap_side not in ("sender", "receiver"):
        raise UsageError(f"run: pcap_side={pcap_side!r} is neither 'sender' nor 'receiver'")

    world = _sim.world(
        seed=seed, ipv6=units.flag(ipv6, "run: ipv6"), tcp=units.text(tcp, "run: tcp"),
        pcap_path=_capture_path(pcap), pcap_side=pcap_side, pcap_devices=_names(pcap_devices),
    )  # fmt: skip
    host = WorldHost(world)
    if progress is not None:
        host.progress = lambda now: progress(now / 1e9, until_ns / 1e9)
    loop = VirtualLoop(host, until_ns)  # type: ignore[abstract]  # what is missing are its fences
    lab = Lab(host, loop, seed)
    start = time.perf_counter()
    try:
        with _interruptible(host), surroundings(seed, host.now):
            ending = _drive(loop, function(lab, **values))
        verdicts = world.judge()
        wall_s = time.perf_counter() - start
        return _collect(lab, function, values, until_ns, wall_s, ending, verdicts, pcap, pcap_side)
    finally:
        lab.live = False
        loop.cancel_all()
        loop.close()
        world.close()


def _capture_path(pcap: object) -> str:
    if pcap is None:
        return ""
    if not isinstance(pcap, (str, os.PathLike)):
        raise UsageError(f"run: pcap={pcap!r} is no path; write pcap='run.pcap'")
    return str(Path(pcap))


def _names(pcap_devices: object) -> list[str]:
    if isinstance(pcap_devices, str) or not isinstance(pcap_devices, Sequence):
        raise UsageError(
            f"run: pcap_devices={pcap_devices!r} is no list of names; write ['desk', 'wall']"
        )
    return [units.text(name, "run: pcap_devices") for name in pcap_devices]


def _drive(loop: VirtualLoop, scenario: object) -> str:
    """Runs the scenario's coroutine; returns why the run ended. Raises what it raised."""
    task = loop.create_task(scenario, name="scenario")  # type: ignore[arg-type]
    task.add_done_callback(lambda _: loop.stop())
    ending = loop.run()
    if not task.done():
        return ending
    if task.cancelled():
        raise asyncio.CancelledError("the scenario cancelled itself")
    if error := task.exception():
        raise error
    return "returned"


@contextmanager
def _interruptible(host: WorldHost) -> Iterator[None]:
    """The first Ctrl-C ends the run in order, a second one at once (KeyboardInterrupt)."""

    def interrupt(number: int, frame: FrameType | None) -> None:
        if host.interrupted:
            raise KeyboardInterrupt
        host.interrupted = True

    try:
        before = signal.signal(signal.SIGINT, interrupt)
    except ValueError:  # not the main thread: signals are somebody else's business
        yield
        return
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def _collect(
    lab: Lab,
    function: Scenario,
    values: Mapping[str, object],
    until_ns: int,
    wall_s: float,
    ending: str,
    judged: tuple[Sequence[Any], Sequence[Any]],
    pcap: str | os.PathLike[str] | None,
    pcap_side: str,
) -> Result:
    world, (verdicts, violations) = lab.world, judged
    return Result(
        scenario=getattr(function, "__name__", str(function)),
        seed=lab.seed,
        parameters=dict(values),
        until_s=until_ns / 1e9,
        virtual_s=world.now() / 1e9,
        wall_s=wall_s,
        interrupted=ending == Ending.INTERRUPTED,
        fingerprint=world.fingerprint(),
        versions=_versions(any(client.has_tls for client in lab.clients_made)),
        events=np.frombuffer(world.events(), trace.EVENT),
        texts=tuple(world.texts()),
        actors=tuple(world.actors()),
        connects=_table(world.connects(), trace.CONNECT),
        filters=_table(world.filters(), trace.FILTER),
        counters=_table(
            [
                (device.actor, direction, *world.counters(device.actor, direction == 0))
                for device in lab.devices_made
                for direction in (0, 1)
            ],
            trace.COUNTERS,
        ),
        broker=lab.broker_made.name if lab.broker_made else None,
        devices=lab.device_infos(),
        clients=tuple(lab.clients_made),
        fleets=tuple(fleet.info() for fleet in lab.fleets_made),
        links={name: link.describe() for name, link in lab.links_made.items()},
        verdicts=tuple(Verdict(*row) for row in verdicts),
        violations=tuple(
            Violation(name, tuple(statements.split()), at, what, tuple(events))
            for name, statements, at, what, events in violations
        ),
        gauges=world.gauges() if lab.broker_made else {},
        simulator_events=_sim.simulator_events(world),
        pcap=None if pcap is None else Path(pcap),
        pcap_side=pcap_side,
        source=_source(function),
        ending=ending,
    )


def _table(rows: Sequence[tuple[object, ...]], dtype: np.dtype[np.void]) -> np.ndarray:
    table = np.array(rows, dtype=dtype)
    table.setflags(write=False)
    return table


def _source(function: Scenario) -> Path | None:
    try:
        return Path(inspect.getfile(function))
    except TypeError:
        return None


def _versions(has_tls: bool) -> dict[str, str]:
    try:
        ours = metadata.version("mqttlab")
    except metadata.PackageNotFoundError:  # a package tree without its metadata
        ours = sys.modules["mqttlab"].__version__
    return {
        "mqttlab": ours,
        "python": platform.python_version(),
        "numpy": np.__version__,
        "ns3": _sim.ns3_version,
        **({"openssl": _sim.openssl_version} if has_tls else {}),
    }
