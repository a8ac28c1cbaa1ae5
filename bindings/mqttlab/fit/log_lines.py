"""Lines of brokers' logs as events of clients: mosquitto's, ours, and CSV for all others."""

from __future__ import annotations

import csv
import math
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from operator import attrgetter

__all__ = ["KINDS", "Event", "Happened", "Kind"]


class Happened(Enum):
    """What a line says; by these words in CSV."""

    CONNECTED = "connected"
    CLOSED = "closed"
    """The connection has ended, without a word of the client's or the broker's."""
    TIMEOUT = "timeout"
    """The client was silent for longer than its keep alive allows."""
    DISCONNECTED = "disconnected"
    """By the client's DISCONNECT, or because the broker wanted it so."""
    OTHER = ""
    """Of no client: time has passed."""


@dataclass(frozen=True)
class Event:
    """A line with a time."""

    at_s: float  # since 1970, or wherever the log begins to count
    client_id: str
    what: Happened
    keep_alive_s: float | None = None
    """Of CONNECTED, where it is told."""


@dataclass(frozen=True)
class Kind:
    """Who writes such lines, and how they are read."""

    whose: str
    example: str
    remedy: str
    """If no client is in them."""
    knows: Callable[[str], bool]
    events: Callable[[Iterable[str]], Iterator[Event]]
    """Errors: ValueError, which begins with the line's number."""


# Seconds since 1970, or with log_timestamp_format as ISO 8601; then ": ".
_MOSQUITTO = re.compile(
    r"^(?P<at>\d+(?:\.\d+)?|\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d\S*?): (?P<what>.*)$"
)
_CAME = re.compile(
    r"^New (?:client|bridge) connected from \S+ as (?P<id>.+?) \(p\d+, c\d+, k(?P<keep_alive>\d+)"
)
_LEFT = re.compile(
    r"^(?:Client (?P<id>.+?) (?P<how>disconnected|closed its connection|has exceeded timeout)"
    r"|Socket error on client (?P<broken>.+?), disconnecting)"
)


def _of_mosquitto(lines: Iterable[str]) -> Iterator[Event]:
    how = {"disconnected": Happened.DISCONNECTED, "has exceeded timeout": Happened.TIMEOUT}
    for at, what in _told(lines, _MOSQUITTO):
        if came := _CAME.match(what):
            yield Event(at, came["id"], Happened.CONNECTED, float(came["keep_alive"]))
        elif left := _LEFT.match(what):
            who = left["id"] or left["broken"]
            yield Event(at, who, how.get(left["how"], Happened.CLOSED))
        else:
            yield Event(at, "", Happened.OTHER)


# As protocol/live/broker_server.cc writes them: a client is known by its address from the line on
# that says who it is.
_OURS = re.compile(
    r"^(?P<at>\d{4}-\d\d-\d\dT[\d:.]+Z) (?:error|warning|notice|info|debug) +(?P<what>.*)$"
)
_NAMED = re.compile(r"^(?P<address>\S+) is client '(?P<id>.*)'$")
_ENDED = re.compile(r"^(?P<address>\S+) (?P<how>.+) after \d+ s$")
_WANTED = re.compile(r"disconnected|closed by the broker|ended by the broker: ")


def _of_ours(lines: Iterable[str]) -> Iterator[Event]:
    by_address: dict[str, str] = {}
    latest: dict[str, str] = {}  # a client's address: what it had before ends when it is back
    for at, what in _told(lines, _OURS):
        if named := _NAMED.match(what):
            by_address[named["address"]] = named["id"]
            latest[named["id"]] = named["address"]
            yield Event(at, named["id"], Happened.CONNECTED)
            continue
        ended = _ENDED.match(what)
        who = by_address.pop(ended["address"], None) if ended else None
        if ended is None or who is None or latest[who] != ended["address"]:
            yield Event(at, "", Happened.OTHER)
        elif ended["how"] == "ended by the broker: Keep Alive timeout":
            yield Event(at, who, Happened.TIMEOUT)
        else:
            wanted = _WANTED.match(ended["how"])
            yield Event(at, who, Happened.DISCONNECTED if wanted else Happened.CLOSED)


_HEADER = ["time", "client", "event"]
_WORDS = {one.value: one for one in Happened if one is not Happened.OTHER}


def _fields(line: str) -> list[str]:
    return [field.strip() for field in next(csv.reader([line]), [])]


def _is_of_table(line: str) -> bool:
    fields = _fields(line)
    return fields == _HEADER or (len(fields) == len(_HEADER) and fields[-1] in _WORDS)


def _of_table(lines: Iterable[str]) -> Iterator[Event]:
    found = []
    for number, line in enumerate(lines, 1):
        fields = _fields(line)
        if not fields or fields == _HEADER:
            continue
        if len(fields) != len(_HEADER):
            raise ValueError(f"line {number}: {line!r} is not {','.join(_HEADER)}")
        at, who, what = fields
        if what not in _WORDS:
            raise ValueError(f"line {number}: {what!r} is none of {', '.join(_WORDS)}")
        try:
            at_s = _seconds(at)
            if not math.isfinite(at_s):
                raise ValueError
            found.append(Event(at_s, who, _WORDS[what]))
        except ValueError:
            raise ValueError(
                f"line {number}: {at!r} is no time; write seconds, or ISO 8601"
            ) from None
    yield from sorted(found, key=attrgetter("at_s"))


def _told(lines: Iterable[str], form: re.Pattern[str]) -> Iterator[tuple[float, str]]:
    """Time and words of the lines of that form."""
    for line in lines:
        if match := form.match(line):
            yield _seconds(match["at"]), match["what"]


def _seconds(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return datetime.fromisoformat(text).timestamp()


KINDS = (
    Kind(
        "mosquitto's log", "1700000010: New client connected from ...",
        "mosquitto says so with `log_type notice` or `connection_messages true`",
        lambda line: _MOSQUITTO.match(line) is not None, _of_mosquitto,
    ),
    Kind(
        "that of `mqttlab broker --log-level info`",
        "2026-01-31T12:00:00.000Z info    ADDRESS is client 'ID'",
        "`mqttlab broker` says so with --log-level info",
        lambda line: _OURS.match(line) is not None, _of_ours,
    ),
    Kind(
        "CSV", f"{','.join(_HEADER)} with {', '.join(_WORDS)} as event",
        "write TIME,CLIENT,connected where one did", _is_of_table, _of_table,
    ),
)  # fmt: skip
