"""The study as CSV, JSON and Markdown: one row per cell and QoS level, or keep alive, each figure
with its 95 % interval, its seeds, and the command that measures it again."""

from __future__ import annotations

import csv
import json
import math
import shlex
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from mqttlab import energy, links
from mqttlab.overhead.cell import Cell
from mqttlab.overhead.estimate import AGREED, Estimate
from mqttlab.overhead.figures import FIGURES, KEEP_ALIVE_FIGURES, Figures, KeepAlive
from mqttlab.overhead.keep_alive import Standby
from mqttlab.overhead.study import Study
from mqttlab.units import exactly

__all__ = ["INTERVALS", "again", "cell_words", "link_words", "loss_words", "write"]

INTERVALS = (
    "Intervals are Student's, of few seeds. That of a 99th percentile is rough: one or two losses "
    "among a seed's messages decide it. Where chance has a part and seeds agree, none is told: "
    "others need not."
)
_MARKDOWN = ("bytes", "packets", "retransmitted", "copies", "lost", "delivered_p50_s",
             "delivered_p99_s", "acknowledged_p99_s", "setup_bytes", "joules")  # fmt: skip
_KEEP_ALIVE_MARKDOWN = ("missed", "waited_p95_s", "bytes_per_day", "packets_per_day",
                        "joules_per_day", "battery_days", "client_noticed_s",
                        "broker_noticed_s")  # fmt: skip


def write(study: Study, directory: Path, about: Mapping[str, Any]) -> None:
    """Writes overhead.csv, keep_alive.csv, overhead.json and overhead.md. `about`: command,
    versions. Of a mean overhead.json has what each seed gave, too.
    """
    rows, keep_alives = study.levels(), study.keep_alives()
    seeds = _span(study.seeds)
    plain = [_plain(row, study) for row in rows]
    plain_keep_alives = [_plain_keep_alive(row, study) for row in keep_alives]
    _csv(directory / "overhead.csv", plain, FIGURES)
    _csv(directory / "keep_alive.csv", plain_keep_alives, KEEP_ALIVE_FIGURES)
    document = {**about, "seeds": study.seeds, "battery_wh": study.battery_wh, "rows": plain}
    document["keep_alives"] = plain_keep_alives
    document["failed"] = [
        {**one.cell.describe(), "error": one.error} for one in study.measured.values() if one.error
    ]
    text = json.dumps(document, indent=1)
    (directory / "overhead.json").write_text(text + "\n", encoding="utf-8")
    head = (
        f"`{about['command']}`, seeds {seeds}; means over seeds ± 95 % interval, of p50 to p99 as "
        f"well, each of which is a percentile of one seed. {INTERVALS} "
        "Bytes and packets are those of IP, per delivered message, on the publisher's link, "
        "both ways; times in seconds from the publish call; joules are the radio's, per delivered "
        f"message, beyond idling{_without_air_time(study)}.\n\n"
    )
    text = head + "\n".join(_markdown(rows)) + "\n"
    if keep_alives:
        text += (
            "\nPhones behind a NAT that are sent pushes, one each "
            f"{keep_alives[0].cell.every_s / 60:g} minutes; a battery of "
            f"{study.battery_wh:g} Wh.\n\n" + "\n".join(_keep_alive_markdown(keep_alives)) + "\n"
        )
    (directory / "overhead.md").write_text(text, encoding="utf-8")


def loss_words(loss: float, burst: float) -> str:
    """ "2 %", or "2 % (bursts of 4)"."""
    return f"{loss * 100:g} %" + (f" (bursts of {burst:g})" if burst else "")


def link_words(cell: Cell | Standby) -> str:
    """The profile, or "round trip 200 ms"."""
    return cell.link or f"round trip {cell.rtt_ms:g} ms"


def cell_words(cell: Cell | Standby) -> str:
    """A cell in a line."""
    words = [link_words(cell), cell.transport, f"MQTT {cell.version}"]
    if isinstance(cell, Standby):
        return ", ".join([*words, f"NAT {cell.nat_s:g} s"])
    words += [f"{loss_words(cell.loss, cell.burst)} lost", f"{cell.payload_bytes} bytes"]
    words += ["a connection for each message"] if cell.session == "per-message" else []
    return ", ".join([*words, f"{cell.cuts * 100:g} % cut"] if cell.cuts else words)


def again(study: Study, *cells: Cell | Standby) -> str:
    """The command that measures these cells again, and with them what comes of the same options.

    Cells that differ from the first along one axis at a time are its `--quick`.
    """
    words = ["mqttlab", "overhead", *(["--quick"] if len(cells) > 1 else [])]
    options: dict[str, dict[str, None]] = {}
    for cell in cells:
        for option, value in _options(cell, study):
            options.setdefault(option, {})[value] = None
    for option, values in options.items():
        if option in ("--rtt", "--loss", "--nat"):
            words += [option, ",".join(values)]
        else:
            words += [word for value in values for word in (option, value)]
    return shlex.join([*words, "--seeds", f"{len(study.seeds)}"])


