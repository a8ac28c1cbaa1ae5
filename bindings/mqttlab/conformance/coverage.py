"""Which statements have cases, at either end; `--list`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from rich.console import Console
from rich.table import Table

from mqttlab.conformance.cases import VERSIONS, Case, Statement, load, statements

__all__ = ["ENDS", "UNSEEN", "Coverage", "coverage", "show"]

ENDS = ("server", "client")
UNSEEN = {
    "codec": "no packet can show it: what breaks it cannot be encoded; tests/wire has the codec's",
    "not-observable": "it is about the inside of an implementation, or about the standard itself",
}
"""Why no peer can exercise a statement, by what `observable` says of it."""


@dataclass(frozen=True)
class Coverage:
    """Of one version."""

    listed: int
    observable: int  # those that are not called not-observable
    seen: dict[str, int]  # by end: what a peer of such a target can observe
    exercised: dict[str, int]  # by end: those of them that have cases
    together: int  # at either end
    missing: tuple[Statement, ...]  # of all that are listed, those without cases


def coverage(cases: Sequence[Case] | None = None) -> dict[str, Coverage]:
    """By version, over `cases`, or all that there are."""
    if cases is None:
        cases = [one for end in ENDS for one in load(end)]
    named = {end: {key for one in cases if one.end == end for key in one.keys} for end in ENDS}
    found = {}
    for version in VERSIONS:
        rows = [row for row in statements().values() if row.version == version]
        seen = {end: [row for row in rows if row.seen_from(end)] for end in ENDS}
        cased = {end: [row for row in seen[end] if row.key in named[end]] for end in ENDS}
        either = {row.key for end in ENDS for row in cased[end]}
        found[version] = Coverage(
            len(rows),
            sum(row.observable != "not-observable" for row in rows),
            {end: len(seen[end]) for end in ENDS},
            {end: len(cased[end]) for end in ENDS},
            len(either),
            tuple(row for row in rows if row.key not in either),
        )
    return found


def show(pairs: Sequence[tuple[Case, int]], console: Console) -> None:
    """Names these cases; then what all cases cover, and what none does."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in ("case", "statements", "what"):
        table.add_column(column)
    for one in dict.fromkeys(case for case, _ in pairs):
        table.add_row(one.name, " ".join(one.keys), (one.run.__doc__ or one.why).strip())
    console.print(table)
    for version, found in coverage().items():
        ends = " and ".join(
            f"{found.exercised[end]} of the {found.seen[end]} that can be seen at a {end}"
            for end in ENDS
        )
        share = 100 * found.together / found.observable
        console.print(
            f"{version}: {found.together} of {found.listed} statements are exercised, {ends}: "
            f"{share:.1f} % of the {found.observable} that can be observed at all"
        )
        for row in found.missing:
            why = UNSEEN.get(row.observable, "it has no case")
            console.print(f"  not: {row.key}: {why}", markup=False)
