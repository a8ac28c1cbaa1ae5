"""conformance.json: what a run found, statement by statement and case by case."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import Any

from mqttlab import _core
from mqttlab.conformance.cases import VERSIONS, Statement, statements
from mqttlab.conformance.coverage import UNSEEN
from mqttlab.conformance.runner import Outcome
from mqttlab.conformance.trial import Entry
from mqttlab.conformance.verdicts import Verdict
from mqttlab.errors import UsageError
from mqttlab.exits import FINDINGS, INTERRUPTED, NOT_APPLICABLE, OK

__all__ = ["FORMAT", "WEIGHT", "build", "exit_code"]

FORMAT = 2
# A statement has the first of its cases' verdicts in this order.
WEIGHT = (
    Verdict.FAIL,
    Verdict.ERROR,
    Verdict.NOT_TESTED,
    Verdict.PASS,
    Verdict.NOT_CLAIMED,
    Verdict.NOT_OBSERVABLE,
)
_LONGEST = 300  # characters of a line of a log


def build(
    name: str,
    end: str,
    outcomes: Sequence[Outcome],
    command: str,
    strict: bool,
    took_s: float,
    logs: bool = True,
    *,
    clock: str = "real",
    interrupted: bool = False,
    captures: Mapping[tuple[str, str], str] = MappingProxyType({}),
) -> dict[str, Any]:
    """The document; its fields are in conformance.schema.json. `logs`: those of passes, too.
    `captures`: files, by case and version.
    """
    versions = [v for v in VERSIONS if any(one.version == v for one in outcomes)]
    rows = [
        _statement(row, end, outcomes) for row in statements().values() if row.version in versions
    ]
    return {
        "format": FORMAT,
        "implementation": name,
        "end": end,
        "command": command,
        "strict": strict,
        "clock": clock,
        "took_s": round(took_s, 3),
        "interrupted": interrupted,
        "versions": {v: _summary(v, rows, outcomes) for v in versions},
        "statements": rows,
        "cases": [_case(one, command, logs, captures) for one in outcomes],
    }


def exit_code(found: Mapping[str, Any]) -> int:
    """Of the command that found this: whether anything is wrong, or nothing could be judged."""
    verdicts = {one["verdict"] for one in found["cases"]}
    if found["interrupted"]:
        return INTERRUPTED
    if verdicts & {Verdict.FAIL, Verdict.ERROR}:
        return FINDINGS
    return OK if Verdict.PASS in verdicts else NOT_APPLICABLE


def _statement(row: Statement, end: str, outcomes: Iterable[Outcome]) -> dict[str, Any]:
    here = [one for one in outcomes if row.key in one.keys]
    verdicts = {one.verdict for one in here}
    verdict = next((v for v in WEIGHT if v in verdicts), None)
    found: dict[str, Any] = {
        "key": row.key,
        "version": row.version,
        "id": row.id,
        "section": row.section,
        "binds": row.binds,
        "requirement": row.requirement,
        "seen_from_here": row.seen_from(end),
        "verdict": verdict.value if verdict else Verdict.NOT_OBSERVABLE.value,
        "reason": "",
        "cases": [one.case.name for one in here],
    }
    if not here:
        found["reason"] = _why_not(row, end)
        if row.seen_from(end):
            found["verdict"] = Verdict.NOT_TESTED.value
    else:
        telling = [one for one in here if one.departs or one.verdict is not Verdict.PASS]
        reasons = dict.fromkeys(one.observed for one in telling if one.verdict is verdict)
        found["reason"] = "; ".join(reasons)
    return found


def _why_not(row: Statement, end: str) -> str:
    if row.seen_from(end):
        return "not part of this run"
    other = "client" if end == "server" else "server"
    if row.seen_from(other):
        return f"a {other}'s duty: no {end} can show it"
    return UNSEEN[row.observable]


def _summary(
    version: str, rows: Sequence[dict[str, Any]], outcomes: Iterable[Outcome]
) -> dict[str, Any]:
    here = [row for row in rows if row["version"] == version]
    seen = [row for row in here if row["seen_from_here"]]
    judged = (Verdict.PASS.value, Verdict.FAIL.value)
    return {
        "listed": len(here),
        "seen_from_here": len(seen),
        "exercised": sum(bool(row["cases"]) for row in seen),
        "judged": sum(row["verdict"] in judged for row in seen),
        "statements": _counts(row["verdict"] for row in seen),
        "cases": _counts(one.verdict.value for one in outcomes if one.version == version),
    }


def _counts(verdicts: Iterable[str]) -> dict[str, int]:
    counter = Counter(verdicts)
    return {v.value: counter[v.value] for v in WEIGHT}


def _case(
    one: Outcome, command: str, logs: bool, captures: Mapping[tuple[str, str], str]
) -> dict[str, Any]:
    capture = captures.get((one.case.name, one.version))
    return {
        "name": one.case.name,
        "version": one.version,
        "statements": one.keys,
        "strength": one.case.strength_in(one.version),
        "what": (one.case.run.__doc__ or one.case.why).strip(),
        "expect": one.case.expect,
        "why": one.case.why,
        "sabotage": one.case.sabotage.text,
        "verdict": one.verdict.value,
        "observed": one.observed,
        **({"departs": True} if one.departs else {}),
        "took_s": round(one.seconds, 3),
        "repeat": f"{command} --version {one.version} --case {one.case.name}",
        **({"pcap": capture} if capture else {}),
        "log": [_line(entry, one) for entry in one.log if logs or one.verdict is not Verdict.PASS],
    }


def _line(entry: Entry, one: Outcome) -> dict[str, Any]:
    if not entry.on_the_wire:
        text = entry.text
    elif entry.direction == "end":
        text = {"fin": "closed by the target", "reset": "reset by the target"}.get(
            entry.text, "closed by the case"
        )
    else:
        from_client = (entry.direction == "sent") == (one.case.end == "server")
        described = _described(entry.data, from_client, VERSIONS[one.version])
        text = ", ".join(filter(None, (described, entry.text)))
    if len(text) > _LONGEST:
        text = text[:_LONGEST] + " ..."
    line: dict[str, Any] = {
        "at_s": round(entry.at_s, 3),
        "peer": entry.peer,
        "direction": entry.direction,
        "text": text,
    }
    if entry.data:
        line["hex"] = entry.data[:64].hex(" ") + (" ..." if len(entry.data) > 64 else "")
    return line


def _described(data: bytes, from_client: bool, version: int) -> str:
    try:
        return _core.describe(data, from_client, version)
    except UsageError as error:
        broken = str(error).rpartition(" ")[2]
        name = _core.packets[(data[0] >> 4) - 1] if data and data[0] >> 4 else "bytes"
        return f"{name}, {len(data)} bytes; breaks {broken}"