def _options(cell: Cell | Standby, study: Study) -> Iterator[tuple[str, str]]:
    yield ("--link", cell.link) if cell.link else ("--rtt", f"{exactly(cell.rtt_ms)}ms")
    yield "--transport", cell.transport
    yield "--version", cell.version
    if isinstance(cell, Cell):
        yield "--loss", exactly(cell.loss) + (f"x{exactly(cell.burst)}" if cell.burst else "")
        yield "--payload", f"{cell.payload_bytes}"
    else:
        yield "--nat", f"{exactly(cell.nat_s)}s"
        yield "--battery", exactly(study.battery_wh)


def _without_air_time(study: Study) -> str:
    """Of which links joules are of bytes, promotions and tails alone, in words, or ""."""
    names = dict.fromkeys(cell.link for cell in study.cells if cell.link)
    found = [
        name for name in names if not energy.has_air_time(links.make_link(name, name).describe())
    ]
    return f" ({', '.join(found)}{energy.NO_AIR_TIME})" if found else ""


def _span(seeds: Sequence[int]) -> str:
    return f"{seeds[0]} to {seeds[-1]}"


def _csv(path: Path, rows: Sequence[Mapping[str, Any]], names: Mapping[str, str]) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        if rows:
            writer.writerow(
                column
                for key in rows[0]
                for column in ((key, f"{key}_ci95") if key in names else (key,))
            )
        for row in rows:
            writer.writerow(
                value
                for key, one in row.items()
                for value in ((one["mean"], one["ci95"]) if key in names else (one,))
            )


def _plain(row: Figures, study: Study) -> dict[str, Any]:
    known = {**row.cell.describe(), "qos": row.qos}
    return {**known, **_origin(row.cell, study), **_figures(row.values, FIGURES, study)}


def _plain_keep_alive(row: KeepAlive, study: Study) -> dict[str, Any]:
    known = row.cell.describe()
    del known["keep_alives_s"]
    known |= {"keep_alive_s": row.keep_alive_s, "pushes": row.pushes}
    return {**known, **_origin(row.cell, study), **_figures(row.values, KEEP_ALIVE_FIGURES, study)}


def _origin(cell: Cell | Standby, study: Study) -> dict[str, str]:
    return {"seeds": _span(study.seeds), "command": again(study, cell)}


def _figures(
    values: Mapping[str, Estimate], names: Mapping[str, str], study: Study
) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name in names:
        one = values[name]
        found[name] = {"mean": _number(one.mean), "ci95": _number(one.half_width)}
        if one.runs == len(one.values) == len(study.seeds):
            found[name]["by_seed"] = list(one.values)  # to the digit: they are compared in pairs
    return found


def _number(value: float) -> float | None:
    """Six significant digits are more than the intervals allow; NaN is nothing."""
    return None if math.isnan(value) else float(f"{value:.6g}")


def _markdown(rows: Sequence[Figures]) -> list[str]:
    head = ("link", "loss", "cut", "payload", "over", "version", "session", "QoS")
    lines = [_line((*head, *_MARKDOWN)), "| --- " * 7 + "| ---: " * (1 + len(_MARKDOWN)) + "|"]
    for row in rows:
        cell = row.cell
        words = (
            link_words(cell), loss_words(cell.loss, cell.burst), f"{cell.cuts * 100:g} %",
            f"{cell.payload_bytes} B", cell.transport, cell.version, cell.session, str(row.qos),
        )  # fmt: skip
        lines.append(_line((*words, *(_shown(row.values[name]) for name in _MARKDOWN))))
    return lines


def _keep_alive_markdown(rows: Sequence[KeepAlive]) -> list[str]:
    names = _KEEP_ALIVE_MARKDOWN
    head = ("link", "over", "version", "NAT", "keep alive", "pushes")
    lines = [_line((*head, *names)), "| --- " * 3 + "| ---: " * (3 + len(names)) + "|"]
    for row in rows:
        cell = row.cell
        words = (
            link_words(cell), cell.transport, cell.version, f"{cell.nat_s:g} s",
            f"{row.keep_alive_s} s", str(row.pushes),
        )  # fmt: skip
        lines.append(_line((*words, *(_shown(row.values[name]) for name in names))))
    return lines


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _shown(one: Estimate) -> str:
    if math.isnan(one.mean):
        return ""
    mean = f"{one.mean:.4g}"
    if one.runs == 1:
        return f"{mean} (one seed)"
    if one.interval or one.half_width > one.mean:
        return f"{mean} ({one.low:.2g} to {one.high:.2g})"
    if math.isnan(one.half_width):
        return f"{mean} ({AGREED})"
    return mean if not one.half_width > 0 else f"{mean} ± {one.half_width:.2g}"
