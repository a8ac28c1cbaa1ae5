"""Who listens: subscribers, and from when to when each of their filters was in force."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mqttlab.figures.view import Indices, TraceView, topic_matches
from mqttlab.trace import End, Kind, Packet

__all__ = ["Interval", "Subscriber", "subscribers"]

_REFUSED = 0x80  # SUBACK's return code for a filter that was not granted


@dataclass(frozen=True)
class Interval:
    """A filter in force: from event `start` (SUBACK written) to before event `end`."""

    topic_filter: str
    start: int
    end: int


@dataclass(frozen=True)
class Subscriber:
    """A device that subscribed, with the filters that the broker granted to its session."""

    actor: int
    name: str
    client_id: str
    clean_session: bool
    intervals: tuple[Interval, ...]

    def covers(self, texts: tuple[str, ...], topics: Indices, events: Indices) -> NDArray[np.bool_]:
        """Which of (topic, event index) pairs fall into a filter's interval."""
        covered = np.zeros(len(events), bool)
        distinct, inverse = np.unique(topics, return_inverse=True)
        for interval in self.intervals:
            hits = [topic_matches(interval.topic_filter, texts[topic]) for topic in distinct]
            inside = (events >= interval.start) & (events < interval.end)
            covered |= inside & np.array(hits, bool)[inverse]
        return covered

    @property
    def first(self) -> int:
        """The event at which its first filter came into force."""
        return min((interval.start for interval in self.intervals), default=0)


def subscribers(view: TraceView) -> list[Subscriber]:
    """Devices with at least one granted filter, in order of their first SUBSCRIBE."""
    asked = view.of(Kind.ARRIVED, end=End.BROKER, packet=Packet.SUBSCRIBE)
    connects = view.of(Kind.ARRIVED, end=End.BROKER, packet=Packet.CONNECT)
    connect_of = view.first_per_connection(connects)
    clean_of = {int(row["event"]): bool(row["clean_session"]) for row in view.result.connects}
    found: dict[tuple[int, str, bool], list[Interval]] = {}
    for event in asked.tolist():
        connect = int(connect_of[view.events["connection"][event]])
        if connect == view.size:
            continue  # SUBSCRIBE before CONNECT: the oracle's business (STREAM-OK)
        client_id = view.result.texts[view.events["text"][connect]]
        clean = clean_of.get(connect, True)
        actor = int(view.device(np.array([event]))[0])
        intervals = _granted(view, event, client_id, clean)
        if intervals:
            found.setdefault((actor, client_id, clean), []).extend(intervals)
    return [
        Subscriber(actor, view.result.actors[actor], client_id, clean, tuple(intervals))
        for (actor, client_id, clean), intervals in found.items()
    ]


def _granted(view: TraceView, subscribe: int, client_id: str, clean: bool) -> list[Interval]:
    """Intervals of the filters of one SUBSCRIBE that the broker granted."""
    events, filters = view.events, view.result.filters
    answers = view.of(Kind.WRITTEN, end=End.BROKER, packet=Packet.SUBACK)
    answers = answers[
        (answers > subscribe)
        & (events["connection"][answers] == events["connection"][subscribe])
        & (events["packet_id"][answers] == events["packet_id"][subscribe])
    ]
    if not len(answers):
        return []
    start = int(answers[0])
    asked = filters["filter"][filters["event"] == subscribe]
    codes = filters["code"][filters["event"] == start]
    ending = _session_end(view, start, client_id, clean)
    return [
        Interval(view.result.texts[text], start, min(ending, _unsubscribed(view, start, text)))
        for text, code in zip(asked.tolist(), codes.tolist(), strict=False)
        if code < _REFUSED
    ]


def _session_end(view: TraceView, start: int, client_id: str, clean: bool) -> int:
    """The event that ended the session which held a filter since event `start`."""
    ended = view.of(Kind.SESSION_ENDED)
    wanted = [i for i, text in enumerate(view.result.texts) if text == client_id]
    ends = ended[np.isin(view.events["text"][ended], wanted) & (ended > start)]
    if clean:  # the session is bound to its connection (MQTT-3.1.2-6)
        closed = view.of(Kind.CLOSED, end=End.BROKER)
        here = view.events["connection"][closed] == view.events["connection"][start]
        ends = np.concatenate([ends, closed[here & (closed > start)]])
    return int(ends.min(initial=view.size))


def _unsubscribed(view: TraceView, start: int, text: int) -> int:
    """The event at which the same device's UNSUBSCRIBE of a filter arrived."""
    arrived = view.of(Kind.ARRIVED, end=End.BROKER, packet=Packet.UNSUBSCRIBE)
    device = view.device(np.array([start]))[0]
    arrived = arrived[(arrived > start) & (view.device(arrived) == device)]
    rows = view.result.filters
    naming = rows["event"][(rows["filter"] == text) & np.isin(rows["event"], arrived)]
    return int(naming.astype(np.int64).min(initial=view.size))
