"""What a run leaves behind: tables, verdicts, and the figures that identify it."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray

from mqttlab.errors import UsageError, ViolationError
from mqttlab.origin import Origin

if TYPE_CHECKING:
    from mqttlab.capsule import Capsule
    from mqttlab.energy import DeviceEnergy, Radio
    from mqttlab.own_invariants import Rule

__all__ = [
    "ClientInfo",
    "DeviceInfo",
    "Expectation",
    "FaultInfo",
    "FleetInfo",
    "NotApplicable",
    "Result",
    "Target",
    "Verdict",
    "Violation",
]


@dataclass(frozen=True)
class Verdict:
    """The oracle's verdict on one invariant."""

    invariant: str  # "Q1-NOLOSS"
    status: str
    """"pass", "fail", "departs", "not_observable" or "not_applicable".

    departs: broken, but a recommendation or a pattern only: it is told, and fails no run.
    """
    checked: int  # how many times the rule applied
    why: str  # of not_observable and not_applicable: what was missing
    strength: str = ""
    """"MUST", "liveness", "policy", "library", "metamorphic", "strict mode", "SHOULD" or
    "advisory"; the last two are told only, unless the run is strict, and "strict mode" is judged
    only then."""
    needs: str = ""
    """What it is judged by: "wire", "app" (calls and deliveries), "internal" (a peer's own counts)
    or "pair" (two runs)."""
    group: str = ""


@dataclass(frozen=True)
class Violation:
    """One finding of the oracle."""

    invariant: str
    statements: tuple[str, ...]  # ids of normative statements
    at: int  # ns of virtual time
    what: str  # one sentence with names, topics and packet ids
    events: tuple[int, ...]  # indices into Result.events
    offender: str = ""
    """Whose fault it is: "client" or "broker"; "": the trace does not tell, or neither's."""

    @staticmethod
    def of(row: tuple[str, str, int, str, Sequence[int], str]) -> Violation:
        """Of a row as the oracle gives it."""
        invariant, statements, at, what, events, offender = row
        return Violation(invariant, tuple(statements.split()), at, what, tuple(events), offender)

    @property
    def at_s(self) -> float:
        """The instant in seconds of virtual time."""
        return self.at / 1e9


@dataclass(frozen=True)
class Expectation:
    """Something that the scenario has counted or measured itself (`lab.expect`)."""

    what: str
    found: float
    wanted: str  # "96", "1 or more"; "": it is only told
    holds: bool
    at: int  # ns of virtual time


@dataclass(frozen=True)
class Target:
    """The broker that a run on real sockets was against."""

    url: str  # "live": our own, in the run's process
    own: bool
    version: str  # as it tells in $SYS/broker/version; "": it does not
    transport: Literal["tcp", "tls", "ws", "wss"] = "tcp"


@dataclass(frozen=True)
class NotApplicable:
    """Something that was asked for and cannot be had where the run took place."""

    what: str
    why: str
    rests_on_it: tuple[str, ...] = ()
    """Invariants that the target may break for want of it: what breaks them is no finding."""
    all: bool = False
    """Without it the scenario shows nothing: no verdict holds."""

    def judged(self, verdict: Verdict, violations: int) -> Verdict:
        """What is left of a verdict with so many violations."""
        if verdict.status == "not_applicable":
            return verdict
        if self.all:
            return replace(verdict, status="not_applicable", why=f"{self.what}: {self.why}")
        if verdict.status != "fail" or verdict.invariant not in self.rests_on_it:
            return verdict
        why = f"broken {violations} times, which may be for want of {self.what}: {self.why}"
        return replace(verdict, status="not_applicable", why=why)


@dataclass(frozen=True)
class DeviceInfo:
    """A device of the run."""

    actor: int  # index into Result.actors; column `actor` of events and counters
    name: str
    link: str  # name of its link; key of Result.links


@dataclass(frozen=True)
class ClientInfo:
    """A client of the run; several clients of one device share its actor in the trace."""

    actor: int  # of its device
    client_id: str  # as in `text` of CONNECT, DROPPED and SESSION_ENDED events
    clean_session: bool
    keep_alive_s: int
    fleet: str  # name of the fleet it belongs to, or ""
    transport: str = "tcp"  # or "tls", "ws", "wss"

    @property
    def has_tls(self) -> bool:
        """Whether its bytes are encrypted."""
        return self.transport in ("tls", "wss")


@dataclass(frozen=True)
class FleetInfo:
    """A fleet of publishers and what it has done."""

    name: str
    clients: tuple[str, ...]  # client ids
    qos: tuple[int, ...]  # taken in turn by each member
    published: int  # accepted by its clients
    refused: int  # by a full offline queue


