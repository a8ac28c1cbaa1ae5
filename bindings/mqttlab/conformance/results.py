"""What a run leaves: lines in the terminal, and files in --out."""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from mqttlab.conformance import document, exports, page
from mqttlab.conformance.captures import write as write_captures
from mqttlab.conformance.runner import INTERRUPTED, Outcome
from mqttlab.conformance.verdicts import Verdict
from mqttlab.errors import UsageError

__all__ = ["captures", "compare", "folder", "show", "write", "write_file"]

_NEEDED = {"format", "implementation", "end", "command", "versions", "statements", "cases"}


def show(found: dict[str, Any], wall_s: float, out: Path | None, console: Console) -> None:
    """Counts of each version, what is wrong, and how long it took."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in (found["implementation"], "listed", "seen here", "exercised", *Verdict):
        table.add_column(str(column), justify="right" if table.columns else "left")
    for version, counts in found["versions"].items():
        numbers = (counts["listed"], counts["seen_from_here"], counts["exercised"])
        verdicts = (counts["statements"][verdict] for verdict in Verdict)
        table.add_row(f"{version} statements", *map(str, (*numbers, *verdicts)))
        verdicts = (counts["cases"][verdict] for verdict in Verdict)
        table.add_row(f"{version} cases", "", "", "", *map(str, verdicts))
    console.print(table)
    wrong = (Verdict.FAIL, Verdict.ERROR, Verdict.NOT_TESTED)
    for one in found["cases"]:
        told = one["verdict"] in wrong and one["observed"] != INTERRUPTED
        if told or one.get("departs"):
            keys = " ".join(one["statements"])
            console.print(
                f"{one['verdict']}: {one['name']} ({keys}): {one['observed']}", markup=False
            )
    if found["interrupted"]:
        left = sum(one["observed"] == INTERRUPTED for one in found["cases"])
        console.print(f"interrupted: {left} of {len(found['cases'])} cases were not run")
    rate = sum(c["judged"] for c in found["versions"].values()) / max(wall_s, 0.001)
    console.print(
        f"{wall_s:.1f} s, {rate:.0f} statements a second"
        + (f"; {out / 'report.html'}" if out else "")
    )


def compare(files: Sequence[Path], out: Path | None, console: Console) -> int:
    """Several conformance.json in one report."""
    if len(files) < 2 or not out:
        raise UsageError("--compare: name two conformance.json or more, and --out DIR")
    documents = [_read(path) for path in files]
    if len({found["end"] for found in documents}) > 1:
        raise UsageError("--compare: brokers and clients do not go into one report; name either")
    named: Counter[str] = Counter()
    for found in documents:
        named[name := found["implementation"]] += 1
        if named[name] > 1:
            found["implementation"] = f"{name} ({named[name]})"
    for path, found in zip(files, documents, strict=True):
        for one in found["cases"]:
            if "pcap" in one:
                one["pcap"] = os.path.relpath(path.parent / one["pcap"], out)
    write_file(out, "report.html", page.render(documents))
    for one in documents:
        for version, counts in one["versions"].items():
            said = ", ".join(f"{n} {v}" for v, n in counts["statements"].items() if n)
            console.print(f"{one['implementation']} {version}: {said}")
    console.print(str(out / "report.html"))
    return 0


def _read(path: Path) -> dict[str, Any]:
    try:
        found: dict[str, Any] = json.loads(path.read_text("utf-8"))
    except ValueError:
        found = {}
    whole = isinstance(found, dict) and found.keys() >= _NEEDED
    if not whole or found["format"] != document.FORMAT:
        raise UsageError(f"{path}: no conformance.json of format {document.FORMAT}; run it again")
    return found


def _text(found: dict[str, Any]) -> str:
    """JSON with a line for each statement and each case."""

    def lines(value: Any) -> str:
        if not isinstance(value, list) or not value or not isinstance(value[0], dict):
            return json.dumps(value, ensure_ascii=False)
        rows = ",\n  ".join(json.dumps(row, ensure_ascii=False) for row in value)
        return f"[\n  {rows}\n ]"

    fields = (f"{json.dumps(name)}: {lines(value)}" for name, value in found.items())
    return "{\n " + ",\n ".join(fields) + "\n}\n"


def write(out: Path, found: dict[str, Any]) -> None:
    """One run's files."""
    write_file(out, "conformance.json", _text(found))
    write_file(out, "report.html", page.render([found]))
    write_file(out, "junit.xml", exports.junit(found))
    write_file(out, "summary.md", exports.markdown(found))
    write_file(out, "badge.svg", exports.badge(found))


def captures(
    outcomes: Sequence[Outcome], out: Path, whole: Path | None
) -> dict[tuple[str, str], str]:
    """As captures.write. Errors: UsageError if DIR takes none."""
    try:
        return write_captures(outcomes, whole, folder(out))
    except OSError as error:
        raise UsageError(f"--out {out}: {error.strerror}; name another DIR") from None


def folder(out: Path) -> Path:
    """DIR, made if it is not there."""
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(f"--out {out}: {error.strerror}; name another DIR") from None
    return out


def write_file(out: Path, name: str, text: str) -> None:
    """A file of DIR."""
    try:
        (folder(out) / name).write_text(text, "utf-8")
    except OSError as error:
        raise UsageError(
            f"--out {out}: cannot write {name}: {error.strerror}; name another DIR"
        ) from None
