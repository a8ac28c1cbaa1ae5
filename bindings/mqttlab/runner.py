"""mqttlab.run: one scenario, one seed, one result."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from types import FrameType
from typing import Any, get_args

import numpy as np

from mqttlab import catalog, judging, machine, targets, trace, units
from mqttlab.errors import NotApplicableError, UsageError
from mqttlab.faults import Fault
from mqttlab.faults.schedule import load
from mqttlab.host import WorldHost
from mqttlab.lab import Lab
from mqttlab.loop import Ending, VirtualLoop
from mqttlab.origin import Origin
from mqttlab.own_invariants import Rule, judged_by, rules_of
from mqttlab.parameters import Scenario, bind, mark_of
from mqttlab.result import DeviceInfo, Result, Verdict, Violation
from mqttlab.surroundings import surroundings
from mqttlab.targets import PcapSide, Place

__all__ = ["beginning", "run", "watching"]


def run(
    scenario: Scenario | str,
    *,
    seed: int = 1,
    until: float | str | None = None,
    parameters: Mapping[str, object] | None = None,
    pcap: str | os.PathLike[str] | None = None,
    pcap_side: PcapSide = "receiver",
    pcap_devices: Sequence[str] = (),
    ndjson: str | os.PathLike[str] | None = None,
    ipv6: bool = False,
    tcp: str = "linux-like",
    radio: bool = False,
    trace: bool = True,
    trace_limit: int | str = "2GiB",
    oracle: bool = True,
    strict: bool = False,
    faults: Sequence[Fault] | str | os.PathLike[str] = (),
    invariants: Sequence[Rule] = (),
    target: str | None = None,
    ca_file: str | os.PathLike[str] | None = None,
    progress: Callable[[float, float], None] | None = None,
) -> Result:
    """Runs a scenario in a new world and returns what it left behind.

    `scenario`: an `async def f(lab, *, parameters...)`, or a name or file as `catalog.load` takes.
    `seed`: decides everything; equal seeds give equal fingerprints. 0..2^63-1.
    `until`: virtual time at which the run ends at the latest, seconds or text ("10min"); if the
        scenario returns before, the run ends then. Needed unless @mqttlab.scenario gives it.
    `parameters`: values for the scenario's keyword-only arguments; texts are converted.
    `pcap`: capture file (link type RAW), as packets are offered ("sender") or after the link's
        losses ("receiver"), or as tcpdump on the device or at the site would have it ("device",
        "broker"); `pcap_devices`: names, all if empty. With TLS, a key log is beside it.
    `ndjson`: file for the trace as text, a line for each event, as `mqttlab judge` reads it.
    `tcp`: "linux-like" or "ns3-default".
    `radio`: keep what each device's radio sent and received, for `Result.energy`; 16 bytes of
        memory a packet.
    `trace`: record every event. Without, none is made: the run costs what its network and peers
        cost, and leaves gauges, counters and fleets: no events, nothing of messages, no
        fingerprint, no verdict.
    `trace_limit`: of memory, bytes or text. An event takes 96 bytes, the copy in the Result
        included, and with properties of 5.0 some 100 more. A run whose trace reaches the limit
        ends there, as by Ctrl-C: what there is is valid and judged, nothing is missing in it, and
        its ending is "trace_full". The oracle takes up to 100 bytes an event beside it.
    `oracle`: judge the run. Without, no verdict holds ("not applicable"), so it never passes.
    `strict`: judge what the standard leaves open as well (APP-Q1: what a client acknowledges, its
        application has taken), and count what it only recommends as violated.
    `faults`: a schedule, planned before the scenario begins, as by `lab.plan`; one for a device
    that there never is in a run that came to its end is a violation of SCENARIO.
    `invariants`: of your own (`mqttlab.invariant`), judged with the oracle's.
    `target`: runs on real sockets in real time instead, against the broker at "HOST:PORT" or at a
        tcp://, tls://, ws:// or wss:// URL, or against one of our own: "live". Each device dials
        it through a link of its own in this process. What cannot be had there is in
        `Result.not_applicable`. A broker elsewhere should have nothing else to do meanwhile.
    `ca_file`: PEM of the authorities that a tls:// or wss:// target's certificate may come from.
    `progress`: called with virtual seconds and the end's about once per virtual second.

    Ctrl-C ends the run in order: the Result is valid up to there and says `interrupted`.

    Errors: UsageError for wrong arguments; what the scenario raises, unchanged; mqttlab.Error if
    a world exists already in this process, or nobody answers at the target.
    """
    function = catalog.load(scenario) if isinstance(scenario, str) else scenario
    values = bind(function, {} if parameters is None else parameters)
    mark = mark_of(function)
    limit = mark.until if until is None and mark else until
    if limit is None:
        raise UsageError(
            "run: until= is missing; give it, or decorate the scenario with "
            "@mqttlab.scenario(until='10min')"
        )
    until_ns = units.duration_ns(limit, "run: until")
    if until_ns == 0:
        raise UsageError("run: until=0 leaves no time to run; give a time such as '10min'")
    units.count(seed, "run: seed", most=2**63 - 1)
    if pcap_side not in get_args(PcapSide):
        raise UsageError(f"run: pcap_side={pcap_side!r} is none of {', '.join(get_args(PcapSide))}")

    schedule = load(faults)
    own = mark.invariants if mark else ()
    rules = rules_of((*own, *invariants), "run: invariants")
    for name, value in {
        "ipv6": ipv6, "radio": radio, "trace": trace, "oracle": oracle, "strict": strict,
    }.items():  # fmt: skip
        units.flag(value, f"run: {name}")
    most_bytes = units.size(trace_limit, "run: trace_limit")
    unjudged = judging.unjudged(trace, oracle, strict, rules, ndjson)
    if ndjson is not None:
        _write_trace(ndjson, lambda put: None)  # before minutes of work, not after
    units.text(tcp, "run: tcp")
    if target is None:
        targets.authorities(ca_file, None)
        ipv6 = ipv6 or (mark is not None and mark.ipv6)
        place = targets.simulated(seed, ipv6, tcp, pcap, pcap_side, pcap_devices, radio, trace)
    else:
        asked = {
            "pcap": pcap is not None,
            "ipv6": ipv6,
            "tcp": tcp != "linux-like",
            "radio": radio,
            "trace": not trace,
        }
        unjudged = "" if oracle else unjudged
        pcap = None
        place = targets.live(
            target, ca_file, seed, [name for name, is_so in asked.items() if is_so]
        )
    world = place.world
    host = WorldHost(world)
    host.trace_limit_bytes = most_bytes
    if progress is not None:
        host.progress = lambda now: progress(now / 1e9, until_ns / 1e9)
    loop = VirtualLoop(host, until_ns)  # type: ignore[abstract]  # what is missing are its fences
    lab = Lab(host, loop, seed, place)
    host.begin = lambda: _begin(lab)
    start = time.perf_counter()
    error: Exception | None = None
    try:
        with (
            _interruptible(host),
            surroundings(seed, host.now if target is None else None, lambda: host.clock_step_ns),
        ):
            try:
                given = lab.plan(schedule)
                ending = _drive(loop, function(lab, **values))
                if ending in (Ending.UNTIL, "returned"):
                    lab.expect.amiss += lab.aimed_at_nobody(given)
            except NotApplicableError:  # of the schedule
                ending = Ending.NOT_APPLICABLE
            except Exception as raised:
                if not _watchers:
                    raise
                ending, error = "raised", raised
        if ending == Ending.INTERRUPTED and host.trace_is_full:
            ending = Ending.TRACE_FULL
        if ndjson is not None:
            _write_trace(ndjson, world.write_ndjson)
        verdicts = judging.verdicts(world, unjudged, strict)
        wall_s = time.perf_counter() - start
        result = _collect(
            lab, place, function, values, until_ns, wall_s, ending, verdicts, pcap, pcap_side
        )
        result = replace(
            result,
            given_invariants=tuple(one for one in invariants if one not in own),
            given_faults=tuple(one.to_data() for one in schedule),
            tcp=tcp,
            ipv6=ipv6,
            strict=strict,
            unjudged=unjudged,
            origin=Origin.of(function),
        )
        result = judged_by(rules, result)
    finally:
        lab.live = False
        loop.cancel_all()
        loop.close()
        world.close()
    for watch in _watchers:
        watch(result, error)
    if error is not None:
        raise error
    return result


_Watcher = Callable[[Result, Exception | None], None]
_watchers: list[_Watcher] = []


@contextmanager
def watching(watcher: _Watcher) -> Iterator[None]:
    """Inside, `watcher` gets the result of each run, also of one whose scenario raised, and what
    it raised.
    """
    _watchers.append(watcher)
    try:
        yield
    finally:
        _watchers.remove(watcher)


_beginners: list[Callable[[Lab], None]] = []


@contextmanager
def beginning(tell: Callable[[Lab], None]) -> Iterator[None]:
    """Inside, `tell` gets the laboratory of each run before time passes there: with what the
    scenario has made by then.
    """
    _beginners.append(tell)
    try:
        yield
    finally:
        _beginners.remove(tell)


def _begin(lab: Lab) -> None:
    for tell in _beginners:
        tell(lab)


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
        if _is_not_applicable(error):
            return Ending.NOT_APPLICABLE
        raise error
    return "returned"


def _write_trace(
    path: str | os.PathLike[str], write: Callable[[Callable[[bytes], object]], None]
) -> None:
    try:
        with open(path, "wb") as file:
            write(file.write)
    except OSError as error:
        raise UsageError(f"run: ndjson: cannot write {str(path)!r}: {error.strerror}") from None


def _is_not_applicable(error: BaseException) -> bool:
    """The scenario went no further than what cannot be had here."""
    if isinstance(error, BaseExceptionGroup):
        return all(_is_not_applicable(one) for one in error.exceptions)
    return isinstance(error, NotApplicableError)


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
    place: Place,
    function: Scenario,
    values: Mapping[str, object],
    until_ns: int,
    wall_s: float,
    ending: str,
    judged: tuple[Sequence[Any], Sequence[Any]],
    pcap: str | os.PathLike[str] | None,
    pcap_side: str,
) -> Result:
    world = place.world
    verdicts, violations, notes = _findings(judged, lab)
    return Result(
        scenario=getattr(function, "__name__", str(function)),
        seed=lab.seed,
        parameters=dict(values),
        until_s=until_ns / 1e9,
        virtual_s=world.now() / 1e9,
        wall_s=wall_s,
        interrupted=ending in (Ending.INTERRUPTED, Ending.TRACE_FULL),
        trace_bytes=world.trace_bytes(),
        fingerprint=world.fingerprint(),
        versions=_versions(place, any(client.has_tls for client in lab.clients_made)),
        events=np.frombuffer(world.events() if place.traced else b"", trace.EVENT),
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
        server_keep_alive_s=lab.broker_made.server_keep_alive_s if lab.broker_made else None,
        devices=lab.device_infos(),
        clients=tuple(lab.clients_made),
        fleets=tuple(fleet.info() for fleet in lab.fleets_made),
        links={name: link.describe() for name, link in lab.links_made.items()},
        verdicts=verdicts,
        violations=violations,
        expected=tuple(lab.expect.rows),
        gauges=world.gauges() if lab.broker_made and not lab.is_foreign else {},
        simulator_events=place.simulator_events(),
        pcap=None if pcap is None else Path(pcap),
        pcap_side=pcap_side,
        ending=ending,
        target=place.target,
        not_applicable=tuple(lab.not_applicable),
        faults=lab.fault_infos(),
        radio=_radio(place, lab.device_infos()),
        notes=notes,
    )


def _radio(place: Place, devices: Sequence[DeviceInfo]) -> dict[str, np.ndarray] | None:
    if place.radio_log is None:
        return None
    return {
        device.name: np.frombuffer(place.radio_log(device.actor), trace.RADIO) for device in devices
    }


def _findings(
    judged: tuple[Sequence[Any], Sequence[Any]], lab: Lab
) -> tuple[tuple[Verdict, ...], tuple[Violation, ...], tuple[Violation, ...]]:
    """The oracle's rows as verdicts, violations and notes, less what could not be tested."""
    verdicts = [Verdict(*row) for row in judged[0]]
    violations = [Violation.of(row) for row in judged[1]]
    verdicts, violations = lab.expect.judge(verdicts, violations)
    for missing in lab.not_applicable:
        for index, verdict in enumerate(verdicts):
            found = sum(one.invariant == verdict.invariant for one in violations)
            verdicts[index] = missing.judged(verdict, found)
    status = {verdict.invariant: verdict.status for verdict in verdicts}
    return (
        tuple(verdicts),
        tuple(one for one in violations if status[one.invariant] == "fail"),
        tuple(one for one in violations if status[one.invariant] == "departs"),
    )


def _table(rows: Sequence[tuple[object, ...]], dtype: np.dtype[np.void]) -> np.ndarray:
    table = np.array(rows, dtype=dtype)
    table.setflags(write=False)
    return table


def _versions(place: Place, has_tls: bool) -> dict[str, str]:
    return {**machine.versions(), **place.versions, **(place.tls_versions if has_tls else {})}
