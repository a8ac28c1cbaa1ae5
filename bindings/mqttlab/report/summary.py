"""The last lines on a terminal: the verdict, what each level cost, where the report is."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from shlex import quote
from typing import Any

from rich.console import Console
from rich.table import Table

from mqttlab.figures import Analysis, figures
from mqttlab.report import capsule_beside
from mqttlab.report.headline import headline
from mqttlab.result import Expectation, FaultInfo, Result, Target

__all__ = ["against", "show"]

_MOST_FINDINGS = 10


def show(result: Result, page: Path, console: Console) -> None:
    """Prints the summary of a run whose report has been written to `page`."""
    found = figures(Analysis(result))
    verdict = headline(found)
    style = {"pass": "bold green", "fail": "bold red"}.get(verdict.status, "bold yellow")
    console.print(f"[{style}]{verdict.title}[/] {verdict.sentence}", highlight=False)
    for violation in result.violations[:_MOST_FINDINGS]:
        console.print(
            f"  {violation.at_s:10.3f} s  [bold]{violation.invariant}[/]  {violation.what}",
            highlight=False,
        )
    if len(result.violations) > _MOST_FINDINGS:
        console.print(f"  ... and {len(result.violations) - _MOST_FINDINGS} more in run.json")
    if result.expected:
        console.print(_expected(result.expected))
    for missing in result.not_applicable:
        console.print(f"[yellow]not applicable:[/] {missing.what}: {missing.why}", highlight=False)
    for observation in found["observations"]:
        console.print(f"[yellow]note:[/] {observation}", highlight=False)
    for words in _never(result.faults):
        console.print(f"[yellow]never happened:[/] {words}", highlight=False)
    for key in ("qos", "qos_clean_subscriber"):
        if found[key]:
            name = found["subscriber" if key == "qos" else "clean_subscriber"]
            session = "persistent" if key == "qos" else "clean"
            console.print(_levels(f"{name}, {session} session", found[key]))
    span = f"virtual {result.virtual_s:.0f} s in {result.wall_s:.1f} s"
    if result.target:
        span = f"live against {against(result.target)}, {result.virtual_s:.1f} s"
    if result.fingerprint:
        span += f", {len(result.events)} events, fingerprint {result.fingerprint[:16]}"
    console.print(span, highlight=False)
    if result.interrupted:
        why = "Trace full (--trace-limit)" if result.ending == "trace_full" else "Interrupted"
        console.print(f"{why}: results are partial, valid up to {result.virtual_s:.0f} s.")
    console.print(f"report: {page}", highlight=False, soft_wrap=True)
    if capsule := capsule_beside(page, result):
        console.print(
            f"again: mqttlab replay {quote(str(capsule))}", highlight=False, soft_wrap=True
        )


def _never(faults: Iterable[FaultInfo]) -> Iterator[str]:
    """The planned faults that did not happen, each in words, without those that follow one."""
    for info in faults:
        missing = ", ".join(f"no device {name!r}" for name in info.missing)
        if missing or not info.at:
            yield info.words + (f" ({missing})" if missing else "")
        if info.at and info.then is not None:
            yield from _never([info.then])


def against(target: Target) -> str:
    """A target in words."""
    version = target.version or "a broker that does not tell its version"
    return f"our own broker ({version})" if target.own else f"{target.url} ({version})"


def _expected(rows: tuple[Expectation, ...]) -> Table:
    """What the scenario itself has counted."""
    table = Table.grid(padding=(0, 2))
    for row in rows:
        style = "" if row.holds else "bold red"
        wanted = f"({row.wanted} expected)" if row.wanted else ""
        table.add_row(row.what, f"{row.found:.10g}", wanted, style=style)
    return table


def _levels(title: str, levels: dict[str, Any]) -> Table:
    columns = ("published", "accepted", "delivered", "duplicates", "lost")
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column(title, min_width=26)
    for column in (*columns, "bytes/message", "p50", "p99"):
        table.add_column(column, justify="right")
    for level, row in levels.items():
        latency = [row["latency_s"][name] for name in ("p50", "p99")]
        table.add_row(
            f"QoS {level}",
            *(str(row[column]) for column in columns),
            f"{row['wire_bytes_per_message']['total']:.0f}" if row["delivered"] else "-",
            *("-" if value is None else f"{value:.3f} s" for value in latency),
        )
    return table
