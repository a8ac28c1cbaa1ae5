"""What proves a violation: the ladder of the devices involved, around the events that show it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from mqttlab import _core
from mqttlab.figures.view import Indices, TraceView
from mqttlab.report.ladder import Rung
from mqttlab.result import Violation
from mqttlab.trace import CloseCause, Death, DropReason, End, Kind, Packet, StoreFate

if TYPE_CHECKING:
    from mqttlab.conformance.cases import Statement

__all__ = ["Evidence", "evidence"]

_MOST = 12  # violations shown with a ladder: the first of each invariant
_MOST_PROOF = 12  # events of each, the last
_BEFORE, _AFTER = 7, 4  # rungs around each event that is proof
_MOST_TURNS = 24  # connections, links, faults between them: the last so many
_TURNS = (
    Kind.OPENED, Kind.CLOSED, Kind.LINK_DOWN, Kind.LINK_UP, Kind.DIED, Kind.PHASE, Kind.FAULT,
    Kind.FAULT_OVER, Kind.CRASHED, Kind.RESTARTED, Kind.PAUSED, Kind.WENT_ON, Kind.SESSION_ENDED,
)  # fmt: skip
_FAULTS = (Kind.LINK_DOWN, Kind.DIED, Kind.FAULT, Kind.CRASHED, Kind.PAUSED)
_OF_ALL = (Kind.PHASE, Kind.CRASHED, Kind.RESTARTED, Kind.PAUSED, Kind.WENT_ON)  # not of a device
_DUP, _RETAIN = 8, 1
_REFUSED = 0x80


@dataclass(frozen=True)
class Evidence:
    """A violation as the report shows it."""

    violation: Violation
    count: int  # how many of this invariant there are
    rules: tuple[Statement, ...]  # what the standard says, in our words
    lanes: tuple[str, ...]
    rungs: tuple[Rung, ...]


def evidence(view: TraceView) -> list[Evidence]:
    """Of the first violation of each invariant."""
    drawn = _Drawing(view)
    first: dict[str, Violation] = {}
    for one in view.result.violations:
        first.setdefault(one.invariant, one)
    return [drawn.show(one) for one in list(first.values())[:_MOST]]


class _Drawing:
    """Draws ladders of one run."""

    def __init__(self, view: TraceView) -> None:
        self.view, self.result, self.events = view, view.result, view.result.events

    def show(self, violation: Violation) -> Evidence:
        proof = sorted({e for e in violation.events if 0 <= e < self.view.size})[-_MOST_PROOF:]
        actors = list(dict.fromkeys(a for e in proof if (a := self._device(e)) >= 0))
        lanes = {actor: index for index, actor in enumerate(actors)}
        rungs = tuple(self._rungs(proof, lanes)) if lanes else ()
        count = sum(one.invariant == violation.invariant for one in self.result.violations)
        names = tuple(self.result.actors[actor] for actor in actors)
        return Evidence(violation, count, self._rules(violation, proof), names, rungs)

    def _rules(self, violation: Violation, proof: Sequence[int]) -> tuple[Statement, ...]:
        """Those of the version that the connections in it speak."""
        from mqttlab.conformance.cases import statements  # only now: few runs break a rule

        speaks_5 = {int(row["event"]) for row in self.result.connects if row["version"] == 5}
        connections = {int(self.events["connection"][e]) for e in speaks_5}
        is_5 = any(int(self.events["connection"][e]) in connections for e in proof)
        known: dict[str, Statement] = {}
        for one in statements().values():
            if one.id not in known or one.version == ("5.0" if is_5 else "3.1.1"):
                known[one.id] = one
        return tuple(known[id] for id in violation.statements if id in known)

    @cached_property
    def _devices(self) -> Indices:
        """Actor of the device whose lane each event is in; -1: of none."""
        events, known = self.events, [device.actor for device in self.result.devices]
        found = np.where(np.isin(events["actor"], known), events["actor"].astype(np.int64), -1)
        on_connection = np.flatnonzero(events["connection"] > 0)
        found[on_connection] = self.view.device(on_connection)
        of_client = {client.client_id: client.actor for client in self.result.clients}
        for kind in (Kind.DROPPED, Kind.SESSION_ENDED):
            for event in self.view.of(kind).tolist():
                found[event] = of_client.get(self._text(events[event]), -1)
        return found

    def _device(self, event: int) -> int:
        return int(self._devices[event])

    def _text(self, row: Any) -> str:
        return str(self.result.texts[row["text"]])

    def _of_lanes(self, lanes: dict[int, int]) -> Indices:
        """Events that have a place in the ladder, in order."""
        of_all = np.isin(self.view.kind, _OF_ALL) & (self._devices < 0)
        mine = np.isin(self._devices, list(lanes)) | of_all
        return np.flatnonzero(mine)

    def _chosen(self, proof: Sequence[int], here: Indices) -> list[int]:
        """Those of them around the proof, and what turned in between."""
        places = np.searchsorted(here, proof).tolist()
        kept: set[int] = set()
        for at in places:
            kept.update(here[max(0, at - _BEFORE) : at + _AFTER + 1].tolist())
        between = here[places[0] : places[-1]]
        kept.update(between[np.isin(self.view.kind[between], _TURNS)][-_MOST_TURNS:].tolist())
        return sorted(kept)

    def _rungs(self, proof: Sequence[int], lanes: dict[int, int]) -> Iterator[Rung]:
        here = self._of_lanes(lanes)
        proof = [event for event in proof if event in here]
        arrivals = self._arrivals(here)
        written = {arrival: event for event, arrival in arrivals.items()}
        place = {event: index for index, event in enumerate(here.tolist())}
        last = None
        for event in self._chosen(proof, here):
            skips = last is not None and place[event] - place[last] > 1
            if last is not None and written.get(event) == last and event not in proof:
                last = event  # the arrow above says when it arrives
                continue
            if skips:
                yield Rung(None, "gap", 0, "\u22ee", "")
            yield self._rung(event, lanes, arrivals, written, event in proof)
            last = event

    def _arrivals(self, here: Indices) -> dict[int, int]:
        """Packets written to their arrivals: streams keep order, and lose their end at most."""
        waiting: dict[tuple[int, int], list[int]] = {}
        found = {}
        for event in here[np.isin(self.view.kind[here], (Kind.WRITTEN, Kind.ARRIVED))].tolist():
            row = self.events[event]
            is_written = row["kind"] == Kind.WRITTEN
            sender = int(row["end"]) if is_written else 1 - int(row["end"])
            queue = waiting.setdefault((int(row["connection"]), sender), [])
            if is_written:
                queue.append(event)
            elif queue:
                found[queue.pop(0)] = event
        return found

    def _rung(
        self,
        event: int,
        lanes: dict[int, int],
        arrivals: dict[int, int],
        written: dict[int, int],
        is_proof: bool,
    ) -> Rung:
        row = self.events[event]
        kind, at_s = Kind(row["kind"]), row["at"] / 1e9
        lane = lanes.get(self._device(event), len(lanes))
        at_broker = row["end"] == End.BROKER
        if kind in (Kind.WRITTEN, Kind.ARRIVED):
            name = Packet(row["packet"]).name
            up = at_broker == (kind == Kind.ARRIVED)
            css = "sent" if up else "received"
            text = self._packet(event)
            if kind == Kind.ARRIVED:
                since = self.events["at"][written[event]] / 1e9 if event in written else None
                css, text = f"{css} late", f"arrives: {text}"
                text += f", written at {since:,.3f} s" if since is not None else ""
            elif event in arrivals:
                text += f"; arrives {_span(self.events['at'][arrivals[event]] / 1e9 - at_s)} later"
            else:
                css, text = f"{css} lost", f"{text}; never arrives"
            return Rung(at_s, css, lane, name, text, is_proof=is_proof)
        css = "fault here" if kind in _FAULTS else "order here"
        if at_broker or row["actor"] not in lanes:
            lane = len(lanes)
        label = kind.name.lower().replace("_", " ")
        return Rung(at_s, css, lane, label, self._words(row, kind), is_proof=is_proof)

    def _words(self, row: Any, kind: Kind) -> str:
        """What happened, of all but packets."""
        text, code = self._text(row), int(row["code"])
        said: dict[Kind, Callable[[], str]] = {
            Kind.OPENED: lambda: "has a connection",
            Kind.CLOSED: lambda: f"has lost it: {CloseCause(code).name.lower()}",
            Kind.TAIL: lambda: f"the stream ends {row['bytes']} bytes into a packet",
            Kind.MALFORMED: lambda: f"bytes that are no packet, {text}",
            Kind.PUBLISH_CALLED: lambda: f"the application publishes: {self._message(row)}",
            Kind.PUBLISH_REFUSED: lambda: "the client refuses it",
            Kind.PUBLISH_COMPLETED: lambda: "fails" if code else "is told that it is done",
            Kind.DELIVERED: lambda: f"the application gets: {self._message(row)}",
            Kind.DROPPED: lambda: f"of {text}: {_name(DropReason, code)}",
            Kind.SESSION_ENDED: lambda: f"of {text}",
            Kind.DIED: lambda: f"without DISCONNECT: {_name(Death, code)}",
            Kind.CRASHED: lambda: f"its store: {_name(StoreFate, code)}",
        }
        who = self.result.actors[row["actor"]]
        connection = f" (connection {row['connection']})" if row["connection"] else ""
        return f"{who}{connection}: {said[kind]() if kind in said else text or 'from here on'}"

    def _message(self, row: Any) -> str:
        flags = int(row["flags"])
        parts = [f"topic {self._text(row)!r}", f"QoS {flags >> 1 & 3}"]
        parts += ["DUP"] if flags & _DUP else []
        parts += ["RETAIN"] if flags & _RETAIN else []
        return ", ".join(parts)

    def _packet(self, event: int) -> str:
        """A packet's fields, in a line."""
        row = self.events[event]
        packet, text, code = Packet(row["packet"]), self._text(row), int(row["code"])
        parts = [f"id {row['packet_id']}"] if row["packet_id"] else []
        if packet == Packet.PUBLISH:
            parts += [self._message(row), f"payload of {row['payload_bytes']} B"]
        elif packet == Packet.CONNECT:
            parts += [f"client {text!r}", *self._connect(event)]
        elif packet == Packet.CONNACK:
            parts.append("session present" if row["flags"] & 1 else "no session")
        elif packet in (Packet.SUBSCRIBE, Packet.UNSUBSCRIBE):
            mine = self.result.filters[self.result.filters["event"] == event]
            parts += [repr(self.result.texts[one["filter"]]) for one in mine]
        if code:
            parts.append(f"code 0x{code:02x} {_core.reason_name(code, packet)}".rstrip(" ?"))
        return ", ".join([f"connection {row['connection']}", *parts])

    def _connect(self, event: int) -> Iterator[str]:
        for row in self.result.connects[self.result.connects["event"] == event]:
            yield "clean session" if row["clean_session"] else "goes on with its session"
            yield f"keep alive {row['keep_alive_s']} s"
            if row["has_will"]:
                yield "with a will"


def _name(kind: Any, code: int) -> str:
    return str(kind(code).name.lower().replace("_", " "))


def _span(seconds: float) -> str:
    return f"{seconds * 1e3:.0f} ms" if seconds < 1 else f"{seconds:.2f} s"
