"""What a device's radio takes: joules from the times of its packets, by published models.

A radio that has nothing to do goes on for a while, ready for more (the tail), and is woken at some
cost (the promotion); both outweigh the bytes of small messages. A model is such states and their
power. Of the radio only: processor, sensors and display are not in it.
"""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from mqttlab import trace
from mqttlab.errors import UsageError

if TYPE_CHECKING:
    from rich.console import Console

    from mqttlab.result import DeviceInfo, Result

__all__ = [
    "NO_AIR_TIME",
    "Air",
    "DeviceEnergy",
    "Radio",
    "Spent",
    "Tail",
    "air_of",
    "battery_days",
    "has_air_time",
    "model_of",
    "of_devices",
    "of_period",
    "radios",
    "show",
    "spent",
    "write",
]

Times = NDArray[np.float64]
_WH_PER_DAY = 24.0  # of a watt
NO_AIR_TIME = ", no time in the air"
"""In words, of recorded links and of radios' cells: how long their packets took is not known."""


@dataclass(frozen=True)
class Tail:
    """A state that a radio stays in after its last packet, before the next lower one."""

    duration_s: float
    power_w: float


@dataclass(frozen=True)
class Radio:
    """A radio's power, state by state. What a model does not tell is 0."""

    name: str
    idle_w: float
    """On average, with what it listens to now and then."""
    promotion_s: float = 0.0
    promotion_j: float = 0.0
    """To leave idle: in its time before the packet, out of the idle time there is."""
    tails: tuple[Tail, ...] = ()
    """After the last packet, in order."""
    active_w: float = 0.0
    """While packets are in the air, either way."""
    up_w: float = 0.0
    down_w: float = 0.0
    """On top of it, while this way's packets are."""
    up_j_per_mbit: float = 0.0
    down_j_per_mbit: float = 0.0
    source: str = ""


_HUANG = (
    "Huang et al., A Close Examination of Performance and Power Characteristics of 4G LTE Networks,"
    " MobiSys 2012, tables 3 and 4 (a smartphone's radio)"
)
_GSM = (
    "Balasubramanian, Balasubramanian, Venkataramani, Energy Consumption in Mobile Phones, IMC "
    "2009, table 2 (GSM)"
)


def _gsm(name: str) -> Radio:
    j_per_mbit = 0.036 * 1e6 / 8 / 1024  # 0.036 J a KByte
    return Radio(
        name, idle_w=0.03, promotion_j=1.7, tails=(Tail(6.0, 0.25),),
        up_j_per_mbit=j_per_mbit, down_j_per_mbit=j_per_mbit, source=_GSM,
    )  # fmt: skip


def radios() -> dict[str, Radio]:
    """The models, by the name of the link profile that each belongs to."""
    models = (
        _gsm("gprs"),
        _gsm("edge"),
        Radio(
            "umts", idle_w=0.3742 * 0.0554 / 5.1124, promotion_s=0.58206,
            promotion_j=0.58206 * 0.6594, tails=(Tail(8.0882, 0.8039), Tail(0.8242, 0.6013)),
            active_w=0.81788, up_j_per_mbit=0.86898, down_j_per_mbit=0.12212,
            source=f"{_HUANG}; DCH, then FACH",
        ),
        Radio(
            "lte", idle_w=0.5943 * 0.0432 / 1.2801, promotion_s=0.2601,
            promotion_j=0.2601 * 1.2107, tails=(Tail(11.576, 1.060),),
            active_w=1.28804, up_j_per_mbit=0.43839, down_j_per_mbit=0.05197,
            source=f"{_HUANG}; DRX in the tail",
        ),
        Radio(
            "wifi", idle_w=0.0772 * 0.0076 / 0.3082, promotion_s=0.0791,
            promotion_j=0.0791 * 0.1244, tails=(Tail(0.2381, 0.1193),),
            active_w=0.13286, up_j_per_mbit=0.28317, down_j_per_mbit=0.13701,
            source=f"{_HUANG}; power save, every third beacon heard",
        ),
        Radio(
            "nb-iot", idle_w=15e-6, tails=(Tail(20.0, 0.08),), up_w=0.5, down_w=0.08,
            source="power: 3GPP TR 45.820, clause 7.3.6.4 (23 dBm; asleep when idle, PSM); tail: "
            "ours, an inactivity timer of 20 s with the receiver on, as without DRX; random access "
            "is not in it",
        ),
    )  # fmt: skip
    return {model.name: model for model in models}


@dataclass(frozen=True)
class Air:
    """One way's packets in the air: when each ends and how long it takes, in s, and all bits."""

    ends: Times
    lengths: Times
    mbit: float


