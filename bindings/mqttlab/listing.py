"""What `mqttlab list` and `mqttlab links` print."""

from __future__ import annotations

import inspect
from collections.abc import Mapping

from rich.console import Console
from rich.table import Table

from mqttlab import _core, catalog, link_radios
from mqttlab.energy import radios
from mqttlab.links import profiles as link_profiles
from mqttlab.parameters import Mark, Scenario, mark_of, parameters
from mqttlab.report.invariants import MEANING
from mqttlab.units import Duration

__all__ = ["claim_of", "invariants", "links", "scenario", "scenarios"]


def scenarios(console: Console) -> None:
    """The installed scenarios with their claims and parameters: by number, the others after."""
    found = [(name, catalog.load(name)) for name in catalog.installed()]
    found.sort(key=lambda one: (_mark(one[1]).number is None, _mark(one[1]).number, one[0]))
    for name, function in found:
        _title(console, name, function)
        _parameters(console, function)


def scenario(console: Console, name: str) -> None:
    """One of them, by what `catalog.load` takes, with all that its docstrings say, and its bugs."""
    function = catalog.load(name)
    _title(console, function.__name__, function)
    module = inspect.getmodule(function)
    about = inspect.cleandoc(function.__doc__ or "").partition("\n")[2].strip()
    for text in (inspect.cleandoc((module and module.__doc__) or ""), about):
        if text:
            console.print(f"\n{text}", markup=False, highlight=False)
    console.print()
    _parameters(console, function)
    if bugs := _mark(function).bugs:
        console.print("\nIt stands for:", *bugs, sep="\n  ", markup=False, highlight=False)


def invariants(console: Console) -> None:
    """What the oracle checks: how binding each is, what it is judged by, and on which rules."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in ("invariant", "strength", "needs"):
        table.add_column(column, no_wrap=True)
    table.add_column("what it promises")
    for name, _, strength, needs, statements in _core.invariant_table():
        table.add_row(name, strength, needs, MEANING[name])
        if statements:
            table.add_row("", "", "", statements, style="dim")
    console.print(table)


def _title(console: Console, name: str, function: Scenario) -> None:
    number = _mark(function).number
    text = f"{number}  " if number else ""
    console.print(f"{text}[bold]{name}[/]  {claim_of(function)}", highlight=False)


def _parameters(console: Console, function: Scenario) -> None:
    grid = Table.grid(padding=(0, 2))
    for parameter in parameters(function).values():
        default = "required" if parameter.required else _default(parameter.default)
        grid.add_row("", f"--set {parameter.name}=", parameter.kind.__name__, default)
    grid.add_row("", "--until", "Duration", str(_mark(function).until or "required"))
    console.print(grid)


def _mark(function: Scenario) -> Mark:
    return mark_of(function) or Mark("")


def claim_of(function: Scenario) -> str:
    """The first line of a scenario's docstring."""
    return (function.__doc__ or "").strip().partition("\n")[0]


def _default(value: object) -> str:
    if value is None:
        return "none"
    return _readable(value) if isinstance(value, Duration) else str(value)


def _readable(seconds: float) -> str:
    """As `--set` takes it, in the largest unit of which it is a whole number: "3d", "150ms"."""
    for unit, length in (("d", 86400), ("h", 3600), ("min", 60)):
        if seconds >= length and seconds % length == 0:
            return f"{seconds / length:g}{unit}"
    return f"{seconds:g}s" if seconds >= 1 or not seconds else f"{seconds * 1e3:g}ms"


def links(console: Console) -> None:
    """The named link profiles and where their numbers come from."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    texts = ("profile", "", "bursts", "comes and goes")
    for column in ("profile", "", "rate", "delay", "jitter", "loss", "queue", *texts[2:]):
        numeric = column not in texts
        table.add_column(column, justify="right" if numeric else "left", no_wrap=True)
    profiles = link_profiles()
    for name, profile in profiles.items():
        description = profile.link.describe()
        for label in ("up", "down"):
            row = (*_direction(description[label]), _cycle(description["cycle"]))
            table.add_row(name if label == "up" else "", label, *row)
    console.print(table)
    console.print()
    for name, profile in profiles.items():
        console.print(f"[bold]{name}[/]: {profile.source}", highlight=False)
    console.print()
    for name, model in link_radios.MODELS.items():
        console.print(f"radio=[bold]{name}[/]: {model}", highlight=False)
    console.print()
    for name, radio in radios().items():
        console.print(f"energy of [bold]{name}[/]: {radio.source}", highlight=False)
    without = ", ".join(name for name in profiles if name not in radios())
    console.print(f"energy of {without}: no model; `run --radio` gives one", highlight=False)


def _direction(direction: object) -> tuple[str, ...]:
    """One direction of a link, each value with its unit."""
    assert isinstance(direction, Mapping)
    burst = direction["burst"]
    return (
        f"{direction['rate_bps'] / 1e3:g} kbit/s" if direction["rate_bps"] else "unlimited",
        f"{direction['delay_s'] * 1e3:g} ms",
        f"{direction['jitter_s'] * 1e3:g} ms",
        f"{direction['loss'] * 100:g} %",
        f"{direction['queue_packets']} packets",
        f"{burst['good_to_bad'] * 100:g} % in, {burst['bad_to_good'] * 100:g} % out, "
        f"{burst['loss_bad'] * 100:g} % lost"
        if burst
        else "none",
    )


def _cycle(cycle: object) -> str:
    if not isinstance(cycle, Mapping):
        return "always up"
    return f"{cycle['up_s']:g} s up, {cycle['down_s']:g} s down"
