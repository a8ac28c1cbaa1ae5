"""What two documents say otherwise, sorted into verdicts, figures and the rest."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from mqttlab.overhead.estimate import Estimate
from mqttlab.results.compare import MISSING, walk

__all__ = ["Change", "Changes", "changes"]

_VERDICTS = frozenset({"verdict", "verdicts", "status", "passed", "holds", "broken"})
"""Names of fields that say whether something holds."""
_FINDINGS = ("violations", "findings")
_ABOUT = frozenset({
    "scenario", "seed", "seeds", "parameters", "devices", "until_s", "target", "strict", "command",
    "clock", "implementation", "capsule", "tcp", "ipv6", "faults", "invariants", "fingerprint",
})  # fmt: skip
"""Fields at the top that say what was run, and under which name its events go."""
_TIMES = frozenset({"wall_s", "machine"})
_APART: Mapping[str, frozenset[str]] = {
    "conformance": _TIMES | {"took_s", "log", "repeat", "command", "pcap"},
    "overhead": _TIMES | {"command"},
}
"""Fields that differ between equal runs, or repeat what is said above."""


@dataclass(frozen=True)
class Change:
    """One value. `a`, `b`: None where one side has none."""

    place: str
    a: Any
    b: Any
    a_ci95: float | None = None
    """Half of the 95 % interval around `a`; None: of one seed, or counted."""
    b_ci95: float | None = None
    paired_ci95: float | None = None
    """The same of `b - a` by the differences seed by seed; None: the seeds are not the same, or
    what each gave was not kept."""

    @property
    def ci95(self) -> float | None:
        """Half of the 95 % interval around `b - a`, by pairs of runs of a seed, or else by Welch;
        None: of one seed, or counted."""
        if self.paired_ci95 is not None:
            return self.paired_ci95
        if self.a_ci95 is None or self.b_ci95 is None or self.a is None or self.b is None:
            return None
        return math.hypot(self.a_ci95, self.b_ci95)

    @property
    def is_shown(self) -> bool:
        """False: 0 is in the interval of the difference, so that the seeds show none."""
        return self.ci95 is None or bool(abs(self.a - self.b) > self.ci95)

    def to_data(self) -> dict[str, Any]:
        """For JSON."""
        data = {"place": self.place, "a": self.a, "b": self.b}
        if self.a_ci95 is None and self.b_ci95 is None:
            return data
        widths = {"a_ci95": self.a_ci95, "b_ci95": self.b_ci95, "difference_ci95": self.ci95}
        is_paired = self.paired_ci95 is not None
        return {**data, **widths, "paired": is_paired, "shown": self.is_shown}


@dataclass
class Changes:
    """All of them, by what they are."""

    versions: list[Change] = field(default_factory=list)
    """Of the software that made each; runs may be equal all the same."""
    about: list[Change] = field(default_factory=list)
    """What was run: seeds, parameters."""
    verdicts: list[Change] = field(default_factory=list)
    figures: list[Change] = field(default_factory=list)
    others: list[Change] = field(default_factory=list)
    """Reasons, names."""

    def __bool__(self) -> bool:
        return bool(self.about or self.verdicts or self.figures or self.others)


def changes(kind: str, a: Mapping[str, Any], b: Mapping[str, Any]) -> Changes:
    """Of two documents of a kind of `sides.KINDS`."""
    found, apart = Changes(), _APART.get(kind, _TIMES)
    same_seeds = a.get("seeds") == b.get("seeds")
    for path, one, other in walk(a, b, lambda place: place[-1] in apart, _is_estimate):
        top, last = (name.partition("[")[0] for name in (path[0], path[-1]))
        if kind == "overhead" and last == "seeds" and top != last:
            continue  # a row repeats what is said above
        change = _change(".".join(path), one, other, same_seeds)
        if top == "versions" and kind != "conformance":  # whose are those of MQTT
            found.versions.append(change)
        elif top in _ABOUT:
            found.about.append(change)
        elif last in _VERDICTS or top in _FINDINGS or last in _FINDINGS:
            found.verdicts.append(change)
        elif _is_number(change.a) or _is_number(change.b):
            found.figures.append(change)
        else:
            found.others.append(change)
    return found


def _is_estimate(value: object) -> bool:
    """A mean over seeds, as `mqttlab overhead` writes it."""
    return isinstance(value, dict) and value.keys() - {"by_seed"} == {"mean", "ci95"}


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _change(place: str, a: Any, b: Any, same_seeds: bool) -> Change:
    means, widths = [], []
    for value in (a, b):
        known = _is_estimate(value)
        means.append(value["mean"] if known else None if value is MISSING else value)
        widths.append(value["ci95"] if known else None)
    paired = None
    if same_seeds and None not in widths:
        pairs = list(zip(a.get("by_seed", ()), b.get("by_seed", ()), strict=False))
        if len(pairs) > 1:
            paired = Estimate.of(there - here for here, there in pairs).half_width
    return Change(place, means[0], means[1], widths[0], widths[1], paired)
