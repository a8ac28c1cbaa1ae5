"""`mqttlab conformance`: the command line."""

from __future__ import annotations

import random
import shlex
from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import replace
from pathlib import Path

import click
from rich.console import Console

from mqttlab.conformance import coverage, document, impairments, results
from mqttlab.conformance.cases import VERSIONS, Case, load, statements
from mqttlab.conformance.clients import SHIPPED, clients
from mqttlab.conformance.profiles import profiled
from mqttlab.conformance.proofs import show as show_proofs
from mqttlab.conformance.prove import Proof, prove
from mqttlab.conformance.runner import Settings, attempt
from mqttlab.conformance.target import Target, serve
from mqttlab.errors import UsageError
from mqttlab.exits import OK

__all__ = ["main"]

_AT_ONCE_PROVING = 96  # most of them wait for what does not come
_PROGRAMS_AT_ONCE = 8  # drivers: each is a process, which should be on time


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
    "--client",
    metavar="live|sim|NAME|COMMAND",
    help="Judge a client: ours on real sockets or in virtual time, one with a driver of ours "
    f"({', '.join(name for name in SHIPPED if name != 'live')}), or what a driver of yours drives: "
    "'COMMAND {host} {port}'; `pydoc mqttlab.conformance.drivers` has its protocol.",
)
@click.option(
    "--impairment",
    "links",
    metavar="PROFILE",
    multiple=True,
    help="With sim: the link between cases and target, such as umts or umts,loss=2%; "
    "`mqttlab links` lists them. Several: the cases under each, in one table.",
)
@click.option(
    "--profile",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="TOML: what the target is called, its listeners and users; or how to start it.",
)
@click.option(
    "--version",
    "versions",
    type=click.Choice(list(VERSIONS)),
    multiple=True,
    help="Default: those of the profile, or all.",
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
@click.option(
    "--seeds",
    type=click.IntRange(1, 1000),
    default=1,
    show_default=True,
    help="With --impairment: under so many seeds, from --seed on, in one table.",
)
@click.option("--brief", is_flag=True, help="No wire logs of what passed, no captures.")
@click.option("--compare", is_flag=True, help="Merge conformance.json files into one report.")
@click.option(
    "--out",
    type=click.Path(file_okay=False, path_type=Path),
    metavar="DIR",
    help="Write report.html, conformance.json, junit.xml, summary.md, badge.svg, pcap/*.",
)
@click.argument("files", nargs=-1, type=click.Path(exists=True, dir_okay=False, path_type=Path))
def main(
    target: str,
    client: str | None,
    links: tuple[str, ...],
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
    seeds: int,
    brief: bool,
    compare: bool,
    out: Path | None,
    files: tuple[Path, ...],
) -> int:
    """Put a broker or a client to every normative statement of MQTT, one by one.

    Exit codes: 0 fine, 1 findings (a case failed, or ended in an error), 2 usage, 3 error,
    4 nothing could be judged, 130 interrupted (what there was is written, and valid).
    """
    _coherent()
    console = Console(width=None if Console().is_terminal else 120, highlight=False)
    if compare:
        return results.compare(files, out, console)
    if files:
        raise UsageError(f"{files[0]}: only --compare takes files")
    end, name = ("client", client) if client else ("server", target)
    cases = load(end)
    pairs = _chosen(cases, versions or profiled(profile).get("versions", ()), section, named)
    if sample and sample < len(pairs):
        pairs = random.Random(seed).sample(pairs, sample)
    if listing:
        coverage.show(pairs, console)
        return OK
    if name != "sim" and links:
        raise UsageError(f"--impairment {links[0]}: only sim has such links")
    if len(links) > 1 or (links and seeds > 1):
        if proving:
            raise UsageError("--prove: write one --impairment and one seed")
        return impairments.run(
            pairs, links, range(seed, seed + seeds), end=end, strict=strict,
            place=lambda link, one: _target(end, name, profile, one, (link,), None),
            command=lambda link, one: _command(end, name, profile, strict, one, (link,)),
            again=_command(end, name, profile, strict, seed, links, seeds), out=out,
            console=console,
        )  # fmt: skip
    with _target(end, name, profile, seed, links, None if proving else out) as served:
        settings = Settings(served.times, strict=strict)
        if name != "sim":
            settings = replace(settings, token=_run_token())
        if client and name != "sim":
            settings = replace(settings, at_once=_PROGRAMS_AT_ONCE)
        command = _command(end, name, profile, strict, seed, links)
        if proving:
            if not client:
                settings = replace(settings, at_once=_AT_ONCE_PROVING)
            words = " --prove --others" if others else " --prove"
            proofs: list[Proof] = []
            interrupted = False
            try:
                served.complete(prove(pairs, served, settings, others=others, into=proofs))
            except KeyboardInterrupt:
                interrupted = True
            return show_proofs(proofs, command + words, out, console, interrupted)
        ran = attempt(pairs, served, settings)
        captures = (
            results.captures(ran.outcomes, out, _capture(name, out)) if out and not brief else {}
        )
        found = document.build(
            served.name, end, ran.outcomes, command, strict, ran.took_s, logs=not brief,
            clock=served.times.clock, interrupted=ran.interrupted,
            captures=captures,
        )  # fmt: skip
    if out:
        results.write(out, found)
    results.show(found, ran.wall_s, out, console)
    return document.exit_code(found)


def _coherent() -> None:
    """Errors: UsageError for an option that nothing would come of."""
    context = click.get_current_context()
    names = {one.name: one.opts[0] for one in context.command.params}
    given = {
        name
        for name in context.params
        if context.get_parameter_source(name) is not click.core.ParameterSource.DEFAULT
    }
    if context.params["compare"]:
        for name in sorted(given - {"compare", "out", "files"}):
            raise UsageError(f"{names[name]} beside --compare: only --out goes with it")
    for name, needs in (("others", "proving"), ("seeds", "links")):
        if name in given and needs not in given:
            raise UsageError(f"{names[name]} without {names[needs]}: write both")
    if {"target", "client"} <= given:
        raise UsageError("--target beside --client: judge one or the other")
    for name in ("target", "client", "section"):
        if context.params[name] == "":
            raise UsageError(f"{names[name]} '': write what, or leave it out")


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
        and (not section or any(_within(key, section) for key in one.keys_in(level)))
    ]
    if not pairs:
        raise UsageError("--case, --section and --version leave no case; --list names them")
    return pairs


