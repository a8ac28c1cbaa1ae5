"""The figures of run.json, computed from a run's tables.

`Analysis` holds what the report draws as well; `figures` is the mapping that becomes run.json.
Meaning and units of every field are in report/run.schema.json.
"""

from __future__ import annotations

from collections import Counter
from functools import cached_property
from typing import Any

import numpy as np

from mqttlab.figures.bytes import LAYERS, ByteAccounts
from mqttlab.figures.connections import Connections, packets, tails
from mqttlab.figures.links import LinkFigures, Outages, link_figures, outages
from mqttlab.figures.messages import UNEXPLAINED, Fate, Messages
from mqttlab.figures.observations import observations
from mqttlab.figures.subscriber import Subscriber, subscribers
from mqttlab.figures.view import Indices, TraceView
from mqttlab.result import FaultInfo, Result

__all__ = ["UNEXPLAINED", "Analysis", "figures"]

_QUANTILES = {"p50": 0.50, "p90": 0.90, "p99": 0.99, "max": 1.0}
_LEVELS = (0, 1, 2)


class Analysis:
    """A run seen from its two subscribers: the first persistent one and the first clean one."""

    def __init__(self, result: Result) -> None:
        self.result = result
        self.view = TraceView(result)
        self.messages = Messages(self.view)

    @cached_property
    def subscribers(self) -> list[Subscriber]:
        """Every device that subscribed to something."""
        return subscribers(self.view)

    @cached_property
    def persistent(self) -> Fate | None:
        """What became of each message at the first subscriber with a persistent session."""
        return self._fate(clean_session=False)

    @cached_property
    def clean(self) -> Fate | None:
        """The same at the first subscriber with a clean session."""
        return self._fate(clean_session=True)

    def _fate(self, *, clean_session: bool) -> Fate | None:
        for subscriber in self.subscribers:
            if subscriber.clean_session == clean_session:
                return Fate.at(self.messages, subscriber)
        return None

    @cached_property
    def connections(self) -> Connections:
        """Every connection of the run."""
        return Connections(self.view)

    @cached_property
    def bytes(self) -> ByteAccounts:
        """Bytes by device, level and layer."""
        return ByteAccounts.of(self.view)

    @cached_property
    def outages(self) -> Outages:
        """Spans in which links were down."""
        return outages(self.view)

    @cached_property
    def links(self) -> list[LinkFigures]:
        """What happened on each link."""
        return link_figures(self.view, self.messages)

    def publishers(self, fate: Fate) -> Indices:
        """Actors that published something, the subscriber of `fate` not among them."""
        actors: Indices = np.unique(self.messages.publisher)
        others: Indices = actors[actors != fate.subscriber.actor]
        return others

    def layers(self, fate: Fate, level: int) -> dict[str, dict[str, float]]:
        """Bytes per delivered message by leg and layer, at one QoS level."""
        delivered = int((fate.arrived & (self.messages.qos == level)).sum())
        legs = {
            "publisher_leg": self.publishers(fate),
            "subscriber_leg": np.array([fate.subscriber.actor]),
        }
        return {
            leg: {
                **_per_message(self.bytes.leg(actors)[level], delivered),
                "tcp_timestamps_of_linux": round(
                    float(self.bytes.timestamps[actors].sum(axis=0)[level]) / max(delivered, 1), 3
                ),
            }
            for leg, actors in legs.items()
        }


