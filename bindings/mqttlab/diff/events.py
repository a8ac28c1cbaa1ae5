"""The first event in which two traces differ, in words."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import mqttlab
from mqttlab import catalog
from mqttlab.capsule import SUFFIX, Capsule
from mqttlab.diff.sides import Side
from mqttlab.errors import Error, UsageError
from mqttlab.replaying import again

__all__ = ["FirstEvent", "first_event"]

_LEAVE_ONE = "let both leave one: mqttlab run ... --ndjson DIR/trace.ndjson"
_NS_PER_S = 1_000_000_000
_BESIDE = ("at", "kind", "actor", "end", "packet", "message", "token", "connection")
_QOS, _DUP, _RETAIN = 6, 8, 1  # flags of PUBLISH


@dataclass(frozen=True)
class FirstEvent:
    """Where two traces part."""

    equal: int
    """How many events are the same before it."""
    last: str
    """The last of those, in words; "": there is none."""
    a: str
    """In words; "": this trace has ended."""
    b: str

    def to_data(self) -> dict[str, Any]:
        """For JSON."""
        return vars(self)


def first_event(a: Side, b: Side, *, make: bool) -> FirstEvent | None:
    """None: the traces are equal. `make`: a run that left no trace is made again, if it can be.

    Errors: mqttlab.Error saying why there is a trace no more.
    """
    with TemporaryDirectory(prefix="mqttlab-diff-") as scratch:
        paths = [
            side.trace or _made_again(side, Path(scratch) / name, make)
            for side, name in ((a, "a.ndjson"), (b, "b.ndjson"))
        ]
        with paths[0].open("rb") as one, paths[1].open("rb") as other:
            return _compare(one, other)


def _compare(one: Iterable[bytes], other: Iterable[bytes]) -> FirstEvent | None:
    last = b""
    devices: dict[int, str] = {}
    for number, lines in enumerate(zip_longest(one, other, fillvalue=b"")):
        if number == 0 and all(b'"kind":"trace"' in line.replace(b" ", b"") for line in lines):
            continue  # heads: `changes` compares them
        if lines[0] != lines[1]:
            words = (_in_words(line, devices) for line in (last, *lines))
            return FirstEvent(max(number - 1, 0), *words)  # the first line is the trace's head
        last = lines[0]
        if b'"opened"' in last:  # parsing every line takes ten times as long
            event = json.loads(last)
            if event.get("end") == "client":
                devices[event["connection"]] = event["actor"]
    return None


def _made_again(side: Side, trace: Path, make: bool) -> Path:
    """The trace of a run that has left none. Errors: mqttlab.Error saying why there is none."""
    if side.kind not in ("run", "capsule"):
        raise Error(f"{side.path}: has no trace")
    if not make:
        raise Error(f"{side.path}: has no trace; {_LEAVE_ONE}, or make them again: --again")
    capsule = _capsule(side)
    if capsule and capsule.runs_elsewhere:
        raise Error(f"{side.path}: is made in another process, which leaves no trace")
    try:
        if capsule:
            now = again(capsule, [side.path.parent], ndjson=trace)[2].fingerprint
        else:
            now = _run(side, trace)
    except Error:
        raise
    except Exception as error:  # of the scenario
        raise Error(f"{side.path}: made again it raises {type(error).__name__}: {error}") from error
    if now != side.data.get("fingerprint"):
        raise Error(
            f"{side.path}: made again it is another run, fingerprint {now[:16]}: code, versions "
            f"or faults are not the same; {_LEAVE_ONE}"
        )
    return trace


def _capsule(side: Side) -> Capsule | None:
    """Of the run: itself, or beside the report of one that failed."""
    if side.kind == "capsule":
        return Capsule.read(side.path)
    beside = (Capsule.read(path) for path in sorted(side.path.parent.glob(f"*{SUFFIX}")))
    return next((one for one in beside if one.fingerprint == side.data["fingerprint"]), None)


def _run(side: Side, trace: Path) -> str:
    """Makes a run of an installed scenario again by its run.json; returns the fingerprint."""
    data = side.data
    if data.get("target"):
        raise Error(f"{side.path}: no two runs on real sockets are equal")
    try:
        scenario = catalog.load(data["scenario"])
    except UsageError:
        raise Error(
            f"{side.path}: scenario {data['scenario']} is not installed, and run.json does not say "
            f"where it is; {_LEAVE_ONE}"
        ) from None
    given = {name: value for name, value in data["parameters"].items() if value is not None}
    result = mqttlab.run(
        scenario, seed=data["seed"], until=data["until_s"], parameters=given,
        strict=data.get("strict", False), ndjson=trace,
    )  # fmt: skip
    return result.fingerprint


def _in_words(line: bytes, devices: Mapping[int, str]) -> str:
    """ "12.345678901 s  meter-007, client's end: PUBLISH written, id 5, ...".

    A line that is no event is as it was written. `devices`: those whose connections are known, by
    number.
    """
    try:
        event = json.loads(line)
    except ValueError:
        return line.decode(errors="replace").strip()
    if not isinstance(event, dict) or event.get("kind") in (None, "trace"):
        return line.decode().strip()
    if event["kind"] == "end":
        return f"{_seconds(event)}  the run ends"
    who = str(event.get("actor", ""))
    if event.get("end") == "broker" and event.get("connection") in devices:
        who = f"{devices[event['connection']]}, {who}'s end"
    elif "end" in event:
        who += f", {event['end']}'s end"
    what = event["kind"].replace("_", " ")
    if "packet" in event:
        what = f"{event['packet']} {what}"
    return f"{_seconds(event)}  {who}: {', '.join((what, *_details(event)))}"


def _seconds(event: Mapping[str, Any]) -> str:
    seconds, rest = divmod(int(event.get("at", 0)), _NS_PER_S)
    return f"{seconds:,}.{rest:09d} s"


def _details(event: Mapping[str, Any]) -> Iterator[str]:
    if "connection" in event:
        yield f"connection {event['connection']}"
    said: Mapping[str, Callable[[Any], str]] = {
        "packet_id": lambda value: f"id {value}",
        "text": lambda value: repr(value),
        "payload_bytes": lambda value: f"payload of {value} B",
        "bytes": lambda value: f"{value} B",
    }
    is_message = event.get("packet") == "PUBLISH" or event["kind"].startswith(("publish", "deliv"))
    for name, value in event.items():
        if name == "flags" and is_message:
            yield f"QoS {value >> 1 & 3}"
            if value & _DUP:
                yield "DUP"
            if value & _RETAIN:
                yield "RETAIN"
        elif name == "detail":
            yield from (f"{key} {what}" for key, what in value.items())
        elif name not in _BESIDE:
            yield said[name](value) if name in said else f"{name} {value}"