@dataclass(frozen=True)
class FaultInfo:
    """A planned fault of the run, and when it happened."""

    fault: Mapping[str, object]  # as data, see mqttlab.faults.Fault
    at: tuple[int, ...]  # ns of virtual time, in order; empty: it never happened
    to: tuple[str, ...]  # to which device (or the broker), for each of them
    words: str  # "cut reset before PUBREC up #3 on meter-007"
    missing: tuple[str, ...] = ()  # devices that it names and the run never had
    then: FaultInfo | None = None  # the step that follows

    @property
    def steps(self) -> list[FaultInfo]:
        """This one and those that follow."""
        return [self, *([] if self.then is None else self.then.steps)]


@dataclass(frozen=True, repr=False)
class Result:
    """The outcome of `mqttlab.run`. Tables are NumPy structured arrays, read-only.

    Units: `at` columns are integer nanoseconds of virtual time from the start of the run;
    names that end in `_s` are seconds. Dtypes and enumerations are in `mqttlab.trace`.
    """

    scenario: str
    """Name of the scenario function, without the module."""
    seed: int
    parameters: Mapping[str, object]
    """Every parameter of the scenario with the value used, defaults included."""
    until_s: float
    """Where the run was to end at the latest."""
    virtual_s: float
    """Where it ended."""
    wall_s: float
    """Wall time of the run; the only figures here that two equal runs do not share are this and
    what is derived from it."""
    interrupted: bool
    """True after Ctrl-C, or when the trace was full: everything is valid up to `virtual_s`."""
    fingerprint: str
    """Hex of a hash over every event to its nanosecond."""
    versions: Mapping[str, str]
    """`mqttlab`, `python`, `numpy`; of a simulated run `ns3`, and `openssl` if it used TLS."""

    events: NDArray[np.void]
    """`trace.EVENT`, shape (events,), in one total order."""
    texts: tuple[str, ...]
    """Topics, client ids, statements, phases: what column `text` refers to."""
    actors: tuple[str, ...]
    """Names of broker and devices: what column `actor` refers to."""
    connects: NDArray[np.void]
    """`trace.CONNECT`: one row per CONNECT event, in order."""
    filters: NDArray[np.void]
    """`trace.FILTER`: one row per filter or code of SUBSCRIBE, SUBACK and UNSUBSCRIBE events."""
    counters: NDArray[np.void]
    """`trace.COUNTERS`: two rows per device, up and down."""

    broker: str | None
    """Name of the broker, or None if the scenario made none."""
    devices: tuple[DeviceInfo, ...]
    clients: tuple[ClientInfo, ...]
    fleets: tuple[FleetInfo, ...]
    links: Mapping[str, Mapping[str, object]]
    """Link name to its description: `profile` (a name or None), `up` and `down` (mappings of
    rate_bps, delay_s, jitter_s, loss, queue_packets, burst or None, capacity and recording: names
    of recordings or None, recording_start_s or None, ...), and each of `cycle` (up_s, down_s,
    spread), `radio` (model, radius_m) and `nat`, or None."""
    verdicts: tuple[Verdict, ...]
    """One per invariant, in the oracle's order."""
    violations: tuple[Violation, ...]
    """What fails the run."""
    gauges: Mapping[str, int]
    """What the broker counted about itself at the end (BrokerGauges); empty without a broker of
    ours."""
    simulator_events: int
    """Events that the network simulator has executed."""
    pcap: Path | None = None
    pcap_side: str = "receiver"
    ending: str = field(default="until")
    """Why the run ended: "until", "returned" or "raised" (the scenario did), "interrupted",
    "trace_full" or "not_applicable"."""
    target: Target | None = None
    """What it was against, of a run on real sockets; None: simulated."""
    not_applicable: tuple[NotApplicable, ...] = ()
    """What could not be had there."""
    faults: tuple[FaultInfo, ...] = ()
    """What was planned by `lab.at`, `lab.plan` and `faults=`, in that order."""
    promises: Mapping[str, str] = field(default_factory=dict)
    """Invariants of one's own to what they promise."""
    given_invariants: tuple[Rule, ...] = ()
    """Those of `invariants=` that the scenario does not bring itself."""
    given_faults: tuple[Mapping[str, object], ...] = ()
    """Those of `faults=` alone, as data."""
    tcp: str = "linux-like"
    ipv6: bool = False
    radio: Mapping[str, NDArray[np.void]] | None = None
    """`trace.RADIO` by device: what its radio sent and received, in order; None: without radio=."""
    origin: Origin | None = None
    """Where the scenario is found again; None: nowhere, it is local to a function or typed in."""
    server_keep_alive_s: int | None = None
    """What a broker of ours tells clients of 5.0 to use in place of their own keep alives, if so;
    of other brokers nothing is known."""
    expected: tuple[Expectation, ...] = ()
    """What the scenario itself has counted, in order; its verdict is SCENARIO."""
    trace_bytes: int = 0
    """What its trace took in memory, at most; see `trace_limit` of `mqttlab.run`."""
    strict: bool = False
    """Whether it was judged by what the standard leaves open or only recommends, too."""
    unjudged: str = ""
    """Why nothing was judged by the oracle, in words; empty: it was."""
    notes: tuple[Violation, ...] = ()
    """What breaks a recommendation only (verdict "departs")."""

    @property
    def passed(self) -> bool:
        """True if no invariant failed and none was not applicable.

        What was not observable does not count as failed. What was not judged has not passed.
        """
        bad = ("fail", "not_applicable")
        return not self.violations and all(v.status not in bad for v in self.verdicts)

    @property
    def key_log(self) -> Path | None:
        """The secrets of the capture's TLS connections, for Wireshark; None if there are none."""
        if self.pcap is None or not any(client.has_tls for client in self.clients):
            return None
        return self.pcap.with_suffix(".keys")

    def check(self, *invariants: str) -> None:
        """Raises ViolationError unless the named invariants hold; all of them if none is named.

        One that is only recommended ("departs") is demanded by naming it.

        An invariant that is named must have been observable: the run has to contain what it
        judges. Without names, invariants that could not be observed are passed over; what was not
        applicable never is.

        Errors: UsageError for a name that the oracle does not know; ViolationError.
        """
        __tracebackhide__ = True  # of pytest, which then shows who asked
        known = {verdict.invariant: verdict for verdict in self.verdicts}
        for name in invariants:
            if name not in known:
                raise UsageError(f"check: unknown invariant {name!r}; known are {', '.join(known)}")
        chosen = [known[name] for name in invariants] or list(self.verdicts)
        bad = [v for v in chosen if v.status in ("fail", "not_applicable")]
        if invariants:
            bad += [v for v in chosen if v.status in ("departs", "not_observable")]
        if bad:
            raise ViolationError(self._explain(bad))

    def energy(
        self,
        radio: str | Radio | Mapping[str, str | Radio] | None = None,
        battery_wh: float | None = None,
    ) -> tuple[DeviceEnergy, ...]:
        """What each device's radio took in the run, and how long a battery would last at that.

        `radio`: the model of all devices, by name (`mqttlab.radios()`) or your own, or models by
        link; by default that of the link's name or profile, and devices on others are left out.
        Needs `mqttlab.run(radio=True)`. Errors: UsageError.
        """
        from mqttlab import energy

        return energy.of_devices(self, radio, battery_wh)

    def write(self, directory: str | os.PathLike[str]) -> Path:
        """Writes run.json, tables and report.html into `directory`; returns the report's path.

        If an invariant failed and the run can be made again, its capsule is beside them.
        Errors: UsageError if the directory cannot be written.
        """
        if not isinstance(directory, (str, os.PathLike)):
            raise UsageError(f"write: {directory!r} is no path of a directory")
        from mqttlab import report  # the report needs jinja2, the API does not

        return Path(report.write(self, Path(directory)))

    def capsule(self) -> Capsule:
        """What makes this run again: `capsule().write(path)`, then `mqttlab replay path`.

        Errors: mqttlab.Error if nothing does: a run on real sockets, one that was interrupted, a
        scenario that is local to a function.
        """
        from mqttlab.capsule import Capsule  # capsules keep faults, which know of results

        return Capsule.of(self)

    def _explain(self, bad: list[Verdict], limit: int = 5) -> str:
        lines = []
        for verdict in bad:
            if verdict.status not in ("fail", "departs"):
                status = verdict.status.replace("_", " ")
                lines.append(f"{verdict.invariant} was {status}: {verdict.why}")
                continue
            told = (*self.violations, *self.notes)
            found = [v for v in told if v.invariant == verdict.invariant]
            lines.append(f"{verdict.invariant} is violated {len(found)} times:")
            for violation in found[:limit]:
                rules = f" [{' '.join(violation.statements)}]" if violation.statements else ""
                lines.append(f"  at {violation.at_s:.6f} s: {violation.what}{rules}")
            if len(found) > limit:
                lines.append(f"  ... and {len(found) - limit} more")
        lines.append(f"scenario {self.scenario}, seed {self.seed}, {self.fingerprint}")
        return "\n".join(lines)

    def __repr__(self) -> str:
        verdict = "passed" if self.passed else f"{len(self.violations)} violations"
        if self.unjudged and not self.violations:
            verdict = "not judged"
        return (
            f"<Result {self.scenario} seed={self.seed} {self.virtual_s:g} s, "
            f"{len(self.events)} events, {verdict}, {self.fingerprint}>"
        )
