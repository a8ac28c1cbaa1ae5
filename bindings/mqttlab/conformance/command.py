"""`mqttlab conformance`: the command line."""

from __future__ import annotations

import json
import random
import shlex
import time
from collections import Counter
from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import replace
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.table import Table

from mqttlab.conformance import document, exports, page
from mqttlab.conformance.cases import VERSIONS, Case, load, statements
from mqttlab.conformance.prove import Proof, prove
from mqttlab.conformance.runner import Settings, run
from mqttlab.conformance.target import Target, serve
from mqttlab.conformance.verdicts import Verdict
from mqttlab.errors import UsageError

__all__ = ["main"]

_FINDINGS = 1
_AT_ONCE_PROVING = 96  # most of them wait for what does not come
_MOST_OTHERS = 5  # cases that may turn red together; more ask for another sabotage


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option(
    "--target",
    default="live",
    show_default=True,
    metavar="live|sim|HOST:PORT|URL",
    help="Our broker, started for the run; in virtual time, it or one in asyncio that the profile "
    "names; or one at an address: tcp://, tls://, ws:// and wss:// with a path.",
)
@click.option(
    "--impairment",
    metavar="PROFILE",
    help="With --target sim: the link between cases and broker, such as umts or umts,loss=2%; "
    "`mqttlab links` lists them.",
)
@click.option(
    "--profile",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="TOML: what the target is called, its listeners and users; or how to start it.",
)
@click.option(
    "--version", "versions", type=click.Choice(list(VERSIONS)), multiple=True, help="Default: all."
)
@click.option("--section", metavar="3.1", help="Statements of this section of the standard only.")
@click.option(
    "--case",
    "named",
    metavar="ID|NAME",
    multiple=True,
    help="Cases of this name, file or statement only; may be repeated.",
)
@click.option("--strict", is_flag=True, help="What the standard only recommends is demanded.")
@click.option("--list", "listing", is_flag=True, help="Name cases and coverage; run nothing.")
@click.option(
    "--prove",
    "proving",
    is_flag=True,
    help="Run each case against its sabotage, too: it must turn red.",
)
@click.option("--others", is_flag=True, help="With --prove: which other cases turn red as well.")
@click.option("--sample", type=click.IntRange(1), help="That many cases, drawn by --seed.")
@click.option(
    "--seed",
    type=click.IntRange(0, 2**63 - 1),
    default=1,
    show_default=True,
    help="Of --sample, and of --target sim: it decides everything there.",
)
@click.option("--brief", is_flag=True, help="No wire logs of what passed in the report.")
@click.option("--compare", is_flag=True, help="Merge conformance.json files into one report.")
@click.option(
    "--out",
    type=click.Path(file_okay=False, path_type=Path),
    metavar="DIR",
    help="Write report.html, conformance.json, junit.xml, summary.md and badge.svg.",
)
@click.argument("files", nargs=-1, type=click.Path(exists=True, dir_okay=False, path_type=Path))
def main(
    target: str,
    impairment: str | None,
    profile: Path | None,
    versions: tuple[str, ...],
    section: str | None,
    named: tuple[str, ...],
    strict: bool,
    listing: bool,
    proving: bool,
    others: bool,
    sample: int | None,
    seed: int,
    brief: bool,
    compare: bool,
    out: Path | None,
    files: tuple[Path, ...],
) -> int:
    """Put a broker to every normative statement of MQTT, one by one.

    Exit codes: 0 fine, 1 findings (a case failed, or ended in an error), 2 usage, 3 error.
    """
    console = Console(width=None if Console().is_terminal else 120, highlight=False)
    if compare:
        return _compare(files, out, console)
    if files:
        raise UsageError(f"{files[0]}: only --compare takes files")
    cases = load()
    pairs = _chosen(cases, versions, section, named)
    if sample and sample < len(pairs):
        pairs = random.Random(seed).sample(pairs, sample)
    if listing:
        return _list(cases, pairs, console)
    if target != "sim" and impairment:
        raise UsageError(f"--impairment {impairment}: only --target sim has such links")
    with _target(target, profile, seed, impairment, out) as served:
        token = "sim" if target == "sim" else _run_token()
        settings = Settings(served.times, strict=strict, token=token)
        command = _command(target, profile, strict, seed, impairment)
        if proving:
            return _prove(
                pairs, served, replace(settings, at_once=_AT_ONCE_PROVING), others, out, console
            )
        began = time.monotonic()
        outcomes = served.complete(run(pairs, served, settings))
        wall_s = time.monotonic() - began
        found = document.build(
            served.name, "server", outcomes, command, strict, wall_s, logs=not brief
        )
    if out:
        _write(out, found)
    return _show(found, out, console)


def _chosen(
    cases: Sequence[Case], versions: Sequence[str], section: str | None, named: Sequence[str]
) -> list[tuple[Case, int]]:
    levels = [VERSIONS[version] for version in versions or VERSIONS]
    pairs = [
        (one, level)
        for one in cases
        for level in levels
        if level in one.versions
        and (not named or any(_is(one, name, level) for name in named))
        and (not section or any(_within(key, section) for key in _keys(one, level)))
    ]
    if not pairs:
        raise UsageError("--case, --section and --version leave no case; --list names them")
    return pairs


def _is(one: Case, name: str, level: int) -> bool:
    ids = one.ids(level)
    mark = "5" if level == VERSIONS["5.0"] else "3"
    named = name in (one.name, one.name.partition(".")[0])
    return named or name in ids or name in [f"{mark}:{id}" for id in ids]


