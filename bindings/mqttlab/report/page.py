"""report.html: one self-contained page, readable without scripts and without a network."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from importlib import resources
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
from markupsafe import Markup

from mqttlab.figures import UNEXPLAINED, Analysis
from mqttlab.figures.links import LOSSES
from mqttlab.figures.messages import Fate
from mqttlab.report import ladder
from mqttlab.report.charts import Bar, Curve, bytes_chart, latency_chart, layers_of
from mqttlab.report.evidence import evidence
from mqttlab.report.headline import headline
from mqttlab.report.invariants import MEANING
from mqttlab.report.summary import against
from mqttlab.report.timeline import Timeline

__all__ = ["render"]

_MOST_FINDINGS = 50  # shown; run.json has all
_MOST_FAULTS = 100
_MOST_TIMES = 3  # of each
_BYTES_LABEL = "Bytes on the wire per delivered message, by layer"
_CAUSES = {
    "lost_random": "random",
    "lost_burst": "bursts",
    "lost_queue": "queue full",
    "lost_down": "link down",
    "lost_blackhole": "blackhole",
    "lost_corrupt": "corrupt",
    "lost_nat": "NAT forgot",
    "lost_moved": "old address",
}
_USUAL = 4  # of these are shown even if nothing was lost so
_STRANGE = {"reorder": "reordered", "duplicate": "repeated", "corrupt": "corrupt"}
_LEG_NAMES = {"publisher_leg": "device to broker", "subscriber_leg": "broker to subscriber"}


def render(analysis: Analysis, found: Mapping[str, Any], command: str) -> str:
    """The page as HTML. `found`: the figures of run.json; `command`: what repeats the run."""
    environment = ladder.environment(
        count=_count,
        seconds=_seconds,
        percent=_percent,
        size=_size,
        time=_time,
        link=_link,
        capitalize_first=lambda text: text[:1].upper() + text[1:],
    )
    template = environment.from_string(_file("report.html.j2"))
    fate = analysis.persistent or analysis.clean
    bars = _bars(found)
    return template.render(
        run=found,
        against=against(analysis.result.target) if analysis.result.target else None,
        style=Markup(ladder.style()),
        headline=headline(found),
        meaning={**MEANING, **analysis.result.promises},
        findings=found["violations"][:_MOST_FINDINGS],
        evidence=evidence(analysis.view),
        faults=list(islice(_faults(found), _MOST_FAULTS)),
        more_faults=max(0, sum(map(len, found["faults"])) - _MOST_FAULTS),
        broker=analysis.result.broker or "broker",
        more_findings=max(0, len(found["violations"]) - _MOST_FINDINGS),
        links=list(_links(analysis, found, fate)),
        causes=_causes(found),
        subscribers=list(_subscribers(found)),
        reasons=list(_reasons(found)),
        layer_names=layers_of(bars),
        bytes_chart=bytes_chart(bars, _BYTES_LABEL) if bars else None,
        curves=_curves(analysis, fate) if fate else [],
        timeline=Timeline(analysis),
        command=command,
        published=len(analysis.messages),
        unexplained=UNEXPLAINED,
    )


def _file(name: str) -> str:
    return resources.files(__package__).joinpath(name).read_text("utf-8")


def _subscribers(found: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """The two points of view: each with its name and its figures per level."""
    if found["qos"]:
        yield {"name": found["subscriber"], "session": "persistent", "levels": found["qos"]}
    if found["qos_clean_subscriber"]:
        name = found["clean_subscriber"]
        yield {"name": name, "session": "clean", "levels": found["qos_clean_subscriber"]}


def _faults(found: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """What was planned, step by step, and what came of it."""
    for steps in found["faults"]:
        for place, step in enumerate(steps):
            times = [
                f"{at_s:.3f} s, {to}" for at_s, to in zip(step["at_s"], step["to"], strict=True)
            ]
            more = len(times) - _MOST_TIMES
            yield {
                "what": step["what"],
                "follows": place > 0,
                "happened": times[:_MOST_TIMES] + ([f"{more:,} more"] if more > 0 else []),
                "missing": step["missing"],
            }


def _links(
    analysis: Analysis, found: Mapping[str, Any], fate: Fate | None
) -> Iterator[dict[str, Any]]:
    """Each link's figures, with its description and the latency of what came over it."""
    link_of = {device.actor: device.link for device in analysis.result.devices}
    publisher_link = np.array([link_of.get(a, "") for a in analysis.messages.publisher.tolist()])
    for name, figures in found["links"].items():
        here = publisher_link == name if len(publisher_link) else np.zeros(0, bool)
        latency = fate.latency_s(here) if fate else np.zeros(0)
        offered = {
            direction: max(1, counters["packets"])
            for direction, counters in figures["counters"].items()
        }
        yield {
            **figures,
            "description": analysis.result.links.get(name, {}),
            "offered": offered,
            "lost": {
                direction: sum(counters[cause] for cause in LOSSES)
                for direction, counters in figures["counters"].items()
            },
            "p50": float(np.quantile(latency, 0.5)) if len(latency) else None,
            "p99": float(np.quantile(latency, 0.99)) if len(latency) else None,
        }


