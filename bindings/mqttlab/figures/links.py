"""What happened on each link: outages, losses by cause, reconnections, and what got through."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mqttlab.figures.messages import Messages
from mqttlab.figures.view import Indices, TraceView
from mqttlab.trace import COUNTERS, Death, Direction, End, Kind, Packet

__all__ = ["LOSSES", "LinkFigures", "Outages", "link_figures", "outages"]

LOSSES = tuple(name for name in COUNTERS.names or () if name.startswith("lost_"))


@dataclass(frozen=True)
class Outages:
    """Spans in which a living device's link was down, by device."""

    actor: Indices
    start_s: np.ndarray
    end_s: np.ndarray  # the run's end if the link never came back


@dataclass(frozen=True)
class LinkFigures:
    """Sums over the devices of one link."""

    name: str
    devices: int
    outages: int
    down_s: float
    deaths: dict[str, int]
    connects: int
    published: int
    accepted: int
    counters: dict[str, dict[str, int]]  # by direction, "up" and "down"

    def json(self) -> dict[str, object]:
        """As in run.json."""
        return dict(vars(self))


def outages(view: TraceView) -> Outages:
    """Pairs every LINK_DOWN with the device's next LINK_UP."""
    both = np.sort(np.concatenate([view.of(Kind.LINK_DOWN), view.of(Kind.LINK_UP)]))
    both = both[np.argsort(view.events["actor"][both], kind="stable")]
    actor = view.events["actor"][both].astype(np.int64)
    at = view.events["at"][both] / 1e9
    down = view.events["kind"][both] == Kind.LINK_DOWN
    again = np.append(actor[1:] == actor[:-1], False)
    end = np.where(again, np.append(at[1:], 0.0), view.result.virtual_s)
    # A second LINK_DOWN of a link that is down already only continues the outage. What happens to
    # the link of a dead device is part of its death.
    died_s = np.full(len(view.result.actors), view.result.virtual_s)
    died = view.of(Kind.DIED)
    died_s[view.events["actor"][died]] = view.events["at"][died] / 1e9
    down &= at < died_s[actor]
    return Outages(actor[down], at[down], np.minimum(end, died_s[actor])[down])


def link_figures(view: TraceView, messages: Messages) -> list[LinkFigures]:
    """Figures of every link that has devices, in order of its first device."""
    by_link: dict[str, list[int]] = {}
    for device in view.result.devices:
        by_link.setdefault(device.link, []).append(device.actor)
    spans = outages(view)
    return [_one(view, messages, spans, name, np.array(actors)) for name, actors in by_link.items()]


def _one(
    view: TraceView, messages: Messages, spans: Outages, name: str, actors: Indices
) -> LinkFigures:
    mine = np.isin(spans.actor, actors)
    died = view.of(Kind.DIED)
    died = died[np.isin(view.events["actor"][died], actors)]
    connack = view.of(Kind.ARRIVED, end=End.CLIENT, packet=Packet.CONNACK)
    connack = connack[view.events["code"][connack] == 0]
    published = np.isin(messages.publisher, actors)
    codes = view.events["code"][died]
    return LinkFigures(
        name=name,
        devices=len(actors),
        outages=int(mine.sum()),
        down_s=float((spans.end_s[mine] - spans.start_s[mine]).sum()),
        deaths={death.name.lower(): int((codes == death).sum()) for death in Death},
        connects=int(np.isin(view.events["actor"][connack], actors).sum()),
        published=int(published.sum()),
        accepted=int((published & (messages.accepted < view.size)).sum()),
        counters={
            direction.name.lower(): _counters(view, actors, direction) for direction in Direction
        },
    )


def _counters(view: TraceView, actors: Indices, direction: Direction) -> dict[str, int]:
    rows = view.result.counters
    rows = rows[np.isin(rows["actor"], actors) & (rows["direction"] == direction)]
    names = [name for name in rows.dtype.names or () if name not in ("actor", "direction")]
    return {name: int(rows[name].sum()) for name in names}