def _keys(one: Case, level: int) -> list[str]:
    mark = "5" if level == VERSIONS["5.0"] else "3"
    return [f"{mark}:{id}" for id in one.ids(level)]


def _within(key: str, section: str) -> bool:
    of = statements()[key].section
    return of == section or of.startswith(section.rstrip(".") + ".")


def _run_token() -> str:
    """Of this run, so that a broker that keeps what an earlier one left is no matter."""
    digits = "0123456789abcdefghijklmnopqrstuvwxyz"
    return "".join(random.SystemRandom().choice(digits) for _ in range(3))


def _target(
    name: str, profile: Path | None, seed: int, impairment: str | None, out: Path | None
) -> AbstractContextManager[Target]:
    if name != "sim":
        return serve(name, profile)
    from mqttlab.conformance.simulated import CLEAN, simulated  # it needs ns-3

    return simulated(seed, impairment or CLEAN, out and _folder(out) / "run.pcap", profile)


def _command(
    target: str, profile: Path | None, strict: bool, seed: int, impairment: str | None
) -> str:
    words = ["mqttlab", "conformance"]
    words += ["--target", target] if target != "live" or not profile else []
    words += ["--profile", str(profile)] if profile else []
    words += ["--strict"] if strict else []
    words += ["--impairment", impairment] if impairment else []
    words += ["--seed", str(seed)] if target == "sim" else []
    return shlex.join(words)


def _list(cases: Sequence[Case], pairs: Sequence[tuple[Case, int]], console: Console) -> int:
    wanted = {one.name for one, _ in pairs}
    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in ("case", "statements", "what"):
        table.add_column(column)
    for one in cases:
        if one.name in wanted:
            table.add_row(one.name, " ".join(one.keys), (one.run.__doc__ or one.why).strip())
    console.print(table)
    for version, (exercised, seen, missing) in document.coverage(cases, "server").items():
        listed = sum(row.version == version for row in statements().values())
        console.print(
            f"{version}: {listed} statements, {seen} can be seen at a server, {exercised} of "
            f"these have cases{''.join(f'; not: {row.key}' for row in missing)}"
        )
    return 0


def _show(found: dict[str, Any], out: Path | None, console: Console) -> int:
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
    findings = 0
    for one in found["cases"]:
        finding = one["verdict"] in (Verdict.FAIL, Verdict.ERROR)
        findings += finding
        if finding or one["verdict"] == Verdict.NOT_TESTED:
            keys = " ".join(one["statements"])
            console.print(
                f"{one['verdict']}: {one['name']} ({keys}): {one['observed']}", markup=False
            )
    rate = sum(c["exercised"] for c in found["versions"].values()) / max(found["wall_s"], 0.001)
    console.print(
        f"{found['wall_s']:.1f} s, {rate:.0f} statements a second"
        + (f"; {out / 'report.html'}" if out else "")
    )
    return _FINDINGS if findings else 0


def _prove(
    pairs: Sequence[tuple[Case, int]],
    served: Any,
    settings: Settings,
    others: bool,
    out: Path | None,
    console: Console,
) -> int:
    proofs = served.complete(prove(pairs, served, settings, others=others))
    tried = [one for one in proofs if one.after]
    green = [one for one in proofs if one.green]
    red = len(tried) - len(green)
    console.print(f"{red} of {len(tried)} cases turned red under their sabotage")
    for one in green:
        why = "it found nothing to change" if not one.changed else f"{one.after}: {one.observed}"
        console.print(f"green: {one.case.name} ({one.version}): {why}", markup=False)
    for one in proofs:
        if len(one.others) > _MOST_OTHERS:
            named = ", ".join(one.others[:_MOST_OTHERS])
            console.print(
                f"{one.case.name} ({one.version}): {len(one.others)} others turn red, "
                f"such as {named}",
                markup=False,
            )
    for verdict, count in Counter(p.before for p in proofs if p not in tried).items():
        console.print(f"nothing to prove: {count} {verdict}")
    if out:
        _write_file(out, "proof.json", json.dumps([_proof(one) for one in proofs], indent=1) + "\n")
    return _FINDINGS if green else 0


def _proof(one: Proof) -> dict[str, Any]:
    return {
        "case": one.case.name,
        "version": one.version,
        "sabotage": one.case.sabotage.text,
        "before": one.before,
        "after": one.after,
        "observed": one.observed,
        "changed": one.changed,
        "others": one.others,
    }


def _compare(files: Sequence[Path], out: Path | None, console: Console) -> int:
    if len(files) < 2 or not out:
        raise UsageError("--compare: name two conformance.json or more, and --out DIR")
    documents = [_read(path) for path in files]
    _write_file(out, "report.html", page.render(documents))
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
    if not isinstance(found, dict) or found.get("format") != document.FORMAT:
        raise UsageError(f"{path}: no conformance.json of format {document.FORMAT}; run it again")
    return found


def _write(out: Path, found: dict[str, Any]) -> None:
    text = json.dumps(found, indent=1, ensure_ascii=False) + "\n"
    _write_file(out, "conformance.json", text)
    _write_file(out, "report.html", page.render([found]))
    _write_file(out, "junit.xml", exports.junit(found))
    _write_file(out, "summary.md", exports.markdown(found))
    _write_file(out, "badge.svg", exports.badge(found))


def _folder(out: Path) -> Path:
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(f"--out {out}: {error.strerror}; name another DIR") from None
    return out


def _write_file(out: Path, name: str, text: str) -> None:
    try:
        (_folder(out) / name).write_text(text, "utf-8")
    except OSError as error:
        raise UsageError(
            f"--out {out}: cannot write {name}: {error.strerror}; name another DIR"
        ) from None
