"""The whole suite under each of several links and seeds: one table of cells."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

from rich.console import Console

from mqttlab.conformance import document, page, results
from mqttlab.conformance.cases import Case
from mqttlab.conformance.runner import Settings, attempt
from mqttlab.conformance.target import Target
from mqttlab.conformance.verdicts import Verdict
from mqttlab.exits import FINDINGS, INTERRUPTED, NOT_APPLICABLE, OK

__all__ = ["FORMAT", "build", "markdown", "run"]

FORMAT = 1
_VERDICTS = {
    OK: Verdict.PASS,
    FINDINGS: Verdict.FAIL,
    NOT_APPLICABLE: Verdict.NOT_TESTED,
    INTERRUPTED: Verdict.NOT_TESTED,
}
"""Of a cell, by the exit code that a run of it alone would have."""
_WRONG = (Verdict.FAIL, Verdict.ERROR, Verdict.NOT_TESTED)

Document = dict[str, Any]
Command = Callable[[str, int], str]
Place = Callable[[str, int], AbstractContextManager[Target]]
"""The target over a link, from a seed."""


def run(
    pairs: Sequence[tuple[Case, int]],
    links: Sequence[str],
    seeds: Sequence[int],
    *,
    place: Place,
    end: str,
    strict: bool,
    command: Command,
    again: str,
    out: Path | None,
    console: Console,
) -> int:
    """Runs all cells, says what came of each, and writes the table. Returns the exit code.
    `command`: what repeats a cell; `again`: what repeats them all.
    """
    cells: list[tuple[str, int, Document]] = []
    for link, seed, found in _cells(pairs, links, seeds, place, end, strict, command):
        cells.append((link, seed, found))
        counts = _counts(found)
        said = ", ".join(f"{counts[verdict]} {verdict}" for verdict in Verdict if counts[verdict])
        console.print(f"{link}, seed {seed}: {said}", markup=False)
        for one in _wrong(found):
            console.print(f"  {one['verdict']}: {one['name']}: {one['observed']}", markup=False)
            console.print(f"  {one['repeat']}", markup=False, soft_wrap=True)
    table = build(again, cells)
    if out:
        text = json.dumps(table, indent=1, ensure_ascii=False) + "\n"
        results.write_file(out, "impairments.json", text)
        results.write_file(out, "impairments.md", markdown(table))
        results.write_file(out, "impairments.html", page.render_impairments(table))
        console.print(str(out / "impairments.html"))
    if any(found["interrupted"] for _, _, found in cells):
        console.print("interrupted: cells are missing")
        return INTERRUPTED
    codes = {document.exit_code(found) for _, _, found in cells}
    return next(code for code in (FINDINGS, NOT_APPLICABLE, OK) if code in codes)


def _cells(
    pairs: Sequence[tuple[Case, int]],
    links: Sequence[str],
    seeds: Sequence[int],
    place: Place,
    end: str,
    strict: bool,
    command: Command,
) -> Iterator[tuple[str, int, Document]]:
    for link in links:
        for seed in seeds:
            with place(link, seed) as target:
                settings = Settings(target.times, strict=strict)
                ran = attempt(pairs, target, settings)
                found = document.build(
                    target.name, end, ran.outcomes, command(link, seed), strict, ran.took_s,
                    logs=False, clock=target.times.clock, interrupted=ran.interrupted,
                )  # fmt: skip
            yield link, seed, found
            if ran.interrupted:
                return


def _counts(found: Document) -> Counter[str]:
    return Counter(one["verdict"] for one in found["cases"])


def _wrong(found: Document) -> list[Document]:
    return [one for one in found["cases"] if one["verdict"] in _WRONG]


def build(command: str, cells: Sequence[tuple[str, int, Document]]) -> Document:
    """impairments.json: `cells`, in the order of the run; `cases` with a verdict for each cell."""
    verdicts: dict[tuple[str, str], list[str]] = {}
    statements = {}
    for _, _, found in cells:
        for one in found["cases"]:
            key = (one["name"], one["version"])
            verdicts.setdefault(key, []).append(one["verdict"])
            statements[key] = one["statements"]
    return {
        "format": FORMAT,
        "implementation": cells[0][2]["implementation"].partition(" over ")[0] if cells else "",
        "command": command,
        "cells": [_cell(*one) for one in cells],
        "cases": [
            {
                "name": name,
                "version": version,
                "statements": statements[name, version],
                "verdicts": v,
            }
            for (name, version), v in verdicts.items()
        ],
    }


def _cell(link: str, seed: int, found: Document) -> Document:
    wrong = _wrong(found)
    counts = _counts(found)
    return {
        "impairment": link,
        "seed": seed,
        "verdict": str(_VERDICTS[document.exit_code(found)]),
        "command": found["command"],
        "took_s": found["took_s"],
        "cases": {str(verdict): counts[verdict] for verdict in Verdict},
        "findings": [
            {key: one[key] for key in ("name", "version", "verdict", "observed", "repeat")}
            for one in wrong
        ],
    }


def markdown(table: Mapping[str, Any]) -> str:
    """A row for each cell, and what repeats each finding."""
    verdicts = [str(verdict) for verdict in Verdict]
    lines = [f"# MQTT conformance x impairment: {table['implementation']}", ""]
    lines += [f"`{table['command']}`", ""]
    lines += [f"| link | seed | verdict | {' | '.join(verdicts)} | virtual time |"]
    lines += ["| --- | ---: | --- |" + " ---: |" * (len(verdicts) + 1)]
    for cell in table["cells"]:
        counts = " | ".join(str(cell["cases"][verdict]) for verdict in verdicts)
        lines.append(
            f"| {cell['impairment']} | {cell['seed']} | {cell['verdict']} | {counts} "
            f"| {cell['took_s']:,.0f} s |"
        )
    for cell in table["cells"]:
        for one in cell["findings"]:
            lines += ["", f"{one['verdict']}: {one['name']} ({one['version']}): {one['observed']}"]
            lines += ["", f"    {one['repeat']}"]
    return "\n".join(lines) + "\n"
