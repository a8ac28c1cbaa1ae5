"""What `mqttlab run` makes of --battery and --radio: which link has which model, and which none."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
from rich.console import Console

from mqttlab import energy
from mqttlab.errors import UsageError
from mqttlab.lab import Lab
from mqttlab.result import DeviceInfo, Result
from mqttlab.runner import beginning

__all__ = ["Models", "missing_told", "models_of", "tell"]


@dataclass(frozen=True)
class Models:
    """The names of the models that were asked for."""

    by_link: Mapping[str, str]
    others: str | None
    """Of all other links; None: that of the link's own name or profile."""

    def of(self, links: Mapping[str, Mapping[str, Any]]) -> dict[str, energy.Radio]:
        """The models of links (as in `Result.links`) that have one."""
        found = {
            name: energy.model_of(name, link["profile"], self.by_link.get(name, self.others))
            for name, link in links.items()
        }
        return {name: model for name, model in found.items() if model is not None}


def models_of(words: Sequence[str], battery_wh: float | None) -> Models | None:
    """--radio as models; None: nobody has asked for energy. Errors: UsageError."""
    if not words and battery_wh is None:
        return None
    given: dict[str, str] = {}
    for word in words:
        link, equals, name = word.rpartition("=")
        if equals and not link:
            raise UsageError(f"--radio {word!r}: write --radio NAME or --radio LINK=NAME")
        if name not in energy.radios():
            known = ", ".join(energy.radios())
            raise UsageError(f"--radio {word!r}: unknown radio {name!r}; known are {known}")
        if link in given:
            raise UsageError(f"--radio {word!r}: {link or 'all'} has one already; give it once")
        given[link] = name
    others = given.pop("", None)
    return Models(given, others)


@contextmanager
def missing_told(models: Models | None) -> Iterator[None]:
    """Says on stderr, when a run begins, which links it has made have no model."""

    def tell_of(lab: Lab) -> None:
        assert models is not None
        links = {name: link.describe() for name, link in lab.links_made.items()}
        for line in _missing(models, lab.device_infos(), links):
            click.echo(f"mqttlab: {line}", err=True)

    if models is None:
        yield
        return
    with beginning(tell_of):
        yield


def tell(
    result: Result, models: Models, battery_wh: float | None, directory: Path, console: Console
) -> None:
    """Writes and prints what the radios of a run took, and whose is not known."""
    known = models.of(result.links)
    rows: Sequence[energy.DeviceEnergy] = ()
    if any(device.link in known for device in result.devices):
        rows = result.energy(known, battery_wh)
        energy.show(rows, battery_wh, console)
    others = [device for device in result.devices if device.link not in known]
    energy.write(rows, directory / "energy.csv", others)
    for line in _missing(models, result.devices, result.links):
        console.print(f"energy: {line}", highlight=False, markup=False, soft_wrap=True)


def _missing(
    models: Models, devices: Sequence[DeviceInfo], links: Mapping[str, Mapping[str, Any]]
) -> Iterator[str]:
    """What is missing, in lines: models of links, and links of models."""
    known = models.of(links)
    counts = Counter(device.link for device in devices if device.link not in known)
    if counts:
        of = ", ".join(f"{link} ({n} device{'s' if n > 1 else ''})" for link, n in counts.items())
        names = ", ".join(energy.radios())
        yield f"no model for the radio of: {of}; --radio LINK=NAME gives one of {names}"
    for link, name in models.by_link.items():
        if link not in links:
            there = ", ".join(links) or "none"
            yield f"--radio {link}={name}: there is no link of this name; links are {there}"
