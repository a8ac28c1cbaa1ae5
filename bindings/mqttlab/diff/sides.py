"""The two things that are compared: what a run, a study or a conformance run has left."""

from __future__ import annotations

import csv
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mqttlab.capsule import SUFFIX
from mqttlab.errors import UsageError

__all__ = ["KINDS", "Side"]

KINDS: Mapping[str, frozenset[str]] = {
    "run": frozenset({"scenario", "seed", "fingerprint", "verdicts"}),
    "capsule": frozenset({"capsule", "scenario", "seed"}),
    "conformance": frozenset({"implementation", "statements", "cases", "versions"}),
    "impairments": frozenset({"implementation", "cells", "cases"}),
    "overhead": frozenset({"seeds", "rows"}),
}
"""Kinds of documents to fields that tell each, in the order in which they are tried."""
_END_BYTES = 4096  # the last line of a trace is shorter
_CI95 = "_ci95"  # ends the name of a column that has half of the interval of the one before
_KEEP_ALIVES = "keep_alive.csv"
_FILES = ("run.json", "conformance.json", "impairments.json", "overhead.json", "overhead.csv",
          _KEEP_ALIVES)  # fmt: skip


@dataclass(frozen=True)
class Side:
    """One document, and the trace beside it."""

    path: Path
    """Of the document, or of the trace if there is nothing else."""
    kind: str
    """One of KINDS, or "trace"."""
    data: Mapping[str, Any]
    trace: Path | None = None
    """NDJSON, as `mqttlab run --ndjson` and `mqttlab link --trace` write it; beside a run, the one
    that ends with its fingerprint."""

    @staticmethod
    def read(path: Path) -> Side:
        """Of a folder or a file. Errors: UsageError, one line naming path and reason."""
        if path.is_dir():
            return _of_folder(path)
        if path.suffix == ".ndjson":
            if not path.is_file():
                raise UsageError(f"diff: cannot read {str(path)!r}: No such file or directory")
            return Side(path, "trace", _head(path), path)
        data = _table(path) if path.suffix == ".csv" else _document(path)
        kind = next((kind for kind, fields in KINDS.items() if fields <= data.keys()), None)
        if kind is None:
            raise UsageError(
                f"diff: {str(path)!r} is none of {', '.join(_FILES)}, a capsule or a trace "
                "(.ndjson)"
            )
        beside = sorted(path.parent.glob("*.ndjson")) if kind == "run" else []
        traces = [trace for trace in beside if _fingerprint(trace) == data["fingerprint"]]
        return Side(path, kind, data, traces[0] if traces else None)

    def like(self, other: Side) -> Side:
        """The same from the file that the other is from, if it is there: a table for a table."""
        beside = self.path.with_name(other.path.name)
        is_table = self.kind == other.kind == "overhead" and other.path.suffix == ".csv"
        return Side.read(beside) if is_table and beside.is_file() else self

    @property
    def name(self) -> str:
        """What it is, in a line."""
        data = self.data
        if self.kind == "trace":
            return "trace"
        if self.kind in ("conformance", "impairments"):
            return f"{self.kind} of {data['implementation']}"
        if self.kind == "overhead":
            return f"overhead, {len(data['rows']) + len(data.get('keep_alives', ()))} rows"
        scenario = data["scenario"]
        named = scenario.get("name") if isinstance(scenario, dict) else scenario
        return f"{named}, seed {data['seed']}, fingerprint {data.get('fingerprint', '')[:16]}"


def _of_folder(folder: Path) -> Side:
    for name in _FILES:
        if (folder / name).is_file():
            return Side.read(folder / name)
    capsules = sorted(folder.glob(f"*{SUFFIX}"))
    if len(capsules) == 1:
        return Side.read(capsules[0])
    many = f", and {len(capsules)} capsules: name one" if capsules else ""
    raise UsageError(f"diff: {str(folder)!r} has none of {', '.join(_FILES)}{many}")


def _document(path: Path) -> dict[str, Any]:
    try:
        data = json.loads(path.read_text("utf-8"))
    except OSError as error:
        raise UsageError(f"diff: cannot read {str(path)!r}: {error.strerror}") from None
    except ValueError as error:
        raise UsageError(f"diff: {str(path)!r} is no JSON: {error}") from None
    if not isinstance(data, dict):
        raise UsageError(f"diff: {str(path)!r} is no object of JSON")
    return data


def _head(trace: Path) -> dict[str, Any]:
    """The first line of a trace, if it is one that says how the others are written."""
    with trace.open("rb") as file:
        head = _line(file.readline())
    return head if head.get("kind") == "trace" else {}


def _fingerprint(trace: Path) -> str:
    """As its last line has it; "": it was left before its end."""
    with trace.open("rb") as file:
        file.seek(max(0, file.seek(0, 2) - _END_BYTES))
        end = _line(file.read().rstrip().rpartition(b"\n")[2])
    return str(end.get("fingerprint", ""))


def _line(text: bytes) -> dict[str, Any]:
    try:
        found = json.loads(text)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def _table(path: Path) -> dict[str, Any]:
    """overhead.csv, and keep_alive.csv beside it or alone, as overhead.json has them; what is no
    such table has no fields.
    """
    beside = path.with_name(_KEEP_ALIVES)
    rows = [] if path == beside else _rows(path)
    keep_alives = _rows(beside) if beside.is_file() and (rows or path == beside) else []
    seeds = next((row["seeds"] for row in (*rows, *keep_alives) if "seeds" in row), None)
    return {} if seeds is None else {"seeds": seeds, "rows": rows, "keep_alives": keep_alives}


def _rows(path: Path) -> list[dict[str, Any]]:
    """Empty if there are no estimates. Errors: UsageError, one line naming path and reason."""
    try:
        with path.open(encoding="utf-8", newline="") as file:
            rows = list(csv.DictReader(file))
    except OSError as error:
        raise UsageError(f"diff: cannot read {str(path)!r}: {error.strerror}") from None
    except (ValueError, csv.Error) as error:
        raise UsageError(f"diff: {str(path)!r} is no CSV: {error}") from None
    for number, row in enumerate(rows, 1):
        if None in row or None in row.values():
            raise UsageError(f"diff: {str(path)!r}: row {number} has not as many cells as the head")
    if not any(name.endswith(_CI95) for row in rows[:1] for name in row):
        return []
    return [_estimates(row) for row in rows]


def _estimates(row: Mapping[str, str]) -> dict[str, Any]:
    return {
        name: {"mean": _value(value), "ci95": _value(row[name + _CI95])}
        if name + _CI95 in row
        else _value(value)
        for name, value in row.items()
        if not name.endswith(_CI95)
    }


def _value(text: str) -> float | str | None:
    try:
        return float(text) if text else None
    except ValueError:
        return text
