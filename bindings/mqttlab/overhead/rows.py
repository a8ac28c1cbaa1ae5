"""The study's figures as its page looks them up: by cell, beside its base, in words."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from copy import copy
from dataclasses import dataclass, fields, replace

from mqttlab.overhead.cell import LAYERS, Cell
from mqttlab.overhead.estimate import AGREED, Estimate
from mqttlab.overhead.figures import KeepAlive
from mqttlab.overhead.study import Study

_NO_BREAK = "\u00a0"
_CELL = tuple(one.name for one in fields(Cell))

__all__ = ["Row", "Rows", "amount", "below", "share", "time"]


@dataclass(frozen=True)
class Row:
    """Some cell's three levels."""

    cell: Cell
    levels: Mapping[int, Mapping[str, Estimate]]

    def bar(self, qos: int, name: str) -> tuple[str, Mapping[str, float]]:
        """For `bytes_chart`; what keeps a session is not part of a message."""
        figures = self.levels[qos]
        layers = {layer: figures[layer].mean for layer in LAYERS}
        total = figures["bytes"]
        spread = total.half_width if total.half_width > 0 else 0.0
        return name, {**layers, "mqtt_session": 0, "total": total.mean, "spread": spread}


class Rows:
    """What has been measured, in the study's order, seen from a base: the study's first cell."""

    def __init__(self, study: Study) -> None:
        self.study = study
        self.base_cell: Cell = next(one for one in study.cells if isinstance(one, Cell))
        levels: dict[Cell, dict[int, Mapping[str, Estimate]]] = {}
        for one in study.levels():
            levels.setdefault(one.cell, {})[one.qos] = one.values
        self.by_cell = {cell: Row(cell, of) for cell, of in levels.items()}
        self._keep_alives = study.keep_alives()

    def paths(self) -> list[Rows]:
        """The same seen from the base on each link and round-trip time."""
        known = dict.fromkeys((cell.link, cell.rtt_ms) for cell in self.by_cell)
        found = []
        for link, rtt_ms in known:
            other = copy(self)
            other.base_cell = replace(self.base_cell, link=link, rtt_ms=rtt_ms)
            found.append(other)
        return found

    @property
    def base(self) -> Row | None:
        """None: it has not been measured yet."""
        return self.by_cell.get(self.base_cell)

    def beside(self, *names: str) -> list[Row]:
        """Those that differ from the base in nothing but these, itself included."""
        return [row for cell, row in self.by_cell.items() if self._is_beside(cell, names)]

    def _is_beside(self, cell: Cell, names: Iterable[str]) -> bool:
        return all(
            getattr(cell, name) == getattr(self.base_cell, name)
            for name in _CELL
            if name not in names
        )

    def by_loss(self, *, bursts: bool) -> list[Row]:
        """Independent or in bursts, beside none, in order."""
        rows = self.beside("loss", "burst")
        chosen = [row for row in rows if row.cell.loss == 0 or bool(row.cell.burst) == bursts]
        return sorted(chosen, key=lambda row: row.cell.loss)

    @property
    def keep_alives(self) -> dict[float, list[KeepAlive]]:
        """Of the base's link, by the NAT's timeout in s; the study's first timeout is first."""
        base, found = self.base_cell, dict[float, list[KeepAlive]]()
        for one in self._keep_alives:
            if (one.cell.link, one.cell.rtt_ms) == (base.link, base.rtt_ms):
                found.setdefault(one.cell.nat_s, []).append(one)
        return found


def amount(one: Estimate, unit: str = "", scale: float = 1.0) -> str:
    """ "285 ± 3 B"; with both ends where the interval is uneven or would reach below 0; "none" if
    nothing was measured."""
    if math.isnan(one.mean):
        return "none"
    one = one.scaled(scale)
    mean, width = one.mean, one.half_width
    # An interval below the digits that are worth reading says nothing.
    exact = not width > abs(mean) * 2e-3
    # Its first digit, or two if that is 1, and the mean to the same place.
    leading = _digits(abs(mean), 3) if exact else _digits(width, 2 if _first(width) == 1 else 1)
    text, low, high = (f"{value:,.{leading}f}" for value in (mean, one.low, one.high))
    if exact:
        text = f"{text} {unit}".rstrip()
        if math.isnan(width):
            text += " (one seed)" if one.runs == 1 else f" ({AGREED})"
    elif one.interval or width > mean:  # "2.7 s (0 to 7.6 s)"
        text = f"{text} {unit}".rstrip() + f" ({low} to {high} {unit}".rstrip() + ")"
    else:
        text = f"{text} ± {width:,.{leading}f} {unit}".rstrip()
    return text.replace(" ", _NO_BREAK)


def _digits(value: float, significant: int) -> int:
    """Behind the point, for so many significant ones; whole numbers are shown whole."""
    if value == 0 or value == round(value):
        return 0
    return max(significant - 1 - math.floor(math.log10(value)), 0)


def _first(value: float) -> int:
    return int(value / 10 ** math.floor(math.log10(value)))


def time(one: Estimate) -> str:
    """In ms or s."""
    return amount(one, "ms", 1e3) if one.mean < 1 else amount(one, "s")


def share(one: Estimate) -> str:
    """ "27 % (23 to 31 %)", or "none of 500 (below 0.8 %)"."""
    if one.mean == 0 and one.trials:
        return f"none of {one.trials:,} ({below(one)})".replace(" ", _NO_BREAK)
    return amount(one, "%", 100)


def below(one: Estimate) -> str:
    """Of a share: "below 0.8 %", rounded up to two digits."""
    percent = 100 * one.high
    place = 10.0 ** (math.floor(math.log10(percent)) - 1)
    return f"below {math.ceil(percent / place) * place:.2g} %"
