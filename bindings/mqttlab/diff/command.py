"""`mqttlab diff`: its options, and what it says."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from mqttlab import run_command
from mqttlab.diff.changes import Change, Changes, changes
from mqttlab.diff.events import FirstEvent, first_event
from mqttlab.diff.sides import Side
from mqttlab.errors import Error, UsageError
from mqttlab.exits import FINDINGS, OK

__all__ = ["main"]

_MOST = 25  # rows of a table; --json has all
_LOOKED_FOR = ("published", "accepted", "delivered", "duplicates", "lost", "total", "p50", "p99",
               "bytes", "delivered_p50_s", "delivered_p99_s", "pass", "fail")  # fmt: skip
_QUICK_S = 60.0  # what each run took: made again without being asked
_CHARACTERS = 70  # of a value that is no number


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.argument("a", metavar="RUN_A", type=click.Path(path_type=Path))
@click.argument("b", metavar="RUN_B", type=click.Path(path_type=Path))
@click.option("--again/--no-again", default=None,
              help="Make runs that left no trace again, for the first event that differs; "
              "default: if each is known to have taken less than a minute.")  # fmt: skip
@click.option("--json", "as_json", is_flag=True, help="All of it as one object of JSON.")
def main(a: Path, b: Path, again: bool | None, as_json: bool) -> int:
    """Say what changed between two runs: verdicts, figures, the first event that differs.

    RUN: a folder of `mqttlab run`, `overhead` or `conformance`, or a file: run.json,
    overhead.json or .csv, keep_alive.csv, conformance.json, impairments.json, a capsule, a trace
    (.ndjson). Means over equal seeds are compared seed by seed if both are of overhead.json. Exit
    codes: 0 equal, 1 they differ, 2 usage.
    """
    one, other = Side.read(a), Side.read(b)
    one, other = one.like(other), other.like(one)
    if one.kind != other.kind:
        raise UsageError(
            f"diff: {str(a)!r} is of kind {one.kind}, {str(b)!r} of kind {other.kind}; give two "
            "of a kind"
        )
    found = changes(one.kind, one.data, other.data)
    event, why = None, ""
    if _have_events(one, other):
        try:
            event = first_event(one, other, make=_made(one, other) if again is None else again)
        except Error as error:
            why = str(error)
    is_equal = not found and event is None
    if as_json:
        click.echo(json.dumps(_document((one, other), found, event, why, is_equal), indent=1))
    else:
        _show((one, other), found, event, why, is_equal, run_command.console())
    return OK if is_equal else FINDINGS


def _have_events(one: Side, other: Side) -> bool:
    if one.kind == "trace" or (one.trace and other.trace):
        return True
    same = one.data.get("fingerprint") == other.data.get("fingerprint")
    return one.kind in ("run", "capsule") and not same


def _made(one: Side, other: Side) -> bool:
    """A capsule does not say what its run took."""
    return all(side.data.get("wall_s", _QUICK_S) < _QUICK_S for side in (one, other))


def _document(
    sides: Sequence[Side], found: Changes, event: FirstEvent | None, why: str, is_equal: bool
) -> dict[str, Any]:
    return {
        **{
            letter: {"path": str(side.path), "kind": side.kind, "name": side.name}
            for letter, side in zip("ab", sides, strict=True)
        },
        "equal": is_equal,
        **{name: [one.to_data() for one in each] for name, each in vars(found).items()},
        "first_event": event.to_data() if event else None,
        "no_event": why,
    }


def _show(
    sides: Sequence[Side],
    found: Changes,
    event: FirstEvent | None,
    why: str,
    is_equal: bool,
    console: Console,
) -> None:
    for letter, side in zip("AB", sides, strict=True):
        text = f"[bold]{letter}[/]  {escape(str(side.path))}: {escape(side.name)}"
        console.print(text, highlight=False, soft_wrap=True)
    kind = sides[0].kind
    _rows("made by", found.versions, console)
    _rows("what was run", [one for one in found.about if one.place != "fingerprint"], console)
    _rows("verdicts", found.verdicts, console)
    shown = sorted((one for one in found.figures if one.is_shown), key=_rank)
    _rows(_figures_title(kind), shown, console, measured=True)
    if hidden := len(found.figures) - len(shown):
        console.print(
            f"\n{hidden} figures: no difference that the seeds can show (its 95 % interval has 0)",
            highlight=False,
        )
    if tested := sum(bool(one.ci95) for one in found.figures):
        pairs = sum(bool(one.paired) for one in found.figures)
        console.print(
            f"{tested} differences of means tested, {pairs} of them seed by seed, each at 5 %: if "
            f"none is there in truth, {tested / 20:.2g} are told by chance",
            highlight=False,
        )
    _rows("besides", found.others, console)
    if event:
        _tell(event, console)
    elif why:
        console.print(f"\nfirst event that differs: {escape(why)}", highlight=False, soft_wrap=True)
    style = "bold green" if is_equal else "bold yellow"
    console.print(f"\n[{style}]{'equal' if is_equal else 'they differ'}[/]")


def _rank(one: Change) -> bool:
    """What a reader looks for first comes first; else in the document's order."""
    names = one.place.split(".")
    return not (names[-1] in _LOOKED_FOR and names[0].startswith(("qos", "versions", "rows")))


def _figures_title(kind: str) -> str:
    if kind in ("run", "capsule"):
        return "figures (of one seed each: what another would give is not known)"
    return "figures" + (" (means over seeds ± 95 % interval)" if kind == "overhead" else "")


def _rows(title: str, every: Sequence[Change], console: Console, *, measured: bool = False) -> None:
    if not every:
        return
    table = Table(box=None, pad_edge=False, header_style="bold", title_justify="left")
    for column in (title, "A", "B", *(["change"] if measured else [])):
        table.add_column(column, justify="right" if table.columns else "left", overflow="fold")
    for one in every[:_MOST]:
        values = [one.place, _shown(one.a, one.a_ci95), _shown(one.b, one.b_ci95)]
        table.add_row(*map(escape, values + ([_by_how_much(one)] if measured else [])))
    console.print()
    console.print(table, highlight=False)
    if len(every) > _MOST:
        console.print(f"... and {len(every) - _MOST} more; --json has all", highlight=False)


def _shown(value: Any, half_width: float | None) -> str:
    if value is None:
        return "none"
    if isinstance(value, float):
        return f"{value:.6g}" + (f" ± {half_width:.2g}" if half_width else "")
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return text if len(text) <= _CHARACTERS else text[:_CHARACTERS] + "..."


def _by_how_much(one: Change) -> str:
    numbers: Iterable[Any] = (one.a, one.b)
    if any(isinstance(n, bool) or not isinstance(n, int | float) for n in numbers) or not one.a:
        return ""
    width = f" ± {abs(one.ci95 / one.a) * 100:.2g}" if one.ci95 else ""
    return f"{(one.b / one.a - 1) * 100:+.3g}{width} %"


def _tell(event: FirstEvent, console: Console) -> None:
    console.print(f"\n[bold]first event that differs[/], after {event.equal:,} equal ones")
    for letter, words in (("=", event.last), ("A", event.a), ("B", event.b)):
        if words or letter != "=":
            text = f"  {letter}  {escape(words or 'has ended')}"
            console.print(text, highlight=False, soft_wrap=True)
