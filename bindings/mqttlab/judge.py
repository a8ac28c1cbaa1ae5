"""Judging a trace that outlived its run: `mqttlab link --trace FILE`, then `mqttlab judge FILE`."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from mqttlab import _core
from mqttlab.errors import UsageError
from mqttlab.report.invariants import MEANING
from mqttlab.result import Verdict, Violation

__all__ = ["BROKERS", "Judgement", "judge", "show"]

BROKERS = ("any", "mqttlab")
_MOST_FINDINGS = 20
_STYLES = {"pass": "green", "fail": "bold red", "departs": "yellow", "not_observable": "dim"}


@dataclass(frozen=True)
class Judgement:
    """What the oracle found in a trace."""

    verdicts: tuple[Verdict, ...]
    """One per invariant, in the oracle's order."""
    violations: tuple[Violation, ...]
    """All that it found, recommendations (verdict "departs") included."""
    end_s: float
    """When the run stopped, from its start."""
    complete: bool
    """False if the trace breaks off: its program was killed."""
    events: int
    fingerprint: str
    broker: str
    """Whose it was taken for: one of `BROKERS`."""
    connections: tuple[dict[str, Any], ...]
    """One per connection that ended: "connection", "client", "bytes_up", "observable", ..."""

    @property
    def passed(self) -> bool:
        """True if no invariant is broken. What was not observable does not count as broken."""
        return all(verdict.status != "fail" for verdict in self.verdicts)


def judge(
    path: Path,
    *,
    keep_alive_factor: float = 1.5,
    keep_alive_slack_s: float = 1.0,
    ping_timeout_s: float | None = None,
    converge_within_s: float = 30.0,
    answer_within_s: float = 30.0,
    broker: str = "any",
    strict: bool = False,
) -> Judgement:
    """Lets the oracle judge the trace in a file.

    `keep_alive_slack_s`: how much later than factor x keep alive a broker may close.
    `ping_timeout_s`: how long the clients wait for PINGRESP; None: not known, so not judged.
    `converge_within_s`: after the faults have stopped, until all must have arrived.
    `answer_within_s`: how long an answer may take.
    `broker`: whose it is, one of `BROKERS`. Anybody's may pass a message on some time after it has
    acknowledged it, or at PUBREL, and may be up to a second early with a keep alive: so much less
    is seen. Of mqttlab's own none of that is let pass.
    `strict`: what is only recommended counts as broken, too.

    Errors: UsageError naming file and line, or the broker.
    """
    if broker not in BROKERS:
        raise UsageError(f"judge: broker: {broker!r} is none of {', '.join(BROKERS)}")
    try:
        content = path.read_bytes()
    except OSError as error:
        raise UsageError(f"judge: cannot read {str(path)!r}: {error.strerror}") from None
    try:
        found = _core.judge_trace(
            content,
            keep_alive_factor,
            _ns(keep_alive_slack_s),
            None if ping_timeout_s is None else _ns(ping_timeout_s),
            _ns(converge_within_s),
            _ns(answer_within_s),
            broker == "any",
            strict,
        )
    except UsageError as error:
        raise UsageError(
            f"judge: {str(path)!r} is no trace, {error}; "
            "`mqttlab link --trace` and `mqttlab run --ndjson` write them"
        ) from None
    verdicts, violations = found["judged"]
    others = [json.loads(line) for line in found["others"]]
    return Judgement(
        verdicts=tuple(Verdict(*row) for row in verdicts),
        violations=tuple(Violation.of(row) for row in violations),
        end_s=found["end"] / 1e9,
        complete=found["complete"],
        events=found["events"],
        fingerprint=found["fingerprint"],
        broker=broker,
        connections=tuple(line for line in others if line["kind"] == "connection"),
    )


def _ns(seconds: float) -> int:
    return round(seconds * 1e9)


def show(found: Judgement, console: Console) -> None:
    """Prints the table of verdicts, what was found, and a last line."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("invariant", no_wrap=True)
    table.add_column("verdict", no_wrap=True)
    table.add_column("checked", justify="right")
    table.add_column("what it promises; what is to be known")
    for verdict in found.verdicts:
        style = _STYLES[verdict.status]
        meaning = MEANING[verdict.invariant] + (f" ({verdict.why})" if verdict.why else "")
        status = verdict.status.replace("_", " ")
        table.add_row(
            verdict.invariant, f"[{style}]{status}[/]", str(verdict.checked), escape(meaning)
        )
    console.print(table)
    for violation in found.violations[:_MOST_FINDINGS]:
        rules = f" [{' '.join(violation.statements)}]" if violation.statements else ""
        line = escape(f"{violation.what}{rules}")
        console.print(
            f"{violation.at_s:10.3f} s  [bold]{violation.invariant}[/]  {line}",
            highlight=False,
            soft_wrap=True,
        )
    if len(found.violations) > _MOST_FINDINGS:
        console.print(f"... and {len(found.violations) - _MOST_FINDINGS} more")
    console.print(_last_line(found), highlight=False, soft_wrap=True)


def _last_line(found: Judgement) -> str:
    count = dict.fromkeys(_STYLES, 0)
    for verdict in found.verdicts:
        count[verdict.status] += 1
    blind = sum(not connection["observable"] for connection in found.connections)
    departs = f"{count['departs']} recommendations are, " if count["departs"] else ""
    line = (
        f"{count['pass']} invariants hold, {count['fail']} are broken, {departs}"
        f"{count['not_observable']} were not observable; {found.events} events in "
        f"{found.end_s:.1f} s, fingerprint {found.fingerprint[:16]}"
    )
    if found.broker == "any":
        line += "; what any broker may do is let pass (--broker mqttlab: only what ours may)"
    if blind:
        line += f"; {blind} of {len(found.connections)} connections were not plain MQTT"
    if not found.complete:
        line += "; the trace breaks off: what came later is not in it"
    return line
