"""The fate of every published message at one subscriber: where it went, or where it ended.

A message is known by the identity of its topic and payload, so publishers stamp their payloads;
messages that are equal in both count as one.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from mqttlab.figures.subscriber import Subscriber
from mqttlab.figures.view import Indices, TraceView
from mqttlab.trace import DropReason, End, Kind, Packet

__all__ = ["DROPS", "UNEXPLAINED", "Fate", "Messages"]

UNEXPLAINED = "unexplained"
UNTOLD = "ended inside the broker, which does not tell why"
INTERRUPTED = "under way when the run was interrupted"
DROPS = {
    DropReason.QUEUE_FULL: "broker's queue for the subscriber was full (messages)",
    DropReason.QUEUE_BYTES_FULL: "broker's queue for the subscriber was full (bytes)",
    DropReason.SESSION_ENDED: "subscriber's session ended",
    DropReason.OFFLINE_QOS0: "subscriber offline",
    DropReason.OUTBOX_FULL: "subscriber's link was too slow (QoS 0 is not queued)",
    DropReason.NOT_AUTHORISED: "not authorised",
    DropReason.TOO_LARGE: "larger than the subscriber accepts",
    DropReason.RETAINED_LIMIT: "retained store was full",
}

_Cases = list[tuple[NDArray[np.bool_], str]]  # which messages, and the name of their reason


class Messages:
    """Everything that was published, in order of identity; columns have one entry per message."""

    def __init__(self, view: TraceView) -> None:
        self.view = view
        calls = view.of(Kind.PUBLISH_CALLED)
        self.identity, first = np.unique(view.events["message"][calls], return_index=True)
        self.called: Indices = calls[first]
        self.qos = view.qos(self.called)
        self.at = view.events["at"][self.called]
        self.publisher = view.events["actor"][self.called].astype(np.int64)
        self.topic = view.events["text"][self.called].astype(np.int64)

    def __len__(self) -> int:
        return len(self.identity)

    def where(self, events: Indices) -> Indices:
        """The message that each event is about; -1 for events about others (wills, $SYS)."""
        if not len(self):
            return np.full(len(events), -1, np.int64)
        wanted = self.view.events["message"][events]
        place = np.searchsorted(self.identity, wanted).clip(max=len(self) - 1)
        return np.where(self.identity[place] == wanted, place, -1)

    def first(self, events: Indices) -> Indices:
        """Each message's first event among `events`, or the trace's size if it has none."""
        place = self.where(events)
        first = np.full(len(self), self.view.size, np.int64)
        np.minimum.at(first, place[place >= 0], events[place >= 0])
        return first

    @cached_property
    def written(self) -> Indices:
        """When the publisher's transport first took all of it."""
        return self.first(self.view.of(Kind.WRITTEN, end=End.CLIENT, packet=Packet.PUBLISH))

    @cached_property
    def accepted(self) -> Indices:
        """When it first arrived at the broker."""
        return self.first(self.view.of(Kind.ARRIVED, end=End.BROKER, packet=Packet.PUBLISH))

    @cached_property
    def publisher_died(self) -> NDArray[np.bool_]:
        """Whether its publisher's process ended during the run."""
        died = self.view.of(Kind.DIED)
        return np.isin(self.publisher, self.view.events["actor"][died])

    @cached_property
    def given_up(self) -> NDArray[np.bool_]:
        """Whether its publisher was told that the exchange failed, its session having ended."""
        done = self.view.of(Kind.PUBLISH_COMPLETED)
        done = done[self.view.events["code"][done] != 0]
        return np.isin(self._token(self.called), self._token(done))

    @cached_property
    def completed(self) -> Indices:
        """When its publisher was told that it is through, or the trace's size.

        Tokens are a client's own, and begin anew with the next client of a device.
        """
        done = self.view.of(Kind.PUBLISH_COMPLETED)
        done = done[self.view.events["code"][done] == 0]
        completed = np.full(len(self), self.view.size, np.int64)
        place = dict(zip(self.called.tolist(), range(len(self)), strict=True))
        waiting: dict[int, int] = {}
        events = np.sort(np.concatenate([self.called, done]))
        for event, call in zip(events.tolist(), self._token(events).tolist(), strict=True):
            if event in place:
                waiting[call] = place[event]
            elif call in waiting:
                completed[waiting.pop(call)] = event
        return completed

    def _token(self, events: Indices) -> NDArray[np.uint64]:
        actor = self.view.events["actor"][events].astype(np.uint64)
        token: NDArray[np.uint64] = (actor << np.uint64(32)) | self.view.events["detail"][events]
        return token


