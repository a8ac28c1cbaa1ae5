"""What two documents say otherwise, sorted into verdicts, figures and the rest."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from mqttlab.errors import UsageError
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
_NOISE = 1e-9
"""Of a figure: how little is what arithmetic has left, whatever the seeds say."""


@dataclass(frozen=True)
class Change:
    """One value. `a`, `b`: None where one side has none."""

    place: str
    a: Any
    b: Any
    a_ci95: float | None = None
    """Half of the 95 % interval around `a`; None: of one seed, or counted."""
    b_ci95: float | None = None
    paired: Estimate | None = None
    """Of `b - a`, by the differences seed by seed; None: the seeds are not the same, or what each
    gave was not kept."""

    @property
    def ci95(self) -> float | None:
        """Half of the 95 % interval around `b - a`, by pairs of runs of a seed, or else by Welch;
        None: of one seed, or counted."""
        if self.paired is not None:
            return self.paired.half_width
        if self.a_ci95 is None or self.b_ci95 is None or self.a is None or self.b is None:
            return None
        return math.hypot(self.a_ci95, self.b_ci95)

    @property
    def is_shown(self) -> bool:
        """False: 0 is in the interval of the difference, so that the seeds show none."""
        if self.ci95 is None:
            return True
        # Means are written with fewer digits than what each seed gave.
        difference = abs(self.paired.mean if self.paired else self.b - self.a)
        return bool(difference > max(self.ci95, _NOISE * abs(self.a)))

    def to_data(self) -> dict[str, Any]:
        """For JSON."""
        data = {"place": self.place, "a": self.a, "b": self.b}
        if self.a_ci95 is None and self.b_ci95 is None:
            return data
        widths = {"a_ci95": self.a_ci95, "b_ci95": self.b_ci95, "difference_ci95": self.ci95}
        return {**data, **widths, "paired": self.paired is not None, "shown": self.is_shown}


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
    """Of two documents of a kind of `sides.KINDS`. Errors: UsageError naming side and place of an
    estimate that is none.
    """
    found, apart = Changes(), _APART.get(kind, _TIMES)
    seeds = a.get("seeds") if a.get("seeds") == b.get("seeds") else None
    for path, one, other in walk(a, b, lambda place: place[-1] in apart, _is_estimate):
        top, last = (name.partition("[")[0] for name in (path[0], path[-1]))
        if kind == "overhead" and last == "seeds" and top != last:
            continue  # a row repeats what is said above
        change = _change(".".join(path), one, other, seeds)
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


def _change(place: str, a: Any, b: Any, seeds: Any) -> Change:
    """`seeds`: of both sides; None: they have not the same."""
    means, widths, by_seed = [], [], []
    for side, value in zip("AB", (a, b), strict=True):
        known = _is_estimate(value)
        if known:
            _check(value, f"diff: {side}: {place}", seeds)
        means.append(value["mean"] if known else None if value is MISSING else value)
        widths.append(value["ci95"] if known else None)
        by_seed.append(value.get("by_seed") if known else None)
    paired = None
    if seeds is not None and None not in (*by_seed, *means):
        paired = Estimate.of(there - here for here, there in zip(*by_seed, strict=True))
    return Change(place, means[0], means[1], widths[0], widths[1], paired)


def _check(estimate: Mapping[str, Any], where: str, seeds: Any) -> None:
    for name in ("mean", "ci95"):
        value = estimate[name]
        if value is not None and not _is_number(value):
            raise UsageError(f"{where}.{name} = {value!r}; write a number, or null")
    by_seed = estimate.get("by_seed")
    if by_seed is None:
        return
    if not isinstance(by_seed, list) or not all(_is_number(one) for one in by_seed):
        raise UsageError(f"{where}.by_seed = {by_seed!r}; write a list of numbers")
    if len(by_seed) < 2 or (isinstance(seeds, list) and len(by_seed) != len(seeds)):
        of = f"{len(seeds)} seeds" if isinstance(seeds, list) else "2 seeds or more"
        raise UsageError(f"{where}.by_seed has {len(by_seed)} numbers; write those of {of}")
