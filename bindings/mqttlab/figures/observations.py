"""What a run shows that its figures do not say by themselves, in words for newcomers."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mqttlab.figures.view import TraceView
from mqttlab.trace import Direction, End, Kind, Packet

__all__ = ["observations"]

_FORGOT = "NAT forgot the connection"  # how the world's event begins
_FOUND_OUT = {
    Packet.PINGREQ: "its next PINGREQ (keep alive) found out",
    Packet.PUBLISH: "a message of its own found out",
}


@dataclass(frozen=True)
class _Silence:
    """A connection that its NAT had forgotten, for as long as its device took it for alive."""

    device: int
    keep_alive_s: int
    by_broker: bool  # who has set its keep alive
    since_s: float
    until_s: float
    how_it_ended: str

    @property
    def lasted_s(self) -> float:
        return self.until_s - self.since_s


def observations(view: TraceView) -> list[str]:
    """One paragraph for each kind of link and keep alive that lost connections silently."""
    result = view.result
    link_of = {device.actor: device.link for device in result.devices}
    alike: dict[tuple[str, int, bool], list[_Silence]] = {}
    for silence in _silences(view):
        key = (link_of[silence.device], silence.keep_alive_s, silence.by_broker)
        alike.setdefault(key, []).append(silence)
    return [_words(view, link, silences) for (link, _, _), silences in alike.items()]


def _words(view: TraceView, link: str, silences: list[_Silence]) -> str:
    result = view.result
    nat = result.links[link]["nat"]
    assert isinstance(nat, dict)
    idle = f"{nat['idle_s']:g} s"
    longest = max(silences, key=lambda one: one.lasted_s)
    devices = sorted({one.device for one in silences})
    who = result.actors[longest.device]
    others = f" (as {len(devices) - 1:,} more on {link!r})" if len(devices) > 1 else ""
    keep_alive_s = longest.keep_alive_s
    what = f"its keep alive is {keep_alive_s} s" if keep_alive_s else "it has no keep alive"
    if longest.by_broker:
        what += ", which is the broker's choice"
    remedy = f"A keep alive under {idle} would have kept the connection."
    if 0 < keep_alive_s < nat["idle_s"]:
        remedy = "Faults or a NAT that only the device's packets refresh let it be idle that long."
    rows = result.counters
    lost = rows[np.isin(rows["actor"], devices) & (rows["direction"] == Direction.DOWN)]["lost_nat"]
    times = "once" if len(silences) == 1 else f"{len(silences):,} times"
    return (
        f"{who}{others}: its NAT forgets a connection after {idle} without a packet, but {what}. "
        f"This happened {times}: nobody was told, and what the broker sent went nowhere "
        f"({int(lost.sum()):,} packets in all). The longest silence was {longest.lasted_s:.1f} s,"
        f" from {longest.since_s:.1f} s to {longest.until_s:.1f} s, until {longest.how_it_ended}. "
        f"{remedy}"
    )


def _silences(view: TraceView) -> list[_Silence]:
    """In order. A device whose process had gone before misses nothing."""
    events, texts = view.events, view.result.texts
    faults = view.of(Kind.FAULT)
    forgot = [
        event
        for event in faults.tolist()
        if texts[events["text"][event]].startswith(_FORGOT) and events["connection"][event] > 0
    ]
    if not forgot:
        return []
    closed = view.first_per_connection(view.of(Kind.CLOSED, end=End.CLIENT))
    written = view.of(Kind.WRITTEN, end=End.CLIENT)
    found = []
    for event in forgot:
        connection = int(events["connection"][event])
        end = int(closed[connection])
        if end < event:
            continue
        said = written[(written > event) & (written < end)]
        said = said[events["connection"][said] == connection]
        how = "the run ended" if end == view.size else "the connection ended"
        if len(said):
            how = _FOUND_OUT.get(Packet(events["packet"][said[-1]]), how)
        until_s = view.result.virtual_s if end == view.size else float(events["at"][end] / 1e9)
        since_s = float(events["at"][event] / 1e9)
        keep_alive_s = int(view.keep_alive_s[connection])
        by_broker = bool(view.has_server_keep_alive[connection])
        device = int(events["actor"][event])
        found.append(_Silence(device, keep_alive_s, by_broker, since_s, until_s, how))
    return found