@dataclass(frozen=True)
class Spent:
    """Joules by what they went into."""

    promotions: int
    promotion_j: float
    transfer_j: float
    tail_j: float
    idle_j: float

    @property
    def total_j(self) -> float:
        """All of it."""
        return self.promotion_j + self.transfer_j + self.tail_j + self.idle_j


@dataclass(frozen=True)
class DeviceEnergy:
    """What a device's radio took in a run."""

    device: str
    link: str
    radio: str
    """Its model."""
    has_air_time: bool
    """False: only bytes, promotions and tails count (`NO_AIR_TIME`)."""
    packets: int  # sent and received
    run_s: float
    spent: Spent
    battery_days: float | None
    """How long the battery lasts if the device goes on like this; None: no battery was stated."""

    @property
    def mean_w(self) -> float:
        """Over the run."""
        return self.spent.total_j / self.run_s


def of_devices(
    result: Result,
    radio: str | Radio | Mapping[str, str | Radio] | None = None,
    battery_wh: float | None = None,
) -> tuple[DeviceEnergy, ...]:
    """One row per device; see Result.energy."""
    if result.radio is None:
        raise UsageError("energy: the run has kept no packets; give mqttlab.run(radio=True)")
    if battery_wh is not None and not (
        isinstance(battery_wh, (int, float)) and 0 < battery_wh < float("inf")
    ):
        raise UsageError(f"energy: battery_wh={battery_wh!r} is no number of watt hours over 0")
    models = {
        link: model_of(link, described["profile"], radio)
        for link, described in result.links.items()
    }
    rows = []
    for device in result.devices:
        model = models[device.link]
        if model is None or result.virtual_s == 0:
            continue
        took = of_period(result, device, model, 0.0, result.virtual_s)
        days = battery_wh and battery_days(took.total_j / result.virtual_s, battery_wh)
        packets = len(result.radio[device.name])
        known = has_air_time(result.links[device.link])
        rows.append(
            DeviceEnergy(
                device.name, device.link, model.name, known, packets, result.virtual_s, took, days
            )
        )
    if not rows:
        raise UsageError(
            f"energy: no device is on a link whose radio is known ({', '.join(radios())}); "
            "give radio=, a model for all or by link"
        )
    return tuple(rows)


def of_period(
    result: Result, device: DeviceInfo, model: Radio, start_s: float, end_s: float
) -> Spent:
    """What a device's radio took in a part of a run that was kept with radio=True.

    The radio is taken to be idle at the beginning. If a packet before has left it in its tail, up
    to the tails' energy is missing, and up to one promotion too much.
    """
    assert result.radio is not None
    log = result.radio[device.name]
    log = log[(log["at"] >= start_s * 1e9) & (log["at"] < end_s * 1e9)]
    link = result.links[device.link]
    up, down = (air_of(log, way, link, start_s) for way in trace.Direction)
    return spent(model, up, down, end_s - start_s)


def battery_days(mean_w: float, battery_wh: float) -> float:
    """How long a battery lasts at this power."""
    return battery_wh / _WH_PER_DAY / mean_w


def model_of(
    link: str, profile: object, given: str | Radio | Mapping[str, str | Radio] | None = None
) -> Radio | None:
    """The model for a link, as `given` or by its own name or profile; None: none is known."""
    if given is None:
        return radios().get(link) or radios().get(str(profile))
    chosen = given.get(link) if isinstance(given, Mapping) else given
    if chosen is None or isinstance(chosen, Radio):
        return chosen
    if chosen not in radios():
        raise UsageError(f"energy: unknown radio {chosen!r}; known are {', '.join(radios())}")
    return radios()[chosen]


def has_air_time(link: Mapping[str, Any]) -> bool:
    """Whether it is known of a link (as in `Result.links`) how long its packets are in the air."""
    ways = (link["up"], link["down"])
    return not link["radio"] and not any(way["capacity"] or way["recording"] for way in ways)


def air_of(
    log: NDArray[np.void], way: trace.Direction, link: Mapping[str, object], since_s: float = 0.0
) -> Air:
    """When one way's packets (of `trace.RADIO`) are in the air at the rate of a link (as in
    `Result.links`), in s after `since_s`; without `has_air_time` they have no length.
    """
    mine = log[log["direction"] == way]
    direction = link["up" if way == trace.Direction.UP else "down"]
    assert isinstance(direction, Mapping)
    at, bits = mine["at"] / 1e9 - since_s, mine["bytes"] * 8.0
    recorded = direction["capacity"] or direction["recording"]
    rate = 0.0 if recorded else float(direction["rate_bps"])
    length = bits / rate if rate else np.zeros(len(bits))
    if way == trace.Direction.DOWN:
        return Air(at, length, float(bits.sum()) / 1e6)
    before = np.cumsum(length) - length  # offered at `at`, it goes when those before it have gone
    ends = np.maximum.accumulate(at - before) + before + length if len(at) else at
    return Air(ends, length, float(bits.sum()) / 1e6)


