"""Who judges a run: the oracle, a strict one, or nobody."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

from mqttlab import _core
from mqttlab.errors import UsageError
from mqttlab.own_invariants import Rule, name_of

__all__ = ["unjudged", "verdicts"]

_Judged = tuple[Sequence[Any], Sequence[Any]]


def unjudged(
    trace: bool,
    oracle: bool,
    strict: bool,
    rules: Sequence[Rule],
    ndjson: str | os.PathLike[str] | None,
) -> str:
    """Why nothing of a run will be judged, in words; "": it will be. Arguments: `mqttlab.run`'s.

    Errors: UsageError for what cannot be had without trace or oracle.
    """
    if strict and not (trace and oracle):
        without = "trace=False" if oracle else "oracle=False"
        raise UsageError(f"run: strict=True is the oracle's, and {without} leaves it out")
    if trace:
        return "" if oracle else "the run had no oracle (oracle=False)"
    if ndjson is not None:
        raise UsageError("run: ndjson= writes the trace, and trace=False keeps none; give one")
    if rules:
        names = ", ".join(name_of(rule) for rule in rules)
        raise UsageError(f"run: trace=False leaves nothing to judge by {names}; run with the trace")
    return "the run kept no trace (trace=False)"


def verdicts(world: _core.World, why_not: str, strict: bool) -> _Judged:
    """The oracle's rows on the run so far; if it is not asked, `why_not` in each."""
    if not why_not:
        return world.judge(strict)
    table = _core.invariant_table()
    return [
        (name, "not_applicable", 0, why_not, strength, needs, group)
        for name, group, strength, needs, _ in table
    ], []
