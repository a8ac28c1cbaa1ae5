"""What became of connections: attempts, sessions, wills, and who noticed a silent peer."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mqttlab.figures.subscriber import Subscriber
from mqttlab.figures.view import Indices, TraceView
from mqttlab.trace import CloseCause, End, Kind, Packet

__all__ = ["Connections", "Tail", "Wills", "packets", "tails"]

_KEEP_ALIVE_FACTOR = 1.5  # MQTT-3.1.2-24
_SESSION_PRESENT = 1
_VERSION_5 = 5  # the first with a Will Delay Interval


@dataclass(frozen=True)
class Wills:
    """Wills whose connection ended without DISCONNECT, and what a subscriber got of them.

    Those that a return called off in time (Will Delay Interval, MQTT-3.1.3-9) are not due.
    """

    due: int
    delivered: int
    extra: int  # deliveries beyond one for each due will


@dataclass(frozen=True)
class Tail:
    """What arrived of a packet that a fault cut: the receiver never got the rest."""

    at_s: float
    device: str
    direction: str  # "to_broker" or "to_client"
    bytes: int


class Connections:
    """One entry per connection number; numbers that no event carries stay empty."""

    def __init__(self, view: TraceView) -> None:
        self.view = view
        first, of = view.first_per_connection, view.of
        connack = of(Kind.WRITTEN, end=End.BROKER, packet=Packet.CONNACK)
        connack = connack[view.events["code"][connack] == 0]
        self.accepted = first(connack) < view.size
        present = view.events["flags"][connack] & _SESSION_PRESENT > 0
        self.resumed = first(connack[present]) < view.size
        self.connect = first(of(Kind.ARRIVED, end=End.BROKER, packet=Packet.CONNECT))
        self.closed = first(of(Kind.CLOSED, end=End.BROKER))
        goodbye = first(of(Kind.ARRIVED, end=End.BROKER, packet=Packet.DISCONNECT))
        self.disconnected = goodbye < view.size

    @property
    def ended_badly(self) -> NDArray[np.bool_]:
        """Accepted connections that the broker lost without DISCONNECT (MQTT-3.1.2-8)."""
        return self.accepted & (self.closed < self.view.size) & ~self.disconnected

    def established(self) -> tuple[int, int]:
        """CONNACKs with code 0 that reached a client: all of them, and those after its first."""
        view = self.view
        connack = view.of(Kind.ARRIVED, end=End.CLIENT, packet=Packet.CONNACK)
        connack = connack[view.events["code"][connack] == 0]
        return len(connack), len(connack) - len(np.unique(view.events["actor"][connack]))

    def _declared(self, field: str) -> NDArray[np.generic]:
        """A column of the CONNECT of each connection; 0 where none arrived."""
        rows = self.view.result.connects
        order = np.argsort(rows["event"], kind="stable")
        place = np.searchsorted(rows["event"][order], self.connect)
        known = place < len(rows)
        values = np.zeros(self.view.connections, rows[field].dtype)
        values[known] = rows[field][order][place[known]]
        return values

    def keep_alive_closes(self) -> int:
        """Connections that the broker closed after 1.5 x keep alive of silence."""
        view = self.view
        arrived = view.of(Kind.ARRIVED, end=End.BROKER)
        heard = np.zeros(view.connections, np.int64)
        np.maximum.at(heard, view.events["connection"][arrived], view.events["at"][arrived])
        ended = np.flatnonzero(self.ended_badly)
        closed = self.closed[ended]
        limit_ns = view.keep_alive_s[ended] * _KEEP_ALIVE_FACTOR * 1e9
        silent_ns = view.events["at"][closed] - heard[ended]
        by_broker = view.events["code"][closed] == CloseCause.LOCAL
        return int((by_broker & (limit_ns > 0) & (silent_ns >= limit_ns)).sum())

    def ping_timeouts(self) -> int:
        """Connections that a client gave up with a PINGREQ unanswered."""
        view = self.view
        last = np.full((2, view.connections), -1, np.int64)
        for row, (kind, packet) in enumerate(
            ((Kind.WRITTEN, Packet.PINGREQ), (Kind.ARRIVED, Packet.PINGRESP))
        ):
            events = view.of(kind, end=End.CLIENT, packet=packet)
            np.maximum.at(last[row], view.events["connection"][events], events)
        closed = view.of(Kind.CLOSED, end=End.CLIENT)
        closed = closed[view.events["code"][closed] == CloseCause.LOCAL]
        here = view.events["connection"][closed]
        died = np.isin(view.events["actor"][closed], view.events["actor"][view.of(Kind.DIED)])
        return int(((last[0] > last[1])[here] & ~died).sum())

    def wills(self, subscriber: Subscriber | None) -> Wills:
        """Wills due (while the subscriber listened to their topic, if one is given)."""
        view = self.view
        ended = np.flatnonzero(self.ended_badly & self._declared("has_will").astype(bool))
        ended = ended[~self._called_off(ended)]
        message = self._declared("will_message")[ended]
        if subscriber is None:
            return Wills(len(ended), 0, 0)
        topic = self._declared("will_topic")[ended].astype(np.int64)
        covered = subscriber.covers(view.result.texts, topic, self.closed[ended])
        due, times = np.unique(message[covered], return_counts=True)
        copies = self._deliveries(subscriber, due)
        extra = int((copies - times).clip(min=0).sum())
        return Wills(int(times.sum()), int(np.minimum(copies, times).sum()), extra)

    def _called_off(self, ended: Indices) -> NDArray[np.bool_]:
        """Of connections that ended with a will, those whose client was back before it was due.

        No column has a will's delay. So: the broker has done nothing with it, the next connection
        of the client id went on with the session, and the oracle, who knows delays, misses none.
        """
        view = self.view
        if any(violation.invariant == "WILL-IFF" for violation in view.result.violations):
            return np.zeros(len(ended), bool)
        sent = view.of(Kind.WRITTEN, end=End.BROKER, packet=Packet.PUBLISH)
        told = view.events["message"][np.concatenate([sent, view.of(Kind.DROPPED)])]
        off = ~np.isin(self._declared("will_message")[ended], told)
        off &= self._declared("version")[ended] == _VERSION_5
        for place in np.flatnonzero(off).tolist():
            before = self.connect[ended[place]]
            alike = view.client_of == view.client_of[ended[place]]
            later = np.flatnonzero(alike & self.accepted & (self.connect > before))
            following = later[np.argsort(self.connect[later])][:1]
            off[place] = self.resumed[following].any()
        return off

    def _deliveries(self, subscriber: Subscriber, messages: NDArray[np.uint64]) -> Indices:
        """How often each message was handed over; a retained copy for a new SUBSCRIBE is none."""
        handed = self.view.handed(subscriber.actor, subscriber.client_id)
        got, times = np.unique(self.view.events["message"][handed], return_counts=True)
        place = np.searchsorted(got, messages)
        hit = np.append(got, 0)[place] == messages
        return np.where(hit, np.append(times, 0)[place], 0)


def packets(view: TraceView) -> dict[str, dict[str, dict[str, int]]]:
    """Control packets by type and direction: written at the sending, arrived at the other end."""
    counted: dict[str, dict[str, dict[str, int]]] = {}
    for kind, label in ((Kind.WRITTEN, "written"), (Kind.ARRIVED, "arrived")):
        for end in End:
            to_broker = (end == End.CLIENT) == (kind == Kind.WRITTEN)
            direction = "to_broker" if to_broker else "to_client"
            numbers = np.bincount(
                view.events["packet"][view.of(kind, end=end)], minlength=len(Packet) + 1
            )
            for packet in Packet:
                row = counted.setdefault(packet.name, {"to_broker": {}, "to_client": {}})
                row[direction][label] = int(numbers[packet])
    return counted


def tails(view: TraceView) -> list[Tail]:
    """Packets that were cut in the middle, at their receiving ends, in order."""
    cut = view.of(Kind.TAIL)
    cut = cut[view.events["flags"][cut] == 1]
    return [
        Tail(
            at_s=float(row["at"] / 1e9),
            device=view.result.actors[device] if device >= 0 else "",
            direction="to_broker" if row["end"] == End.BROKER else "to_client",
            bytes=int(row["bytes"]),
        )
        for row, device in zip(view.events[cut], view.device(cut).tolist(), strict=True)
    ]
