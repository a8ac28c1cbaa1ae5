"""Claim: behind a carrier's NAT the keep alive has a sweet spot, just below the NAT's idle timeout.
Longer ones lose pushes for as long as a keep alive, shorter ones pay for it with bytes and battery.

500 phones on UMTS and LTE, behind NATs that forget a connection after 2, 5 or 15 minutes, have keep
alives from 30 s to 30 min, and get pushes now and then. `python -m mqttlab.scenarios.push_service
DIR` makes the table and the plot: latency, missed pushes, bytes and energy a day.
"""

from __future__ import annotations

import asyncio
import csv
import sys
from dataclasses import asdict, dataclass, fields
from itertools import product
from pathlib import Path

import numpy as np

import mqttlab
from mqttlab import Duration, Lab, Nat, Result
from mqttlab.overhead.keep_alive import DAY_S, KEEP_ALIVES_S, LATE_S, push, waits_s
from mqttlab.report.svg import Canvas, linear, logarithmic
from mqttlab.scenarios.support import V5, check, clients
from mqttlab.trace import EVENT

PROFILES = ("umts", "lte")
NATS_S = (120, 300, 900)
HOUR_S = 3600.0


@dataclass(frozen=True)
class Group:
    """Phones that have everything in common."""

    profile: str
    nat_s: int
    keep_alive_s: int

    @property
    def name(self) -> str:
        """As its phones are called, before their number."""
        return f"{self.profile}-{self.nat_s}-{self.keep_alive_s}"

    @property
    def link(self) -> str:
        """Of its phones."""
        return f"{self.profile}, NAT {self.nat_s} s"


GROUPS = [Group(*one) for one in product(PROFILES, NATS_S, KEEP_ALIVES_S)]


@mqttlab.scenario(until="10d")
async def push_service(
    lab: Lab,
    *,
    phones: int = 500,
    hours: float = 6.0,
    every: Duration = Duration("30min"),
) -> None:
    """500 phones behind carrier NAT: what each keep alive costs, and which pushes it misses.

    phones: shared out to two profiles, three NAT timeouts and seven keep alives.
    hours: how long.
    every: between two pushes to a phone, on average.
    """
    check("phones", phones >= len(GROUPS), f"must be {len(GROUPS)} or more, got {phones}")
    await lab.broker()
    groups = [GROUPS[number % len(GROUPS)] for number in range(phones)]
    for group in GROUPS:
        lab.link(group.profile, name=group.link, nat=Nat(idle=group.nat_s))
    devices = [
        lab.device(f"{group.name}-{number:03d}", lab.links_made[group.link])
        for number, group in enumerate(groups)
    ]
    options = [
        {**V5, "keep_alive_s": group.keep_alive_s, "clean_session": False, "drain": True}
        for group in groups
    ]
    async with (
        lab.device("service").client(**V5) as service,
        clients(devices, options) as every_one,
    ):
        for one in every_one:
            await one.subscribe(f"push/{one.client_id}", qos=1)
        await push(lab, service, every_one, hours * HOUR_S, every)
        await asyncio.sleep(max(KEEP_ALIVES_S) + 600)
        expect_sweet_spots(lab)
    lab.expect.observed("Q1-NOLOSS", "KA-DETECT", "KA-FAIR")


@dataclass(frozen=True)
class Row:
    """What a group of phones got, and what it cost; bytes and joules are of one phone and day."""

    profile: str
    nat_s: int
    keep_alive_s: int
    phones: int
    pushes: int
    missed: int
    median_s: float
    p95_s: float
    bytes_per_day: float
    joules_per_day: float | None = None


def expect_sweet_spots(lab: Lab) -> None:
    """The longest keep alive that misses nothing is the longest below the NAT's timeout."""
    missed = dict.fromkeys(GROUPS, 0)
    by_phone = waits_s(np.frombuffer(lab.world.events(), EVENT), lab.world.texts())
    for group in GROUPS:
        for phone, waits in by_phone.items():
            if phone.startswith(f"{group.name}-"):
                missed[group] += sum(wait > LATE_S for wait in waits)
    for profile, nat_s in product(PROFILES, NATS_S):
        row = {
            g.keep_alive_s: n for g, n in missed.items() if (g.profile, g.nat_s) == (profile, nat_s)
        }
        calm = [keep_alive_s for keep_alive_s, count in row.items() if count == 0]
        below = max(one for one in KEEP_ALIVES_S if one < nat_s)
        what = f"{profile}, NAT {nat_s} s: longest keep alive that misses nothing, s"
        lab.expect(what, max(calm, default=0), below)
        lost = sum(count for keep_alive_s, count in row.items() if keep_alive_s > nat_s)
        lab.expect("pushes that longer ones missed", lost, least=1)