@dataclass(frozen=True)
class Fate:
    """What became of each message at one subscriber."""

    messages: Messages
    subscriber: Subscriber
    delivered: Indices  # event of the first delivery, or the trace's size
    copies: Indices  # deliveries; retained copies for a new subscription are not counted
    covered: NDArray[np.bool_]  # accepted while a matching filter was in force
    taken: NDArray[np.bool_]  # not delivered here, but not lost either: see `_taken`
    reason: Indices  # why it was not delivered: index into `reasons`; 0 if it was
    reasons: tuple[str, ...]

    @classmethod
    def at(cls, messages: Messages, subscriber: Subscriber) -> Fate:
        """Follows every message to `subscriber`."""
        view = messages.view
        handed = view.handed(subscriber.actor, subscriber.client_id)
        place = messages.where(handed)
        copies = np.bincount(place[place >= 0], minlength=len(messages))
        covered = subscriber.covers(view.result.texts, messages.topic, messages.accepted)
        delivered = messages.first(handed)
        arrived = delivered < view.size
        by_others = _taken(messages, subscriber, covered)
        first = [(arrived, ""), *by_others]
        reason, reasons = _reasons(messages, subscriber, first, covered)
        taken = ~arrived & np.logical_or.reduce([which for which, _ in by_others])
        return cls(messages, subscriber, delivered, copies, covered, taken, reason, reasons)

    @property
    def arrived(self) -> NDArray[np.bool_]:
        """Which messages were delivered."""
        return self.copies > 0

    @property
    def lost(self) -> NDArray[np.bool_]:
        """QoS 1 and 2: accepted while subscribed and never delivered. QoS 0: never delivered.

        What its session was given at another device (of the same client id) is not lost, nor what
        arrived at a program that is no client of ours.
        """
        promised = (self.messages.qos == 0) | self.covered
        lost: NDArray[np.bool_] = promised & ~self.arrived & ~self.taken
        return lost

    def count_reasons(self, chosen: NDArray[np.bool_]) -> dict[str, int]:
        """How many of the chosen messages ended for which reason, the most frequent first."""
        counts = np.bincount(self.reason[chosen], minlength=len(self.reasons))
        order = np.argsort(-counts, kind="stable")
        named: dict[str, int] = {}
        for place in order[counts[order] > 0].tolist():
            name = self.reasons[place]
            named[name] = named.get(name, 0) + int(counts[place])
        return named

    def latency_s(self, chosen: NDArray[np.bool_]) -> NDArray[np.float64]:
        """Seconds from the publish call to the first delivery, sorted, of chosen messages."""
        chosen = chosen & self.arrived
        at = self.messages.view.events["at"][self.delivered[chosen]]
        return np.sort(at - self.messages.at[chosen]) / 1e9


def _reasons(
    messages: Messages,
    subscriber: Subscriber,
    first: _Cases,
    covered: NDArray[np.bool_],
) -> tuple[Indices, tuple[str, ...]]:
    """Names the place where each undelivered message ended, from its start to its end."""
    view, size = messages.view, messages.view.size
    accepted, sent = messages.accepted, messages.written
    links = view.links_of(subscriber.actor, subscriber.client_id)
    outward = view.of(Kind.WRITTEN, end=End.BROKER, packet=Packet.PUBLISH)
    outward = messages.first(outward[links[view.events["connection"][outward]]])
    inward = _arrival(messages, subscriber)
    drops = view.of(Kind.DROPPED)
    mine = [i for i, text in enumerate(view.result.texts) if text == subscriber.client_id]
    drop = messages.first(drops[np.isin(view.events["text"][drops], mine)])
    code = view.events["code"][drop.clip(max=max(size - 1, 0))] if size else drop
    cut = _next_close(view, links, accepted)
    target = view.result.target
    untold = target is not None and not target.own
    cases: _Cases = [
        *first,
        ((sent == size) & messages.publisher_died, "publisher died before it was sent"),
        ((sent == size) & (messages.qos == 0), "publisher offline"),
        ((accepted == size) & messages.given_up & (messages.qos > 0), "publisher's session ended"),
        ((accepted == size) & messages.publisher_died, "publisher died on the way to the broker"),
        ((accepted == size) & (messages.qos == 0), "cut on the way to the broker"),
        ((accepted < subscriber.first), "accepted before the subscription"),
        *(((drop < size) & (code == reason), name) for reason, name in DROPS.items()),
        ((accepted < size) & ~covered, "subscriber offline"),
        ((inward < size), "arrived, but the subscriber's application never took it"),
        ((outward < size) & (cut < size), "cut on the way to the subscriber"),
        ((accepted < size) & (cut < size), "cut before the broker could send it"),
        ((accepted < size) & untold, UNTOLD),
    ]
    rest = INTERRUPTED if view.disturbed else UNEXPLAINED
    codes = np.select([mask for mask, _ in cases], list(range(len(cases))), len(cases))
    return codes.astype(np.int64), (*(name for _, name in cases), rest)


def _arrival(messages: Messages, subscriber: Subscriber) -> Indices:
    """When each message first arrived at the subscriber's end, or the trace's size."""
    view = messages.view
    links = view.links_of(subscriber.actor, subscriber.client_id)
    arrived = view.of(Kind.ARRIVED, end=End.CLIENT, packet=Packet.PUBLISH)
    return messages.first(arrived[links[view.events["connection"][arrived]]])


def _taken(messages: Messages, subscriber: Subscriber, covered: NDArray[np.bool_]) -> _Cases:
    """What others than the subscriber's client of ours took: none of that is lost."""
    view, name = messages.view, subscriber.client_id
    elsewhere = np.zeros(len(messages), bool)
    for actor in view.devices_of(name):
        if actor != subscriber.actor:
            elsewhere |= messages.first(view.handed(actor, name)) < view.size
    names = {one.client_id for one in view.result.clients if one.actor == subscriber.actor}
    is_ours = name in names or "" in names  # which has the name that the broker gave it
    beyond = (_arrival(messages, subscriber) < view.size) & (not is_ours)
    return [
        (covered & elsewhere, "delivered at another device of its session"),
        (beyond, "arrived at a program that is no client of mqttlab's"),
    ]


def _next_close(view: TraceView, links: NDArray[np.bool_], events: Indices) -> Indices:
    """The first time after each event that the broker lost one of `links`, or the size."""
    closed = view.of(Kind.CLOSED, end=End.BROKER)
    closed = np.append(closed[links[view.events["connection"][closed]]], view.size)
    place = np.searchsorted(closed, events, side="right").clip(max=len(closed) - 1)
    following: Indices = closed[place]
    return following
