"""`mqttlab results`: the reference runs of a clone, and whether they still come out."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import click
from rich.console import Console
from rich.markup import escape

from mqttlab import machine, run_command
from mqttlab.errors import Error, UsageError
from mqttlab.exits import FINDINGS, OK
from mqttlab.results import checking, reference
from mqttlab.results.checking import Checked, Finding
from mqttlab.results.reference import Reference
from mqttlab.units import Duration

__all__ = ["main"]

_MOST_ROWS = 8  # of a file's differences that are shown


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.argument("names", metavar="[RUN...]", nargs=-1)
@click.option("--check", "mode", flag_value="check", help="Make runs again; compare every figure.")
@click.option("--update", "mode", flag_value="update",
              help="Make runs again, and keep what comes out now.")  # fmt: skip
@click.option("--record", "mode", flag_value="record",
              help="Take files as they are for what was made.")  # fmt: skip
@click.option("--within", metavar="TIME", default="5min", show_default=True,
              help="What takes longer is made again only if it is named.")  # fmt: skip
@click.option("--jobs", type=click.IntRange(1), help="Runs at a time; default: one per core.")
@click.option("--folder", type=click.Path(path_type=Path), default=Path("results"), metavar="DIR",
              show_default=True, help="Where they are.")  # fmt: skip
def main(
    names: tuple[str, ...],
    mode: str | None,
    within: str,
    jobs: int | None,
    folder: Path,
) -> int:
    """The reference runs in results/: what each shows, and the command that makes it.

    RUN: a folder below results/, or one with several. `pydoc mqttlab.results` has the format of
    their reference.toml, and the rule of comparison. Exit codes: 0 all as recorded, 1 findings.
    """
    every = reference.load(folder)
    runs = reference.chosen(every, names)
    limit_s = Duration(within, "--within")
    console = run_command.console()
    # What takes long, or what real sockets have left, is made again if it is named, not its folder.
    named = [one for one in runs if one.name in {name.rstrip("/") for name in names}]
    quick = [one for one in runs if one.takes_s <= limit_s or one in named]
    again = [one for one in quick if not one.recorded]
    if mode == "check":
        tops = [one.folder for one in runs] if names else [folder]
        strange = [
            f"{path}: no {reference.MANIFEST} says how it was made"
            for path in sorted({path for top in tops for path in reference.strangers(every, top)})
        ]
        if not names:
            strange += reference.unknown(every)
        return _check(runs, again, strange, jobs or os.cpu_count() or 1, console)
    if mode == "update":
        _update([one for one in runs if one in again or one in named], console)
    elif mode == "record":
        _record(runs, names, console)
    else:
        _list(runs, console)
    return OK


def _list(runs: Sequence[Reference], console: Console) -> None:
    for one in runs:
        again = f"not made again: {one.recorded}" if one.recorded else f"{one.takes_s:g} s"
        head = f"[bold]{escape(one.name)}[/]  {escape(one.shows)}  [dim]({escape(again)})[/]"
        console.print(head, highlight=False, soft_wrap=True)
        console.print(f"  {one.command}", markup=False, highlight=False, soft_wrap=True)


def _check(
    runs: Sequence[Reference],
    again: Sequence[Reference],
    strange: Sequence[str],
    jobs: int,
    console: Console,
) -> int:
    def told(one: Checked) -> None:
        _say(one, console)

    kept = [checking.check_kept(one) for one in runs if one not in again]
    for one in kept:
        if one.findings:
            _say(one, console)
    made = checking.make_again(again, jobs, told)
    for text in strange:
        console.print(f"[bold red]{escape(text)}[/]", highlight=False, soft_wrap=True)
    wrong = sum(bool(one.findings) for one in (*kept, *made))
    files = sum(len(one.run.files) for one in (*kept, *made))
    console.print(
        f"{len(made)} runs made again, {len(kept)} held against what was recorded, {files} files: "
        + (f"runs that differ: {wrong}" if wrong else "none differs"),
        highlight=False,
    )
    return FINDINGS if wrong or strange else OK


def _say(one: Checked, console: Console) -> None:
    """A line for a run that is as it was; else its files, their rows, and its command."""
    if not one.findings:
        console.print(f"{one.run.name}: made again in {one.took_s:.1f} s, equal", highlight=False)
        return
    for finding in one.findings:
        _tell(finding, console, "comes out" if one.took_s is not None else "was recorded")
    if one.took_s is not None and (others := _other_versions(one.run)):
        console.print(f"  {escape(others)}", highlight=False, soft_wrap=True)
    # Only who looks at a picture can say that it shows what there is.
    pictures = {one.run.folder / name for name in one.run.pictures}
    by_hand = one.took_s is None or all(finding.path in pictures for finding in one.findings)
    for words in (
        f"made by: {one.run.command}",
        f"if it is meant: mqttlab results --{'record' if by_hand else 'update'} {one.run.name}",
    ):
        console.print(f"  {escape(words)}", highlight=False, soft_wrap=True)


def _other_versions(run: Reference) -> str:
    """ "recorded with ns3 3.37; here 3.38": why a run may come out otherwise, or ""."""
    then, now = run.made.get("versions", {}), machine.simulator_versions()
    found = [name for name in now if name in then and then[name] != now[name]]
    was, here = (", ".join(f"{name} {each[name]}" for name in found) for each in (then, now))
    return f"recorded with {was}; here {here}" if found else ""


def _tell(finding: Finding, console: Console, second: str) -> None:
    console.print(
        f"[bold red]{escape(str(finding.path))}: {escape(finding.what)}[/]",
        highlight=False, soft_wrap=True,
    )  # fmt: skip
    for row in finding.differences[:_MOST_ROWS]:
        text = f"  {row.place}: {row.first} is there, {row.second} {second}"
        console.print(escape(text), highlight=False, soft_wrap=True)
    if len(finding.differences) > _MOST_ROWS:
        console.print(f"  ... and {len(finding.differences) - _MOST_ROWS} more", highlight=False)


def _update(runs: Sequence[Reference], console: Console) -> None:
    failed = []
    for one in runs:
        try:
            changed = checking.update(one)
        except RuntimeError as error:
            failed.append(f"{one.name}: {error}")
            continue
        what = ", ".join(str(path) for path in changed) or "nothing has changed"
        console.print(f"{one.name}: {what}", markup=False, highlight=False, soft_wrap=True)
    if failed:
        raise Error(f"results: {'; '.join(failed)}")


def _record(runs: Sequence[Reference], names: Sequence[str], console: Console) -> None:
    if not names:
        raise UsageError("results --record: name the runs whose files are as they were made")
    for one in runs:
        what = "recorded" if reference.record(one) else "as it was"
        console.print(f"{one.name}: {what}", markup=False, highlight=False)
