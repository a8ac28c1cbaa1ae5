"""The report's timeline: deliveries over time, and below them every device's link and session."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from markupsafe import Markup

from mqttlab.figures import Analysis
from mqttlab.report.svg import Canvas, Scale, linear, ticks
from mqttlab.trace import Death, End, Kind, Packet

__all__ = ["Timeline"]

_LEFT, _RIGHT, _WIDTH = 112.0, 988.0, 1000.0
_DELIVERIES = 110.0  # height of the chart of deliveries
_MOST_ROWS = 240  # devices drawn; with more of them, every second, third, ... is
_BINS = 219  # columns of deliveries, 4 pixels each


@dataclass(frozen=True)
class _Lane:
    """The devices of one link, or one subscriber, drawn together."""

    name: str
    actors: list[int]
    row: float  # height of one device's row


class Timeline:
    """Draws one run."""

    def __init__(self, analysis: Analysis) -> None:
        self.analysis, self.view = analysis, analysis.view
        self.end_s = max(analysis.result.virtual_s, 1e-9)
        self.x: Scale = linear(0, self.end_s, _LEFT, _RIGHT)
        self.lanes, self.step = self._arrange()

    @property
    def note(self) -> str:
        """What a reader must know about rows that are not drawn."""
        return f"One row in {self.step} is drawn." if self.step > 1 else ""

    def draw(self) -> Markup:
        """The whole drawing."""
        lanes = sum(len(lane.actors) * lane.row + 16 for lane in self.lanes)
        height = _DELIVERIES + 44 + lanes
        canvas = Canvas(_WIDTH, height, "Deliveries, links and sessions over virtual time")
        self._axis(canvas, height - 22)
        self._deliveries(canvas)
        y = _DELIVERIES + 26
        for lane in self.lanes:
            self._lane(canvas, lane, y)
            y += len(lane.actors) * lane.row + 16
        return canvas.render()

    def _arrange(self) -> tuple[list[_Lane], int]:
        """Subscribers first, each in a lane of its own, then the devices by link."""
        listening = {one.actor: one.name for one in self.analysis.subscribers}
        lanes = [_Lane(name, [actor], 12.0) for actor, name in listening.items()][:4]
        rest = [d for d in self.analysis.result.devices if d.actor not in listening]
        step = max(1, -(-len(rest) // _MOST_ROWS))
        row = min(6.0, max(1.5, 420 / max(1, len(rest) // step)))
        for link in dict.fromkeys(device.link for device in rest):
            actors = [device.actor for device in rest if device.link == link][::step]
            lanes.append(_Lane(link, actors, row))
        return lanes, step

    def _axis(self, canvas: Canvas, bottom: float) -> None:
        minutes = self.end_s > 180
        unit, scale = ("min", 60.0) if minutes else ("s", 1.0)
        for mark in ticks(self.end_s / scale, 10):
            canvas.line(self.x(mark * scale), 8, self.x(mark * scale), bottom, "grid")
            canvas.text(self.x(mark * scale), bottom + 17, f"{mark:g} {unit}", "axis", "middle")
        for event in self.view.of(Kind.PHASE).tolist():
            row = self.view.events[event]
            at = self.x(row["at"] / 1e9)
            canvas.line(at, 0, at, bottom, "phase")
            name = self.analysis.result.texts[row["text"]]
            said = "faults end" if name == "settle" else name
            late = at > _RIGHT - 80
            canvas.text(at + (-5 if late else 5), 9, said, "phase-name", "end" if late else "start")

    def _deliveries(self, canvas: Canvas) -> None:
        """Stacked columns of first deliveries per second at the subscriber, by QoS level."""
        fate = self.analysis.persistent or self.analysis.clean
        middle = _DELIVERIES / 2
        canvas.text(_LEFT - 34, middle + 8, "deliveries", "name", "end")
        canvas.text(_LEFT - 34, middle + 23, "per second", "axis", "end")
        if fate is None:
            return
        edges = np.linspace(0, self.end_s, _BINS + 1)
        at = self.view.events["at"][fate.delivered[fate.arrived]] / 1e9
        qos = self.analysis.messages.qos[fate.arrived]
        width = self.end_s / _BINS
        rates = [np.histogram(at[qos == level], edges)[0] / width for level in range(3)]
        total = np.sum(rates, axis=0)
        y = linear(0, float(total.max()) or 1.0, _DELIVERIES, 16)
        for mark in ticks(float(total.max()), 3):
            canvas.text(_LEFT - 8, y(mark) + 4, f"{mark:g}", "axis", "end")
            canvas.line(_LEFT, y(mark), _RIGHT, y(mark), "grid")
        base = np.zeros(_BINS)
        for level, rate in enumerate(rates):
            canvas.area(self._steps(edges, base, base + rate, y), f"fill q{level}")
            base = base + rate

    def _steps(
        self, edges: np.ndarray, low: np.ndarray, high: np.ndarray, y: Scale
    ) -> Iterator[tuple[float, float]]:
        """Outline of columns from `low` to `high`: along the top, back along the bottom."""
        for index in range(len(high)):
            yield self.x(edges[index]), y(high[index])
            yield self.x(edges[index + 1]), y(high[index])
        for index in reversed(range(len(low))):
            yield self.x(edges[index + 1]), y(low[index])
            yield self.x(edges[index]), y(low[index])

    def _lane(self, canvas: Canvas, lane: _Lane, top: float) -> None:
        place = {actor: top + (i + 0.5) * lane.row for i, actor in enumerate(lane.actors)}
        middle = top + len(lane.actors) * lane.row / 2
        canvas.text(_LEFT - 10, middle + (4 if len(lane.actors) == 1 else 0), lane.name, "name",
                    "end")  # fmt: skip
        if len(lane.actors) > 1:
            count = len(lane.actors) * self.step
            canvas.text(_LEFT - 10, middle + 15, f"{count} devices", "axis", "end")
        thick = lane.row * 0.8
        canvas.spans(self._rows(place, *self._sessions()), thick, "connected")
        out = self.analysis.outages
        canvas.spans(self._rows(place, out.actor, out.start_s, out.end_s), thick, "down")
        for event in self.view.of(Kind.DIED).tolist():
            row = self.view.events[event]
            if int(row["actor"]) in place:
                how = Death(int(row["code"])).name.lower()
                name = self.analysis.result.actors[row["actor"]]
                canvas.dot(self.x(row["at"] / 1e9), place[int(row["actor"])], 2.4, f"died {how}",
                           f"{name} died ({how}) at {row['at'] / 1e9:.1f} s")  # fmt: skip

    def _rows(
        self, place: dict[int, float], actor: np.ndarray, start_s: np.ndarray, end_s: np.ndarray
    ) -> list[tuple[float, float, float]]:
        return [
            (self.x(a), self.x(b), place[who])
            for who, a, b in zip(actor.tolist(), start_s.tolist(), end_s.tolist(), strict=True)
            if who in place
        ]

    def _sessions(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Spans in which clients were connected: from CONNACK to the end, as they saw it."""
        view = self.view
        connack = view.of(Kind.ARRIVED, end=End.CLIENT, packet=Packet.CONNACK)
        connack = connack[view.events["code"][connack] == 0]
        closed = view.first_per_connection(view.of(Kind.CLOSED, end=End.CLIENT))
        until = closed[view.events["connection"][connack]]
        at = np.append(view.events["at"], round(self.end_s * 1e9)) / 1e9
        return view.events["actor"][connack], at[connack], at[until]