def spent(model: Radio, up: Air, down: Air, run_s: float) -> Spent:
    """Where a radio's energy of a run went."""
    ends = np.concatenate([up.ends, down.ends])
    starts = ends - np.concatenate([up.lengths, down.lengths])
    order = np.argsort(starts, kind="stable")
    starts, ends = np.clip(starts[order], 0, run_s), np.clip(ends[order], 0, run_s)
    if not len(starts):
        return Spent(0, 0.0, 0.0, 0.0, model.idle_w * run_s)
    # Packets that touch or overlap are one activity.
    until = np.maximum.accumulate(ends)
    first = np.append(True, starts[1:] > until[:-1])
    starts, ends = starts[first], until[np.append(first[1:], True)]
    gaps = np.append(starts[1:], run_s) - ends

    tail_j, rest = 0.0, gaps
    for tail in model.tails:
        tail_j += float(np.minimum(rest, tail.duration_s).sum()) * tail.power_w
        rest = np.maximum(rest - tail.duration_s, 0.0)
    # Where the tails were over, and at the beginning, the radio was idle and had to be woken.
    waits = np.append(starts[0], rest[:-1])
    woken = np.append(True, rest[:-1] > 0)
    idle_s = np.maximum(waits[woken] - model.promotion_s, 0.0).sum() + rest[-1]
    return Spent(
        promotions=int(woken.sum()),
        promotion_j=float(woken.sum()) * model.promotion_j,
        transfer_j=float(
            model.active_w * (ends - starts).sum()
            + model.up_w * up.lengths.sum()
            + model.down_w * down.lengths.sum()
            + model.up_j_per_mbit * up.mbit
            + model.down_j_per_mbit * down.mbit
        ),
        tail_j=tail_j,
        idle_j=float(idle_s) * model.idle_w,
    )


def write(rows: Sequence[DeviceEnergy], path: Path, others: Sequence[DeviceInfo] = ()) -> None:
    """The rows as CSV: one header line, units last in the names.

    `others`: devices without a model; of them there is no more than the name and the link.
    """
    columns = (
        "device", "link", "radio", "has_air_time", "packets", "promotions", "promotion_j",
        "transfer_j", "tail_j", "idle_j", "total_j", "mean_w", "battery_days",
    )  # fmt: skip
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(columns)
        for row in rows:
            took = row.spent
            writer.writerow(
                (row.device, row.link, row.radio, f"{row.has_air_time}".lower(), row.packets,
                 took.promotions, took.promotion_j, took.transfer_j, took.tail_j, took.idle_j,
                 took.total_j, row.mean_w, row.battery_days)
            )  # fmt: skip
        for device in others:
            writer.writerow((device.name, device.link, *("" for _ in columns[2:])))


def show(rows: Sequence[DeviceEnergy], battery_wh: float | None, console: Console) -> None:
    """Prints, link by link, what its devices took on average."""
    from rich.table import Table

    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in ("energy", "devices", "woken", "waking", "bytes", "tails", "idle", "in all",
                   "mean", f"{battery_wh:g} Wh last" if battery_wh else ""):  # fmt: skip
        table.add_column(column, justify="left" if column == "energy" else "right", no_wrap=True)
    for link in dict.fromkeys(row.link for row in rows):
        mine = [row for row in rows if row.link == link]
        joules = np.mean(
            [
                (one.promotion_j, one.transfer_j, one.tail_j, one.idle_j, one.total_j)
                for one in (row.spent for row in mine)
            ],
            axis=0,
        )
        woken = np.mean([row.spent.promotions for row in mine])
        mean_w = np.mean([row.mean_w for row in mine])
        days = f"{battery_wh / _WH_PER_DAY / mean_w:,.1f} days" if battery_wh else ""
        air = "" if mine[0].has_air_time else NO_AIR_TIME
        table.add_row(
            f"{link} ({mine[0].radio}{air})", str(len(mine)), f"{woken:.0f} times",
            *(f"{value:,.2f} J" for value in joules), f"{mean_w * 1e3:,.2f} mW", days,
        )  # fmt: skip
    console.print(table)
