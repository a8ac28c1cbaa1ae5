"""When a client was away, from a broker's log: mosquitto's, by its lines on connections."""

from __future__ import annotations

import re
from collections import defaultdict
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from mqttlab.errors import UsageError
from mqttlab.fit.estimates import Silence

__all__ = ["Absences", "is_log", "read"]

# Seconds since 1970, or with log_timestamp_format as ISO 8601; then ": ".
_LINE = re.compile(r"^(?P<at>\d+(?:\.\d+)?|\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d\S*?): (?P<what>.*)$")
_CAME = re.compile(
    r"^New (?:client|bridge) connected from \S+ as (?P<id>.+?) \(p\d+, c\d+, k(?P<keep_alive>\d+)"
)
_LEFT = re.compile(
    r"^(?:Client (?P<id>.+?) (?P<how>disconnected|closed its connection|has exceeded timeout)"
    r"|Socket error on client (?P<broken>.+?), disconnecting)"
)


@dataclass(frozen=True)
class Absences:
    """A client's times without a connection."""

    client_id: str
    span_s: float
    """From its first line to the log's last."""
    silences: tuple[Silence, ...]


def is_log(path: Path) -> bool:
    """Whether a file has lines of mosquitto's log rather than packets. Errors: UsageError."""
    try:
        with path.open("rb") as file:
            head = file.read(4096)
    except OSError as error:
        raise UsageError(f"fit: cannot read {str(path)!r}: {error.strerror}") from None
    return any(_LINE.match(line) for line in head.decode("utf-8", "replace").splitlines())


def read(path: Path, client_id: str | None) -> Absences:
    """The absences of a client, by default of that which was away most often.

    Who was asked to leave comes back when he likes: what follows DISCONNECT is no absence. Who is
    gone without a word is missed after 1.5 times his keep alive, and has been away since some time
    before that. Errors: UsageError.
    """
    spans: dict[str, list[Silence]] = defaultdict(list)
    first: dict[str, float] = {}
    away: dict[str, tuple[float, float]] = {}  # since when, and how much longer perhaps
    keep_alive: dict[str, float] = {}
    last = 0.0
    for line in path.read_text("utf-8", "replace").splitlines():
        match = _LINE.match(line)
        if not match:
            continue
        last = _seconds(match["at"])
        if came := _CAME.match(match["what"]):
            who = came["id"]
            first.setdefault(who, last)
            keep_alive[who] = float(came["keep_alive"])
            if who in away:
                since, uncertain = away.pop(who)
                spans[who].append(Silence(since - first[who], last - first[who], uncertain))
        elif left := _LEFT.match(match["what"]):
            who = left["id"] or left["broken"]
            if who in first and left["how"] != "disconnected":
                missed = 1.5 * keep_alive[who] if left["how"] == "has exceeded timeout" else 0.0
                # It went at some time after its last packet: half of the wait is the middle.
                away[who] = (max(last - missed / 2, first[who]), missed / 2)
    if not first:
        raise UsageError(
            f"fit: {str(path)!r} names no client that connected; mosquitto says so with "
            "`log_type notice` or `connection_messages true`"
        )
    if client_id is not None and client_id not in first:
        raise UsageError(
            f"fit: --client {client_id!r} is not in {str(path)!r}; {_most(list(first))} are"
        )
    for who, (since, uncertain) in away.items():
        if last > since:
            spans[who].append(Silence(since - first[who], last - first[who], uncertain))
    chosen = client_id or max(first, key=lambda who: len(spans[who]))
    found = tuple(one for one in spans[chosen] if one.end_s > one.begin_s)
    return Absences(chosen, last - first[chosen], found)


def _seconds(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return datetime.fromisoformat(text).timestamp()


def _most(names: list[str], shown: int = 5) -> str:
    more = f" and {len(names) - shown} more" if len(names) > shown else ""
    return ", ".join(names[:shown]) + more
