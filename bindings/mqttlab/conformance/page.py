"""report.html: statements by implementations, and every case with what was said on the wire."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from importlib import resources
from typing import Any
from urllib.parse import quote

from jinja2 import Template
from markupsafe import Markup

from mqttlab.conformance.document import WEIGHT
from mqttlab.conformance.trial import NOTES
from mqttlab.conformance.verdicts import Verdict
from mqttlab.report import ladder
from mqttlab.report.ladder import Rung

__all__ = ["render", "render_impairments"]

_STANDARDS = {
    "3.1.1": "https://docs.oasis-open.org/mqtt/mqtt/v3.1.1/os/mqtt-v3.1.1-os.html",
    "5.0": "https://docs.oasis-open.org/mqtt/mqtt/v5.0/os/mqtt-v5.0-os.html",
}
_FOUND = (Verdict.FAIL.value, Verdict.ERROR.value)


def render(documents: Sequence[Mapping[str, Any]]) -> str:
    """One page for one document or several (conformance.json), each a column of the matrix."""
    return _template("page.html.j2").render(
        documents=documents,
        rows=_rows(documents),
        cases=_cases(documents),
        status="fail" if any(_findings(one) for one in documents) else "pass",
        findings=[[len(_findings(one)), one] for one in documents],
        title=", ".join(one["implementation"] for one in documents),
    )


def render_impairments(table: Mapping[str, Any]) -> str:
    """The page of impairments.json."""
    failed = sum(cell["verdict"] == Verdict.FAIL for cell in table["cells"])
    return _template("impairments.html.j2").render(
        table=table, failed=failed, status="fail" if failed else "pass"
    )


def _template(name: str) -> Template:
    made = ladder.environment(
        slug=_slug, standard=_standard, by_verdict=_by_verdict, lanes=_lanes, rungs=_rungs
    )
    style = ladder.style() + _file("mqttlab.conformance", "page.css")
    given = {"style": Markup(style), "verdicts": [verdict.value for verdict in WEIGHT]}
    return made.from_string(_file("mqttlab.conformance", name), given)


def _file(package: str, name: str) -> str:
    return resources.files(package).joinpath(name).read_text("utf-8")


def _findings(document: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    return [row for row in document["statements"] if row["verdict"] in _FOUND]


def _rows(documents: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Each statement once, with the row of each document that has it, or None."""
    by_key = [{row["key"]: row for row in one["statements"]} for one in documents]
    cases = [{(c["name"], c["version"]): c for c in one["cases"]} for one in documents]
    rows = []
    for key in dict.fromkeys(key for one in by_key for key in one):
        cells = [one.get(key) for one in by_key]
        first = next(cell for cell in cells if cell)
        strength = sorted(
            {
                c[name, cell["version"]]["strength"]
                for cell, c in zip(cells, cases, strict=True)
                if cell
                for name in cell["cases"]
            }
        )
        reasons: dict[str, list[str]] = {}
        for cell, one in zip(cells, documents, strict=True):
            if cell and cell["reason"]:
                reasons.setdefault(cell["reason"], []).append(one["implementation"])
        said = [
            ("" if len(names) == len(documents) else ", ".join(names), reason)
            for reason, names in reasons.items()
        ]
        rows.append(
            {**first, "reasons": said, "cells": cells, "strength": " ".join(strength) or "MUST"}
        )
    return rows


_Run = tuple[Mapping[str, Any], Mapping[str, Any]]  # of a document, a case


def _cases(documents: Sequence[Mapping[str, Any]]) -> list[tuple[Mapping[str, Any], list[_Run]]]:
    """Each case once, with what came of it in each document that has it."""
    runs: dict[tuple[str, str], list[_Run]] = {}
    for document in documents:
        for case in document["cases"]:
            runs.setdefault((case["name"], case["version"]), []).append((document, case))
    return [(of[0][1], of) for of in runs.values()]


def _by_verdict(runs: Sequence[_Run]) -> list[tuple[str, list[str]]]:
    """The weightiest first, with implementations."""
    found: dict[str, list[str]] = {verdict.value: [] for verdict in WEIGHT}
    for document, case in runs:
        found[case["verdict"]].append(document["implementation"])
    return [(verdict, names) for verdict, names in found.items() if names]


def _slug(text: str) -> str:
    return "".join(c if c.isalnum() else "-" for c in text)


def _lanes(case: Mapping[str, Any]) -> dict[str, int]:
    """The connections of a case, from left to right; the target is behind the last."""
    names = dict.fromkeys(line["peer"] for line in case["log"] if line["direction"] not in NOTES)
    return {name: index for index, name in enumerate(names)}


def _rungs(case: Mapping[str, Any], lanes: Mapping[str, int]) -> Iterator[Rung]:
    for line in case["log"]:
        lane = lanes.get(line["peer"], len(lanes))
        css, label = line["direction"], _packet(line)
        yield Rung(line["at_s"], css, lane, label, line["text"], line.get("hex", ""))


def _packet(line: Mapping[str, Any]) -> str:
    """What stands on its arrow, or at the target."""
    if line["direction"] in NOTES:
        return str(line["direction"])
    if line["direction"] == "end":
        return "reset" if line["text"].startswith("reset") else "closed"
    words = [word for word in line["text"].replace(",", " ").split() if word.isupper()]
    return str(words[0]) if words else "bytes"


def _standard(row: Mapping[str, Any]) -> str:
    """The statement in the standard; a browser that knows text fragments goes to its place."""
    id = row["id"]
    wanted = f"[{id}]" if id.startswith("MQTT") else f"{row['section']} "
    return f"{_STANDARDS[row['version']]}#:~:text={quote(wanted).replace('-', '%2D')}"
