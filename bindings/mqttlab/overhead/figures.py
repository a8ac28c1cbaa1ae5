"""What was measured over seeds as means with intervals, cell by cell."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from mqttlab.energy import battery_days
from mqttlab.overhead.cell import LAYERS, LEVELS, Cell
from mqttlab.overhead.estimate import Estimate
from mqttlab.overhead.keep_alive import DAY_S, LATE_S, Standby

__all__ = [
    "FIGURES",
    "KEEP_ALIVE_FIGURES",
    "MESSAGE_EVERY_S",
    "Figures",
    "KeepAlive",
    "keep_alives",
    "levels",
]

MESSAGE_EVERY_S = 900.0
"""Between the messages of the device whose battery's days are told."""
_PERCENTILES = (50, 90, 99)
_SENT_AGAIN = ("tcp_ip", "retransmitted", "bytes", "packets")  # what grows with each packet lost
Runs = Sequence[Sequence[Mapping[str, Any]]]
"""By seed: the rows that `measure` returned."""

FIGURES: Mapping[str, str] = {
    "bytes": "bytes of IP packets per delivered message, both ways of the publisher's link",
    **{name: f"of these, {name.replace('_', ' ')}" for name in LAYERS},
    "packets": "IP packets per delivered message",
    "copies": "deliveries beyond the first, as a share of messages",
    "lost": "share of messages that were never delivered",
    **{
        f"{what}_p{share}_s": meaning if share == 50 else ""
        for what, meaning in (
            ("delivered", "from the publish call to the subscriber"),
            ("acknowledged", "from the publish call to the end of the exchange"),
        )
        for share in _PERCENTILES
    },
    "setup_bytes": "what the connection cost before the first message",
    "setup_packets": "",
    "setup_s": "from dialling to CONNACK",
    "joules": "of the publisher's radio per delivered message, beyond idling",
    "battery_days": f"of a device that publishes every {MESSAGE_EVERY_S / 60:g} minutes",
}
"""Columns of a level, in order, and what they mean; one without words means what the one before
does. p50, p90 and p99 are percentiles of each seed; what is told is their mean over seeds."""

KEEP_ALIVE_FIGURES: Mapping[str, str] = {
    "missed": f"share of pushes that took over {LATE_S:g} s or never came",
    "waited_p50_s": "from the publish call to the phone, of those that came",
    "waited_p95_s": "",
    "bytes_per_day": "of IP packets of a phone, both ways, pushes included",
    "packets_per_day": "",
    "joules_per_day": "of its radio",
    "battery_days": "",
    "client_noticed_s": "from the link going dark until the client gave the connection up",
    "broker_noticed_s": "the same of the broker",
}


@dataclass(frozen=True)
class Figures:
    """What a cell cost at one level: means over seeds, by name of the table's column."""

    cell: Cell
    qos: int
    values: Mapping[str, Estimate]


@dataclass(frozen=True)
class KeepAlive:
    """What a keep alive cost and missed: means over seeds. `pushes`: in all runs."""

    cell: Standby
    keep_alive_s: int
    pushes: int
    values: Mapping[str, Estimate]


def levels(cell: Cell, runs: Runs, battery_wh: float) -> Iterator[Figures]:
    """The means over seeds, level by level."""
    for qos in LEVELS:
        rows = [run[qos] for run in runs]
        values = {name: _mean(rows, name) for name in (*LAYERS, "bytes", "packets")}
        if cell.loss > 0 or values["retransmitted"].mean > 0:
            values |= {name: values[name].by_chance() for name in _SENT_AGAIN}
        values["copies"] = Estimate.share([(row["copies"], row["published"]) for row in rows])
        values["lost"] = Estimate.share(
            [(row["published"] - row["delivered"], row["published"]) for row in rows]
        )
        for what in ("delivered", "acknowledged"):
            for share in _PERCENTILES:
                times = (_percentile(row[f"{what}_s"], share) for row in rows)
                values[f"{what}_p{share}_s"] = Estimate.of(times)
        for name in ("setup_bytes", "setup_packets", "setup_s", "joules"):
            values[name] = _mean(rows, name)
        values["battery_days"] = Estimate.of(
            battery_days(row["idle_w"] + row["joules"] / MESSAGE_EVERY_S, battery_wh)
            for row in rows
            if "joules" in row
        )
        yield Figures(cell, qos, values)


def keep_alives(standby: Standby, runs: Runs, battery_wh: float) -> Iterator[KeepAlive]:
    """The means over seeds, keep alive by keep alive."""
    for place, keep_alive_s in enumerate(standby.keep_alives_s):
        rows = [run[place] for run in runs]
        values = {"missed": Estimate.share([(row["missed"], row["pushes"]) for row in rows])}
        for share in (50, 95):
            times = (_percentile(row["waits_s"], share) for row in rows)
            values[f"waited_p{share}_s"] = Estimate.of(times)
        for name in ("bytes_per_day", "packets_per_day", "joules_per_day"):
            values[name] = _mean(rows, name)
        values["battery_days"] = Estimate.of(
            battery_days(row["joules_per_day"] / DAY_S, battery_wh)
            for row in rows
            if "joules_per_day" in row
        )
        for name in ("client_noticed_s", "broker_noticed_s"):
            values[name] = Estimate.of(float(np.mean(row[name])) for row in rows if row[name])
        yield KeepAlive(standby, keep_alive_s, sum(row["pushes"] for row in rows), values)


def _mean(rows: Iterable[Mapping[str, Any]], name: str) -> Estimate:
    return Estimate.of(row.get(name, math.nan) for row in rows)


def _percentile(times_s: Sequence[float], share: int) -> float:
    """Of sorted times the nearest rank, so that a percentile is a time that was measured."""
    if not times_s:
        return math.nan
    return times_s[(len(times_s) * share + 99) // 100 - 1]
