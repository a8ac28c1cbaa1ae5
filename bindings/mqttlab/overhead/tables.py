"""The study as CSV, JSON and Markdown: one row per cell and QoS level, each figure with its 95 %
interval."""

from __future__ import annotations

import csv
import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from mqttlab.overhead.cell import LAYERS
from mqttlab.overhead.estimate import Estimate
from mqttlab.overhead.study import Figures, Study

__all__ = ["FIGURES", "loss_words", "write"]

_CELL = (
    "link", "delay_ms", "loss", "burst", "payload_bytes", "transport", "version", "session",
    "messages",
)  # fmt: skip
FIGURES: Mapping[str, str] = {
    "bytes": "bytes of IP packets per delivered message, both ways of the publisher's link",
    **{name: f"of these, {name.replace('_', ' ')}" for name in LAYERS},
    "packets": "IP packets per delivered message",
    "copies": "deliveries beyond the first, as a share of messages",
    "lost": "share of messages that were never delivered",
    "delivered_p50_s": "from the publish call to the subscriber",
    "delivered_p90_s": "",
    "delivered_p99_s": "",
    "acknowledged_p50_s": "from the publish call to the end of the exchange at the publisher",
    "acknowledged_p90_s": "",
    "acknowledged_p99_s": "",
    "setup_bytes": "what the connection cost before the first message",
    "setup_packets": "",
}
"""The columns, in order, and what they mean; a percentile means what the first of its kind does."""
_MARKDOWN = ("bytes", "packets", "retransmitted", "delivered_p50_s", "delivered_p99_s",
             "acknowledged_p99_s", "setup_bytes")  # fmt: skip


def write(study: Study, directory: Path, about: Mapping[str, Any]) -> None:
    """Writes overhead.csv, overhead.json and overhead.md. `about`: command, versions."""
    rows = study.figures()
    with (directory / "overhead.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow([*_CELL, "qos", *(f"{n}{end}" for n in FIGURES for end in ("", "_ci95"))])
        for row in rows:
            cell = row.cell.describe()
            ends = [
                _number(value)
                for name in FIGURES
                for value in (row.values[name].mean, row.values[name].half_width)
            ]
            writer.writerow([*(cell[name] for name in _CELL), row.qos, *ends])
    document = {**about, "seeds": study.seeds, "rows": [_plain(row) for row in rows]}
    document["failed"] = [
        {**one.cell.describe(), "error": one.error} for one in study.measured.values() if one.error
    ]
    text = json.dumps(document, indent=1)
    (directory / "overhead.json").write_text(text + "\n", encoding="utf-8")
    (directory / "overhead.md").write_text(_markdown(rows, about, study.seeds), encoding="utf-8")


def loss_words(loss: float, burst: float) -> str:
    """ "2 %", or "2 % in bursts of 4"."""
    return f"{loss * 100:g} %" + (f" in bursts of {burst:g}" if burst else "")


def _plain(row: Figures) -> dict[str, Any]:
    figures = {
        name: {"mean": _number(one.mean), "ci95": _number(one.half_width)}
        for name, one in row.values.items()
    }
    return {**row.cell.describe(), "qos": row.qos, **figures}


def _number(value: float) -> float | None:
    """Six significant digits are more than the intervals allow; NaN is nothing."""
    return None if math.isnan(value) else float(f"{value:.6g}")


def _markdown(rows: Sequence[Figures], about: Mapping[str, Any], seeds: Sequence[int]) -> str:
    columns = ("link", "loss", "payload", "over", "version", "session", "QoS", *_MARKDOWN)
    lines = [
        f"`{about['command']}`, seeds {seeds[0]} to {seeds[-1]}; means over seeds ± 95 % interval. "
        "Bytes and packets are those of IP, per delivered message, on the publisher's link, "
        "both ways; times in seconds from the publish call.",
        "",
        f"| {' | '.join(columns)} |",
        "| --- " * 6 + "| ---: " * (len(columns) - 6) + "|",
    ]
    for row in rows:
        cell = row.cell
        words = (
            cell.link or f"{cell.delay_ms:g} ms", loss_words(cell.loss, cell.burst),
            f"{cell.payload_bytes} B", cell.transport, cell.version, cell.session, str(row.qos),
        )  # fmt: skip
        figures = [_shown(row.values[name]) for name in _MARKDOWN]
        lines.append(f"| {' | '.join((*words, *figures))} |")
    return "\n".join(lines) + "\n"


def _shown(one: Estimate) -> str:
    if math.isnan(one.mean):
        return ""
    mean = f"{one.mean:.4g}"
    return mean if not one.half_width > 0 else f"{mean} ± {one.half_width:.2g}"
