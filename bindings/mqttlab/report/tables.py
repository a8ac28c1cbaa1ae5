"""The CSV tables beside run.json: UTF-8, one header line, units last in the names."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from mqttlab import _core
from mqttlab.figures import Analysis
from mqttlab.figures.bytes import LAYERS
from mqttlab.figures.messages import Fate
from mqttlab.report.charts import survival
from mqttlab.trace import COUNTERS

__all__ = ["write_tables"]


def write_tables(analysis: Analysis, found: Mapping[str, Any], directory: Path) -> list[Path]:
    """Writes every table and returns their paths. `found`: the figures of run.json."""
    tables: dict[str, tuple[Sequence[str], Iterable[Sequence[object]]]] = {
        "qos": (_QOS, _qos(found)),
        "packets": (("packet", "direction", "written", "arrived"), _packets(found)),
        "links": (_LINKS, _links(found)),
        "verdicts": (_VERDICTS, _verdicts(found)),
        "latency": (("subscriber", "qos", "latency_s", "share_at_least"), _latency(analysis)),
        "messages": (_MESSAGES, _messages(analysis)),
    }
    return [_write(directory / f"{name}.csv", *table) for name, table in tables.items()]


def _write(path: Path, header: Sequence[str], rows: Iterable[Sequence[object]]) -> Path:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(header)
        writer.writerows(rows)
    return path


_COUNTS = ("published", "accepted", "delivered", "duplicates", "lost")
_SIZES = (*LAYERS, "total")
_QUANTILES = ("p50", "p90", "p99", "max")
_QOS = (
    "subscriber", "qos", *_COUNTS, *(f"{name}_bytes_per_message" for name in _SIZES),
    *(f"latency_{name}_s" for name in _QUANTILES),
)  # fmt: skip


def _qos(found: Mapping[str, Any]) -> Iterator[Sequence[object]]:
    for key, name in (("qos", "subscriber"), ("qos_clean_subscriber", "clean_subscriber")):
        for level, row in (found[key] or {}).items():
            size, latency = row["wire_bytes_per_message"], row["latency_s"]
            yield (
                found[name], level, *(row[c] for c in _COUNTS), *(size[n] for n in _SIZES),
                *(latency[q] for q in _QUANTILES),
            )  # fmt: skip


def _packets(found: Mapping[str, Any]) -> Iterator[Sequence[object]]:
    for packet, directions in found["packets"].items():
        for direction, count in directions.items():
            yield packet, direction, count["written"], count["arrived"]


_VERDICTS = ("invariant", "status", "checked", "why", "strength", "needs", "statements")


def _verdicts(found: Mapping[str, Any]) -> Iterator[Sequence[object]]:
    statements = {row[0]: row[-1] for row in _core.invariant_table()}
    for one in found["verdicts"]:
        yield (*(one[c] for c in _VERDICTS[:-1]), statements.get(one["invariant"], ""))


_COUNTERS = tuple(COUNTERS.names or ())[2:]  # after device and direction
_LINKS = (
    "link", "direction", "devices", "outages", "down_s", "connects", "published", "accepted",
    *_COUNTERS,
)  # fmt: skip


def _links(found: Mapping[str, Any]) -> Iterator[Sequence[object]]:
    for name, link in found["links"].items():
        for direction, counters in link["counters"].items():
            yield (
                name, direction, *(link[column] for column in _LINKS[2:8]),
                *(counters[column] for column in _COUNTERS),
            )  # fmt: skip


def _fates(analysis: Analysis) -> list[Fate]:
    return [fate for fate in (analysis.persistent, analysis.clean) if fate is not None]


def _latency(analysis: Analysis) -> Iterator[Sequence[object]]:
    for fate in _fates(analysis):
        for level in range(3):
            for seconds, share in survival(fate.latency_s(analysis.messages.qos == level)):
                yield fate.subscriber.name, level, f"{seconds:.6f}", f"{share:.6g}"


_MESSAGES = (
    "subscriber", "publisher", "topic", "qos", "published_s", "accepted_s", "delivered_s", "copies",
    "reason",
)  # fmt: skip


def _messages(analysis: Analysis) -> Iterator[Sequence[object]]:
    """One row for each message and subscriber, in order of publication."""
    messages, view, result = analysis.messages, analysis.view, analysis.result

    def at(event: int) -> str:
        return "" if event == view.size else f"{view.events['at'][event] / 1e9:.6f}"

    for fate in _fates(analysis):
        order = messages.called.argsort(kind="stable").tolist()
        columns = (
            messages.publisher, messages.topic, messages.qos, messages.called, messages.accepted,
            fate.delivered, fate.copies, fate.reason,
        )  # fmt: skip
        values = [column.tolist() for column in columns]
        for one in order:
            who, topic, qos, called, accepted, delivered, copies, reason = (c[one] for c in values)
            yield (
                fate.subscriber.name, result.actors[who], result.texts[topic], qos, at(called),
                at(accepted), at(delivered), copies, fate.reasons[reason],
            )  # fmt: skip