def figures(analysis: Analysis) -> dict[str, Any]:
    """Everything that run.json holds, in its order."""
    result, connections = analysis.result, analysis.connections
    persistent, clean = analysis.persistent, analysis.clean
    connects, reconnects = connections.established()
    listening = {subscriber.actor for subscriber in analysis.subscribers}
    wills = connections.wills(persistent.subscriber if persistent else None)
    return {
        "schema": 1,
        "scenario": result.scenario,
        "parameters": {name: _plain(value) for name, value in result.parameters.items()},
        "seed": result.seed,
        "devices": len({device.actor for device in result.devices} - listening),
        "until_s": result.until_s,
        "virtual_s": result.virtual_s,
        "wall_s": round(result.wall_s, 3),
        "ending": result.ending,
        "interrupted": result.interrupted,
        "passed": result.passed,
        "strict": result.strict,
        "unjudged": result.unjudged,
        "target": vars(result.target) if result.target else None,
        "not_applicable": [{"what": one.what, "why": one.why} for one in result.not_applicable],
        "fingerprint": result.fingerprint,
        "versions": dict(result.versions),
        "events": len(result.events),
        "simulator_events": result.simulator_events,
        "subscriber": persistent.subscriber.name if persistent else None,
        "clean_subscriber": clean.subscriber.name if clean else None,
        "transports": dict(sorted(Counter(c.transport for c in result.clients).items())),
        "qos": _levels(analysis, persistent),
        "qos_clean_subscriber": _levels(analysis, clean),
        "packets": packets(analysis.view),
        "tails": [vars(tail) for tail in tails(analysis.view)],
        "connects": connects,
        "reconnects": reconnects,
        "wills_due": wills.due,
        "wills_delivered": wills.delivered,
        "wills_extra": wills.extra,
        "keepalive_closes": connections.keep_alive_closes(),
        "ping_timeouts": connections.ping_timeouts(),
        "links": {link.name: link.json() for link in analysis.links},
        "observations": observations(analysis.view),
        "faults": [[_fault(step) for step in one.steps] for one in result.faults],
        "expected": [
            {"what": one.what, "found": one.found, "wanted": one.wanted, "holds": one.holds}
            for one in result.expected
        ],
        "verdicts": [vars(verdict) for verdict in result.verdicts],
        "violations": [
            {
                "invariant": violation.invariant,
                "statements": list(violation.statements),
                "at_s": violation.at_s,
                "what": violation.what,
                "offender": violation.offender,
                "events": list(violation.events),
            }
            for violation in result.violations
        ],
    }


def _fault(step: FaultInfo) -> dict[str, Any]:
    return {
        "what": step.words,
        "at_s": [at_ns / 1e9 for at_ns in step.at],
        "to": list(step.to),
        "missing": list(step.missing),
    }


def _levels(analysis: Analysis, fate: Fate | None) -> dict[str, Any] | None:
    """Figures per QoS level at one subscriber; None if the run has no such subscriber."""
    if fate is None:
        return None
    return {str(level): _level(analysis, fate, level) for level in _LEVELS}


def _level(analysis: Analysis, fate: Fate, level: int) -> dict[str, Any]:
    messages = analysis.messages
    mine = messages.qos == level
    accepted = messages.accepted < analysis.view.size
    legs = analysis.layers(fate, level)
    return {
        "published": int(mine.sum()),
        "accepted": int((mine & accepted).sum()),
        "delivered": int((mine & fate.arrived).sum()),
        "duplicates": int((fate.copies[mine] - 1).clip(min=0).sum()),
        "lost": int((mine & fate.lost).sum()),
        "lost_by_reason": fate.count_reasons(mine & fate.lost),
        "not_accepted_by_reason": fate.count_reasons(mine & ~accepted),
        "wire_bytes_per_message": {
            layer: round(sum(leg[layer] for leg in legs.values()), 3)
            for layer in (*LAYERS, "total", "tcp_timestamps_of_linux")
        },
        "wire_bytes_by_leg": legs,
        "wire_bytes_exact_on_publisher_leg": analysis.bytes.exact(analysis.publishers(fate)),
        "latency_s": _quantiles(fate.latency_s(mine)),
    }


def _per_message(layers: np.ndarray, delivered: int) -> dict[str, float]:
    per_message = layers / max(delivered, 1)
    named = {name: round(float(value), 3) for name, value in zip(LAYERS, per_message, strict=True)}
    return {**named, "total": round(float(per_message.sum()), 3)}


def _quantiles(latency_s: np.ndarray) -> dict[str, float | None]:
    """Quantiles that some message really had; None for no messages."""
    if not len(latency_s):
        return dict.fromkeys(_QUANTILES)
    return {
        name: round(float(np.quantile(latency_s, q, method="inverted_cdf")), 6)
        for name, q in _QUANTILES.items()
    }


def _plain(value: object) -> object:
    """A parameter as JSON can hold it."""
    return value if isinstance(value, int | float | str | bool | None) else str(value)
