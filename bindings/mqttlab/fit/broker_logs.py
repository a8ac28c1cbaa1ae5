"""When a client was away, from what a broker said of its connections."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from mqttlab.errors import UsageError
from mqttlab.fit import log_lines
from mqttlab.fit.estimates import Silence
from mqttlab.fit.log_lines import Event, Happened, Kind

__all__ = ["Absences", "kind_of", "read"]

_HEAD_BYTES = 4096  # of a file, by which it is known


@dataclass(frozen=True)
class Absences:
    """A client's times without a connection."""

    client_id: str
    span_s: float
    """From its first line to the log's last."""
    silences: tuple[Silence, ...]
    undated: int = 0
    """So many begin where the client was missed, as its keep alive is not known."""


def kind_of(path: Path) -> Kind | None:
    """Whose lines a text has; None: it is no text, but packets perhaps. Errors: UsageError."""
    try:
        with path.open("rb") as file:
            head = file.read(_HEAD_BYTES)
    except OSError as error:
        raise UsageError(f"fit: cannot read {str(path)!r}: {error.strerror}") from None
    if b"\0" in head:
        return None
    lines = head.decode("utf-8-sig", "replace").splitlines()
    for kind in log_lines.KINDS:
        if any(kind.knows(line) for line in lines):
            return kind
    if not head:
        raise UsageError(f"fit: {str(path)!r} is empty")
    wanted = ", or ".join(f"{kind.whose} ({kind.example})" for kind in log_lines.KINDS)
    raise UsageError(f"fit: {str(path)!r} has none of the lines that are wanted: {wanted}")


def read(
    path: Path, kind: Kind, client_id: str | None = None, keep_alive_s: float | None = None
) -> Absences:
    """The absences of a client, by default of that which was away most often.

    Who was asked to leave comes back when he likes: what follows DISCONNECT is no absence. Who is
    gone without a word is missed after 1.5 times his keep alive, and has been away since some time
    before that; `keep_alive_s`: where the log does not tell it. Errors: UsageError.
    """
    lines = path.read_text("utf-8-sig", "replace").splitlines()
    try:
        events = list(kind.events(lines))
    except ValueError as error:
        raise UsageError(f"fit: {str(path)!r}, {error}") from None
    found = _absences(events, keep_alive_s)
    if not found:
        raise UsageError(f"fit: {str(path)!r} names no client that connected; {kind.remedy}")
    if client_id is not None and client_id not in found:
        raise UsageError(
            f"fit: --client {client_id!r} is not in {str(path)!r}; {_most(list(found))} are"
        )
    return found[client_id or max(found, key=lambda who: len(found[who].silences))]


def _absences(events: Iterable[Event], keep_alive_s: float | None) -> dict[str, Absences]:
    """Of each client that came."""
    spans: dict[str, list[Silence]] = defaultdict(list)
    first: dict[str, float] = {}
    away: dict[str, tuple[float, float]] = {}  # since when, and how much longer perhaps
    keep_alive: dict[str, float | None] = {}
    undated: dict[str, int] = defaultdict(int)
    last = 0.0
    for event in events:
        last, who = event.at_s, event.client_id
        if event.what is Happened.CONNECTED:
            first.setdefault(who, last)
            told = event.keep_alive_s
            keep_alive[who] = keep_alive_s if told is None else told
            if who in away:
                since, uncertain = away.pop(who)
                spans[who].append(Silence(since - first[who], last - first[who], uncertain))
        elif who in first and event.what in (Happened.CLOSED, Happened.TIMEOUT):
            missed = 0.0
            if event.what is Happened.TIMEOUT:
                missed = 1.5 * (keep_alive[who] or 0.0)
                undated[who] += keep_alive[who] is None
            # It went at some time after its last packet: half of the wait is the middle.
            away[who] = (max(last - missed / 2, first[who]), missed / 2)
    for who, (since, uncertain) in away.items():
        spans[who].append(Silence(since - first[who], last - first[who], uncertain))
    return {
        who: Absences(
            who, last - begin, tuple(one for one in spans[who] if one.end_s > one.begin_s),
            undated[who],
        )
        for who, begin in first.items()
    }  # fmt: skip


def _most(names: list[str], shown: int = 5) -> str:
    more = f" and {len(names) - shown} more" if len(names) > shown else ""
    return ", ".join(names[:shown]) + more
