"""A run's document for other tools: JUnit XML, Markdown, and a badge."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from xml.etree import ElementTree

from mqttlab.conformance.verdicts import Verdict

__all__ = ["badge", "junit", "markdown"]

_SKIPPED = (Verdict.NOT_CLAIMED, Verdict.NOT_OBSERVABLE, Verdict.NOT_TESTED)


def junit(document: Mapping[str, Any]) -> str:
    """One suite for each version; what could not be judged is skipped, with its reason."""
    root = ElementTree.Element("testsuites", name=f"MQTT conformance: {document['implementation']}")
    for version, found in document["versions"].items():
        cases = [one for one in document["cases"] if one["version"] == version]
        counts = found["cases"]
        suite = ElementTree.SubElement(
            root,
            "testsuite",
            name=f"MQTT {version}",
            tests=str(len(cases)),
            failures=str(counts[Verdict.FAIL]),
            errors=str(counts[Verdict.ERROR]),
            skipped=str(sum(counts[verdict] for verdict in _SKIPPED)),
            time=f"{sum(one['took_s'] for one in cases):.3f}",
        )
        for one in cases:
            file, _, name = one["name"].partition(".")
            case = ElementTree.SubElement(
                suite,
                "testcase",
                classname=f"mqtt-{version}.{file}",
                name=name,
                time=f"{one['took_s']:.3f}",
            )
            tag = {Verdict.PASS: "", Verdict.FAIL: "failure", Verdict.ERROR: "error"}.get(
                Verdict(one["verdict"]), "skipped"
            )
            if tag:
                message = f"{one['verdict']}: {one['observed']}"
                said = ElementTree.SubElement(case, tag, message=_printable(message))
                said.text = f"{', '.join(one['statements'])}: expected: {one['expect']}"
    ElementTree.indent(root)
    return ElementTree.tostring(root, "unicode", xml_declaration=True) + "\n"


def _printable(text: str) -> str:
    return "".join(c if c.isprintable() else "?" for c in text)


def markdown(document: Mapping[str, Any]) -> str:
    """Counts, and each finding with what was expected and what was observed."""
    title = f"# MQTT conformance: {document['implementation']}"
    lines = [title, "", f"`{document['command']}`", ""]
    verdicts = [verdict.value for verdict in Verdict]
    lines += [f"| statements | listed | seen from here | exercised | {' | '.join(verdicts)} |"]
    lines += ["| --- |" + " ---: |" * (3 + len(verdicts))]
    for version, found in document["versions"].items():
        counts = [str(found["statements"][verdict]) for verdict in verdicts]
        numbers = [str(found[key]) for key in ("listed", "seen_from_here", "exercised")]
        lines.append(f"| {version} | {' | '.join([*numbers, *counts])} |")
    for verdict in (Verdict.FAIL, Verdict.ERROR, Verdict.NOT_TESTED, Verdict.NOT_CLAIMED):
        cases = [one for one in document["cases"] if one["verdict"] == verdict]
        lines += _section(verdict.value.capitalize(), cases)
    departing = [one for one in document["cases"] if one.get("departs")]
    lines += _section("Pass, and departs from what is only recommended", departing)
    return "\n".join(lines) + "\n"


def _section(title: str, cases: Sequence[Mapping[str, Any]]) -> list[str]:
    if not cases:
        return []
    lines = ["", f"## {title}", ""]
    lines += ["| case | statements | expected | observed |", "| --- | --- | --- | --- |"]
    for one in cases:
        keys = ", ".join(one["statements"])
        cells = (f"{one['name']} ({one['version']})", keys, one["expect"], one["observed"])
        lines.append("| " + " | ".join(_printable(c).replace("|", "\\|") for c in cells) + " |")
    return lines


_BADGE = """<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="20" role="img" \
aria-label="{left}: {right}"><rect width="{width}" height="20" rx="3" fill="#40464f"/>\
<path d="M{split} 0h{rest}v20h-{rest}z" fill="{colour}"/>\
<g fill="#fff" font-family="Verdana,DejaVu Sans,sans-serif" font-size="11" text-anchor="middle">\
<text x="{middle_left}" y="14">{left}</text><text x="{middle_right}" y="14">{right}</text></g></svg>
"""


def badge(document: Mapping[str, Any]) -> str:
    """ "MQTT 3.1.1, 5.0 | 402 of 405": statements that passed, of those that were judged."""
    left = "MQTT " + ", ".join(document["versions"])
    found = [one["statements"] for one in document["versions"].values()]
    passed = sum(one[Verdict.PASS] for one in found)
    failed = sum(one[Verdict.FAIL] + one[Verdict.ERROR] for one in found)
    right = f"{passed} of {passed + failed}"
    split, rest = 7 * len(left) + 12, 7 * len(right) + 12
    colour = "#2c7a4b" if not failed else "#b4552d"
    return _BADGE.format(
        width=split + rest,
        split=split,
        rest=rest,
        left=left,
        right=right,
        colour=colour,
        middle_left=split / 2,
        middle_right=split + rest / 2,
    )
