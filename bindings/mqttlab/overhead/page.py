"""overhead.html: one page that answers at a glance what QoS, loss and TLS cost on a link."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import resources
from typing import Any

from jinja2 import Environment, StrictUndefined
from markupsafe import Markup

from mqttlab.overhead.cell import LAYERS, LEVELS, Cell
from mqttlab.overhead.charts import by_loss
from mqttlab.overhead.estimate import Estimate
from mqttlab.overhead.study import Figures, Study
from mqttlab.overhead.tables import loss_words
from mqttlab.report.charts import bytes_chart, layers_of

__all__ = ["render"]

_HURTS = 2.0  # times the delivery time without loss: what a user of the link notices
_BARS = "Bytes on the wire per delivered message, by layer"


@dataclass(frozen=True)
class _Row:
    """Some cell's three levels."""

    cell: Cell
    levels: Mapping[int, Mapping[str, Estimate]]

    def bar(self, qos: int, name: str) -> tuple[str, Mapping[str, float]]:
        """For `bytes_chart`; what keeps a session is not part of a message."""
        figures = self.levels[qos]
        layers = {layer: figures[layer].mean for layer in LAYERS}
        return name, {**layers, "mqtt_session": 0, "total": figures["bytes"].mean}


def render(study: Study, about: Mapping[str, Any]) -> str:
    """The page as HTML; `about` has the command and the versions."""
    rows = _rows(study.figures())
    base = study.cells[0]
    measured = rows.get(base)
    environment = Environment(
        autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters.update(estimate=_estimate, time=_time)
    template = environment.from_string(_file("mqttlab.overhead", "overhead.html.j2"))
    bars = [measured.bar(qos, f"QoS {qos}") for qos in LEVELS] if measured else []
    return template.render(
        style=Markup(_file("mqttlab.report", "style.css")),
        about=about,
        base=base,
        base_levels=measured.levels if measured else {},
        seeds=study.seeds,
        open=len(study.open),
        headline=_headline(measured),
        bars=bytes_chart(bars, _BARS) if bars else None,
        layers=layers_of(bars),
        losses=[_losses(rows, base, bursts=False), _losses(rows, base, bursts=True)],
        carriers=_carriers(rows, base),
        links=[row for row in rows.values() if _only(row.cell, base, "link")],
        failed=[one for one in study.measured.values() if one.error],
        loss_words=loss_words,
        qos_levels=LEVELS,
    )


def _file(package: str, name: str) -> str:
    return resources.files(package).joinpath(name).read_text("utf-8")


def _rows(figures: Sequence[Figures]) -> dict[Cell, _Row]:
    levels: dict[Cell, dict[int, Mapping[str, Estimate]]] = {}
    for one in figures:
        levels.setdefault(one.cell, {})[one.qos] = one.values
    return {cell: _Row(cell, of) for cell, of in levels.items()}


def _only(cell: Cell, base: Cell, *names: str) -> bool:
    """Whether a cell differs from the base in nothing but these."""
    mine, theirs = cell.describe(), base.describe()
    return all(mine[name] == theirs[name] for name in mine if name not in names)


def _headline(base: _Row | None) -> str:
    if base is None:
        return "Nothing has been measured yet"
    dear, cheap = base.levels[2]["bytes"].mean, base.levels[0]["bytes"].mean
    return (
        f"QoS 2 costs {dear / cheap:.1f} times the bytes of QoS 0: "
        f"{dear:.0f} instead of {cheap:.0f} per message"
    )


def _losses(rows: Mapping[Cell, _Row], base: Cell, *, bursts: bool) -> dict[str, Any]:
    """What loss does, independent or in bursts."""
    chosen = sorted(
        (
            row
            for row in rows.values()
            if _only(row.cell, base, "loss", "burst")
            and (row.cell.loss == 0 or bool(row.cell.burst) == bursts)
        ),
        key=lambda row: row.cell.loss,
    )
    name = "in bursts" if bursts else "independent"

    def points(figure: str, scale: float = 1) -> dict[int, list[tuple[float, Estimate]]]:
        return {
            qos: [(row.cell.loss, _scaled(row.levels[qos][figure], scale)) for row in chosen]
            for qos in LEVELS
        }

    return {
        "name": name,
        "times": by_loss(
            points("delivered_p99_s", 1e3), "ms", f"Delivery, 99th percentile, {name}", log=True
        ),
        "bytes": by_loss(points("bytes"), "B", f"Bytes per delivered message, {name}"),
        "sentence": _hurts(chosen),
    }


def _scaled(one: Estimate, scale: float) -> Estimate:
    return Estimate(one.mean * scale, one.half_width * scale, one.runs)


def _hurts(chosen: Sequence[_Row]) -> str:
    """From which loss on the slowest hundredth takes much longer than without."""
    if len(chosen) < 2:
        return "No loss was measured."
    words = []
    for qos in LEVELS:
        clean = chosen[0].levels[qos]["delivered_p99_s"].mean
        over = (
            row.cell.loss
            for row in chosen[1:]
            if row.levels[qos]["delivered_p99_s"].mean > _HURTS * clean
        )
        first = next(over, None)
        where = "at no loss measured" if first is None else f"from {first * 100:g} %"
        words.append(f"QoS {qos} {where}")
    return f"The slowest hundredth takes more than twice as long: {', '.join(words)}."


def _carriers(rows: Mapping[Cell, _Row], base: Cell) -> list[dict[str, Any]]:
    """Transports, on a long session and with a connection per message."""
    found = []
    for session, title in (("long", "long session"), ("per-message", "connection per message")):
        chosen = [
            row
            for row in rows.values()
            if row.cell.session == session and _only(row.cell, base, "transport", "session")
        ]
        bars = [row.bar(1, row.cell.transport) for row in chosen]
        if bars:
            found.append(
                {
                    "title": f"QoS 1, {title}",
                    "bars": bytes_chart(bars, f"{_BARS}, {title}"),
                    "layers": layers_of(bars),
                    "setup": {row.cell.transport: row.levels[1]["setup_bytes"] for row in chosen},
                }
            )
    return found


def _estimate(one: Estimate, unit: str = "", scale: float = 1.0) -> str:
    if math.isnan(one.mean):
        return "none"
    width = one.half_width * scale
    spread = f" ± {width:.2g}" if width > 0 else ""
    return f"{one.mean * scale:.4g}{spread}{unit and ' ' + unit}"


def _time(one: Estimate) -> str:
    return _estimate(one, "ms", 1e3) if one.mean < 1 else _estimate(one, "s")