def _causes(found: Mapping[str, Any]) -> dict[str, str]:
    """Why packets are lost, with the heads of their columns."""
    counted = [c for link in found["links"].values() for c in link["counters"].values()]
    return {
        name: title
        for place, (name, title) in enumerate(_CAUSES.items())
        if place < _USUAL or any(counters[name] for counters in counted)
    }


def _reasons(found: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Why messages were not delivered, per subscriber and level, the most frequent first."""
    for subscriber in _subscribers(found):
        for level, row in subscriber["levels"].items():
            for reason, count in row["lost_by_reason"].items():
                yield {
                    "subscriber": subscriber["name"],
                    "level": level,
                    "reason": reason,
                    "count": count,
                    "share": count / row["published"],
                }


def _bars(found: Mapping[str, Any]) -> list[Bar]:
    """A bar for each level and leg of the first subscriber that anything was delivered to."""
    for subscriber in _subscribers(found):
        bars = [
            (f"QoS {level}, {'in' if leg == 'publisher_leg' else 'out'}", layers)
            for level, row in subscriber["levels"].items()
            if row["delivered"]
            for leg, layers in row["wire_bytes_by_leg"].items()
        ]
        if bars:
            return bars
    return []


def _curves(analysis: Analysis, fate: Fate) -> list[dict[str, Any]]:
    """Two charts of latency: by QoS level, and by the publisher's link."""
    messages = analysis.messages
    levels = [
        Curve(f"QoS {level}", f"q{level}", fate.latency_s(messages.qos == level))
        for level in range(3)
    ]
    by_link: dict[str, list[int]] = {}
    for device in analysis.result.devices:
        by_link.setdefault(device.link, []).append(device.actor)
    publishing = {
        name: chosen
        for name, actors in by_link.items()
        if (chosen := np.isin(messages.publisher, actors)).any()
    }
    links = [
        Curve(name, f"link{index % 4}", fate.latency_s(chosen))
        for index, (name, chosen) in enumerate(publishing.items())
    ]
    return [
        {"title": title, "curves": curves, "svg": latency_chart(curves, f"Latency {title}")}
        for title, curves in (("by QoS level", levels), ("by the publisher's link", links))
    ]


def _count(value: float) -> str:
    return f"{value:,.0f}"


def _seconds(value: float | None) -> str:
    """A latency, with the digits that matter."""
    if value is None:
        return "-"
    if value < 0.9995:
        return f"{value * 1e3:.0f} ms"
    return f"{value:.2f} s" if value < 99.5 else f"{value:.0f} s"


def _time(value: float) -> str:
    """A span of virtual time."""
    if value < 100:
        return f"{value:.3g} s"
    if value < 6000:
        return f"{value / 60:.3g} min"
    return f"{value / 3600:,.1f} h"


def _percent(value: float) -> str:
    if value == 0:
        return "0"
    return f"{value * 100:.1f} %" if value >= 0.0005 else "< 0.1 %"


def _size(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 0.5 else "0"


def _link(description: Mapping[str, Any]) -> str:
    """One line on what a link is set to do to packets."""
    if not description:
        return ""
    up, down = description["up"], description["down"]
    parts = []
    for what in ("capacity", "recording"):
        if up[what] or down[what]:
            names = [Path(str(side[what] or "-")).name for side in (up, down)]
            parts.append("recorded: " + ", ".join(dict.fromkeys(names)))
    if radio := description.get("radio"):
        moving = f", at {radio['speed_mps']:g} m/s" if radio["speed_mps"] else ""
        parts.append(f"{radio['model']}, within {radio['radius_m']:g} m{moving}, shared")
    elif not (up["capacity"] or down["capacity"]):
        parts.append(f"{_rate(up)} up, {_rate(down)} down")
    parts.append(f"delay {up['delay_s'] * 1e3:g} + up to {up['jitter_s'] * 1e3:g} ms")
    if up["loss"]:
        parts.append(f"loss {up['loss'] * 100:g} %")
    if up["burst"]:
        parts.append("bursts of loss")
    parts += [f"{up[name] * 100:g} % {word}" for name, word in _STRANGE.items() if up[name]]
    if nat := description["nat"]:
        parts.append(f"a NAT that forgets after {nat['idle_s']:g} s")
    if cycle := description["cycle"]:
        parts.append(f"up {cycle['up_s']:g} s, down {cycle['down_s']:g} s in turn")
    return "; ".join(parts)


def _rate(direction: Mapping[str, Any]) -> str:
    rate = direction["rate_bps"]
    if not rate:
        return "any rate"
    return f"{rate / 1e6:g} Mbit/s" if rate >= 1e6 else f"{rate / 1e3:g} kbit/s"