def _is(one: Case, name: str, level: int) -> bool:
    ids = one.ids(level)
    named = name in (one.name, one.name.partition(".")[0])
    return named or name in ids or name in one.keys_in(level)


def _within(key: str, section: str) -> bool:
    of = statements()[key].section
    return of == section or of.startswith(section.rstrip(".") + ".")


def _run_token() -> str:
    """Of this run, so that a broker that keeps what an earlier one left is no matter."""
    digits = "0123456789abcdefghijklmnopqrstuvwxyz"
    return "".join(random.SystemRandom().choice(digits) for _ in range(3))


def _target(
    end: str, name: str, profile: Path | None, seed: int, links: Sequence[str], out: Path | None
) -> AbstractContextManager[Target]:
    pcap = _capture(name, out)
    if end == "client":
        return clients(name, profile, seed, links[0] if links else None, pcap)
    if name != "sim":
        return serve(name, profile)
    from mqttlab.conformance.simulated import CLEAN, simulated  # it needs ns-3

    link = links[0] if links else CLEAN
    return simulated(seed, link, pcap, profile)


def _capture(name: str, out: Path | None) -> Path | None:
    """Of all cases."""
    if not out or name != "sim":
        return None
    path = results.folder(out) / "run.pcap"
    if path.is_dir():
        raise UsageError(f"--out {out}: run.pcap is a folder there; name another DIR")
    return path


def _command(
    end: str,
    name: str,
    profile: Path | None,
    strict: bool,
    seed: int,
    links: Sequence[str],
    seeds: int = 1,
) -> str:
    words = ["mqttlab", "conformance"]
    if end == "client":
        words += ["--client", name]
    elif name != "live" or not profile:
        words += ["--target", name]
    words += ["--profile", str(profile)] if profile else []
    words += ["--strict"] if strict else []
    words += [word for link in links for word in ("--impairment", link)]
    words += ["--seed", str(seed)] if name == "sim" else []
    words += ["--seeds", str(seeds)] if seeds > 1 else []
    return shlex.join(words)
