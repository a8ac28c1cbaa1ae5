"""What --prove found: lines in the terminal, proof.json and proof.md."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rich.console import Console

from mqttlab.conformance import results
from mqttlab.conformance.cases import VERSIONS
from mqttlab.conformance.prove import Proof
from mqttlab.conformance.verdicts import Verdict
from mqttlab.exits import FINDINGS, INTERRUPTED, NOT_APPLICABLE, OK

__all__ = ["markdown", "show"]

_MOST_OTHERS = 5  # cases that may turn red together; more ask for another sabotage


def show(
    proofs: Sequence[Proof],
    command: str,
    out: Path | None,
    console: Console,
    interrupted: bool = False,
) -> int:
    """What stays green, what turns red with too many others; the exit code."""
    tried = [one for one in proofs if one.after]
    green = [one for one in tried if one.green]
    console.print(
        f"{len(tried) - len(green)} of {len(tried)} cases turned red under their sabotage"
    )
    for one in green:
        console.print(f"green: {one.case.name} ({one.version}): {_why_green(one)}", markup=False)
    for one in proofs:
        if len(one.others) > _MOST_OTHERS:
            named = ", ".join(other.case.name for other in one.others[:_MOST_OTHERS])
            console.print(
                f"{one.case.name} ({one.version}): {len(one.others)} others turn red, "
                f"such as {named}",
                markup=False,
            )
    for verdict, count in Counter(one.before for one in proofs if not one.after).items():
        console.print(f"nothing to prove: {count} {verdict}")
    if out:
        rows = ",\n ".join(json.dumps(_row(one), ensure_ascii=False) for one in proofs)
        results.write_file(out, "proof.json", f"[\n {rows}\n]\n")
        results.write_file(out, "proof.md", markdown(proofs, command))
    if interrupted:
        console.print("interrupted: cases were not tried")
        return INTERRUPTED
    if green or any(one.before in (Verdict.FAIL, Verdict.ERROR) for one in proofs):
        return FINDINGS
    return OK if tried else NOT_APPLICABLE


def _why_green(one: Proof) -> str:
    return f"{one.after}: {one.observed}" if one.changed else "it found nothing to change"


def _row(one: Proof) -> dict[str, Any]:
    return {
        "case": one.case.name,
        "version": one.version,
        "sabotage": one.case.sabotage.text,
        "before": one.before,
        "occasion": one.case.occasion.text if one.made and one.case.occasion else None,
        "after": one.after,
        "observed": one.observed,
        "changed": one.changed,
        "others": [other.case.name for other in one.others],
    }


def markdown(proofs: Sequence[Proof], command: str) -> str:
    """Counts for each version, what is not proved, and which cases turn red together, and why."""
    lines = ["# Can each case fail?", "", f"`{command}`", ""]
    lines += ["| version | cases | red under their sabotage | alone | with others | at most |"]
    lines += ["| --- |" + " ---: |" * 5]
    for version in dict.fromkeys(one.version for one in proofs):
        here = [one for one in proofs if one.version == version]
        red = [one for one in here if one.red]
        together = [len(one.others) for one in red if one.others]
        numbers = [len(here), len(red), len(red) - len(together), len(together)]
        cells = map(str, [*numbers, max(together, default=0)])
        lines.append(f"| {version} | {' | '.join(cells)} |")
    for one in proofs:
        if not one.red:
            why = (
                _why_green(one) if one.after else f"{one.before} here, so there is nothing to break"
            )
            lines += ["", f"Not proved: {one.case.name} ({one.version}): {why}."]
    for one in proofs:
        if one.made and one.case.occasion:
            lines += ["", f"{one.case.name} ({one.version}) is proved on a target that "
                      f"{one.case.occasion.text}: ours gives no occasion."]  # fmt: skip
    lines += _together(proofs)
    return "\n".join(lines) + "\n"


def _together(proofs: Sequence[Proof]) -> list[str]:
    rows = [one for one in proofs if one.others]
    if not rows:
        return []
    lines = ["", "Red together, because they judge one statement (*), or look at the same packets:"]
    lines += ["", "| sabotage of | what it does | turns red as well |", "| --- | --- | --- |"]
    for one in rows:
        ids = set(one.case.ids(VERSIONS[one.version]))
        others = [
            other.case.name + ("*" if ids & set(other.case.ids(VERSIONS[one.version])) else "")
            for other in one.others
        ]
        name = f"{one.case.name} ({one.version})"
        lines.append(f"| {name} | {one.case.sabotage.text} | {', '.join(others)} |")
    return lines