def table(result: Result) -> list[Row]:
    """One row per group. With `mqttlab.run(radio=True)` also what the radios took."""
    by_phone, days = waits_s(result.events, result.texts), result.virtual_s / DAY_S
    index = {device.name: device.actor for device in result.devices}
    joules = {}
    if result.radio is not None:
        models = {group.link: group.profile for group in GROUPS}
        joules = {one.device: one.spent.total_j for one in result.energy(models)}
    rows = []
    for group in GROUPS:
        names = [name for name in by_phone if name.startswith(f"{group.name}-")]
        waits = np.array([wait for name in names for wait in by_phone[name]])
        mine = np.isin(result.counters["actor"], [index[name] for name in names])
        share = days * len(names)
        rows.append(
            Row(
                group.profile,
                group.nat_s,
                group.keep_alive_s,
                len(names),
                len(waits),
                int((waits > LATE_S).sum()),
                round(float(np.median(waits)), 3),
                round(float(np.quantile(waits, 0.95, method="inverted_cdf")), 3),
                round(float(result.counters["bytes"][mine].sum()) / share),
                round(sum(joules[name] for name in names) / share) if joules else None,
            )
        )
    return rows


def plot(rows: list[Row]) -> str:
    """An SVG: what each keep alive costs a day, and the share of pushes that it misses."""
    height = 190.0
    canvas = Canvas(760, 40 + height * len(NATS_S), "keep alive against missed pushes and energy")
    canvas.text(60, 20, "solid: share of pushes missed; dashed: energy a day, against the dearest")
    x = logarithmic(min(KEEP_ALIVES_S), max(KEEP_ALIVES_S), 60, 740)
    for panel, nat_s in enumerate(NATS_S):
        top, bottom = 40 + height * panel, 5 + height * (panel + 1)
        canvas.line(60, bottom, 740, bottom, "axis")
        canvas.line(x(nat_s), top, x(nat_s), bottom, "nat")
        canvas.text(x(nat_s) - 4, top + 12, f"NAT forgets after {nat_s} s", "", "end")
        for seconds in KEEP_ALIVES_S:
            canvas.text(x(seconds), bottom + 14, f"{seconds}", "", "middle")
        for profile in PROFILES:
            mine = [row for row in rows if (row.profile, row.nat_s) == (profile, nat_s)]
            costs = [row.joules_per_day or row.bytes_per_day for row in mine]
            share = linear(0, 1, bottom, top)
            missed = [share(row.missed / row.pushes) for row in mine]
            cost = [share(one / max(costs)) for one in costs]
            places = [x(row.keep_alive_s) for row in mine]
            canvas.curve(zip(places, missed, strict=True), profile)
            canvas.curve(zip(places, cost, strict=True), f"{profile} cost")
    canvas.text(
        400, height * len(NATS_S) + 36, "keep alive, s (red: UMTS, blue: LTE)", "", "middle"
    )
    return canvas.standalone(
        "path{fill:none;stroke:#999}text{font:12px sans-serif}"
        ".umts{stroke:#c33}.lte{stroke:#36c}.cost{stroke-dasharray:5 4}"
        ".nat{stroke-dasharray:1 3}"
    )


def main(directory: str) -> None:
    """Runs it, and writes table.csv and plot.svg."""
    result = mqttlab.run(push_service, radio=True)
    result.check()
    rows, place = table(result), Path(directory)
    place.mkdir(parents=True, exist_ok=True)
    (place / "plot.svg").write_text(plot(rows))
    with (place / "table.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, [one.name for one in fields(Row)], lineterminator="\n")
        writer.writeheader()
        writer.writerows(asdict(row) for row in rows)
    print(f"{len(rows)} rows, seed {result.seed}, {result.fingerprint}: {place}")


if __name__ == "__main__":
    main(sys.argv[1])
