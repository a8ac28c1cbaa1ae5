"""Invariants of one's own, in Python: functions over a run's tables, judged with the oracle's.

@mqttlab.invariant("NO-GAP", needs=trace.Kind.DELIVERED)
def no_gap(result):
    "Readings are never more than a minute apart."
    at = result.events["at"]
    delivered = np.flatnonzero(result.events["kind"] == trace.Kind.DELIVERED)
    for before, after in itertools.pairwise(delivered):
        if at[after] - at[before] > 60e9:
            yield (before, after), "no reading for a minute"
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

import numpy as np

from mqttlab import units
from mqttlab.errors import UsageError
from mqttlab.result import Result, Verdict, Violation
from mqttlab.trace import Kind, Packet

__all__ = ["Broken", "Rule", "invariant", "judged_by", "name_of", "rules_of"]

Broken = Iterable[tuple[int | Sequence[int], str]]
"""What is found: the event that shows it, or several, as indices into Result.events, and words."""
Rule = Callable[[Result], Broken]
_R = TypeVar("_R", bound=Rule)
_NAME = re.compile(r"[A-Z][A-Z0-9]*(-[A-Z0-9]+)*")


@dataclass(frozen=True)
class _Mark:
    name: str
    needs: tuple[Kind | Packet, ...]
    statements: tuple[str, ...]


def invariant(
    name: str,
    *,
    needs: Kind | Packet | Sequence[Kind | Packet] = (),
    statements: Sequence[str] = (),
) -> Callable[[_R], _R]:
    """Decorator: a function of a `Result` that yields what breaks an invariant, event and words.

    `name`: in capitals: "NO-GAP". The first line of its docstring is what it promises.
    `needs`: kinds of events, or packets that have arrived; a run that has none of one of them gives
    no occasion, and the verdict is "not observable". `statements`: ids of rules of MQTT.

    Errors: UsageError.
    """
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise UsageError(f"invariant: {name!r} must be in capitals, digits and dashes: 'NO-GAP'")
    wanted = tuple(needs) if isinstance(needs, Sequence) else (needs,)
    for one in wanted:
        if not isinstance(one, (Kind, Packet)):
            raise UsageError(f"invariant {name}: needs={one!r} is no trace.Kind or trace.Packet")
    ids = tuple(units.text(one, f"invariant {name}: statements") for one in statements)
    mark = _Mark(name, wanted, ids)

    def marked(function: _R) -> _R:
        function.__mqttlab_invariant__ = mark  # type: ignore[attr-defined]
        return function

    return marked


def rules_of(given: Iterable[Rule], where: str) -> tuple[Rule, ...]:
    """Each once, checked. Errors: UsageError for one that is not decorated, or a name twice."""
    rules = tuple(dict.fromkeys(given))
    names = [_mark(rule, where).name for rule in rules]
    for name in names:
        if names.count(name) > 1:
            raise UsageError(f"{where}: two invariants are called {name}; rename one")
    return rules


def name_of(rule: Rule) -> str:
    """What it is called."""
    return _mark(rule, "run: invariants").name


def judged_by(rules: Sequence[Rule], result: Result) -> Result:
    """The result with their verdicts and violations as well. Raises what they raise."""
    known = {verdict.invariant for verdict in result.verdicts}
    verdicts, violations, promises = [], [], {}
    for rule in rules:
        mark = _mark(rule, "run: invariants")
        if mark.name in known:
            raise UsageError(f"invariant {mark.name}: there is one of this name already; rename it")
        promises[mark.name] = (rule.__doc__ or "").strip().partition("\n")[0]
        seen = {one: _count(result, one) for one in mark.needs}
        missing = [one.name for one, count in seen.items() if count == 0]
        if missing:
            why = f"the run has no {' and no '.join(missing)}"
            verdicts.append(Verdict(mark.name, "not_observable", 0, why))
            continue
        found = [_violation(mark, result, events, what) for events, what in rule(result)]
        checked = sum(seen.values()) or 1
        verdicts.append(Verdict(mark.name, "fail" if found else "pass", checked, ""))
        violations += found
    return replace(
        result,
        verdicts=(*result.verdicts, *verdicts),
        violations=(*result.violations, *violations),
        promises=promises,
    )


def _mark(rule: object, where: str) -> _Mark:
    mark = getattr(rule, "__mqttlab_invariant__", None)
    if not isinstance(mark, _Mark):
        raise UsageError(f"{where}: {rule!r} is no invariant; decorate it: @mqttlab.invariant(...)")
    return mark


def _count(result: Result, wanted: Kind | Packet) -> int:
    kinds = result.events["kind"]
    if isinstance(wanted, Kind):
        return int(np.count_nonzero(kinds == wanted))
    arrived = (kinds == Kind.ARRIVED) & (result.events["packet"] == wanted)
    return int(np.count_nonzero(arrived))


def _violation(
    mark: _Mark, result: Result, events: int | Sequence[int] | np.integer, what: str
) -> Violation:
    indices = [events] if isinstance(events, (int, np.integer)) else list(events)
    total = len(result.events)
    for one in indices:
        if not 0 <= one < total:
            raise UsageError(f"invariant {mark.name}: there is no event {one}, only {total}")
    proof = tuple(int(one) for one in indices)
    at = int(result.events["at"][proof[-1]]) if proof else round(result.virtual_s * 1e9)
    return Violation(mark.name, mark.statements, at, str(what), proof)
