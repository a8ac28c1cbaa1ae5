"""overhead.html: one page that answers at a glance what QoS, loss and TLS cost on a link, and which
keep alive fits."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from importlib import resources
from typing import Any

from jinja2 import Environment, StrictUndefined
from markupsafe import Markup

from mqttlab import energy, links
from mqttlab.overhead.answers import LOSSES, answers, everywhere, fitting, losing
from mqttlab.overhead.cell import LEVELS
from mqttlab.overhead.charts import Series, by_keep_alive, by_loss
from mqttlab.overhead.figures import MESSAGE_EVERY_S
from mqttlab.overhead.keep_alive import LATE_S
from mqttlab.overhead.rows import Row, Rows, amount, share, time
from mqttlab.overhead.tables import INTERVALS, again, cell_words, link_words, loss_words
from mqttlab.report.charts import bytes_chart, layers_of

__all__ = ["render"]

_BARS = "Bytes on the wire per delivered message, by layer"


def render(rows: Rows, about: Mapping[str, Any]) -> str:
    """The page as HTML; `about` has the command and the versions."""
    study, base = rows.study, rows.base
    environment = Environment(
        autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters.update(
        amount=amount,
        time=time,
        share=share,
        link=link_words,
        again=lambda rows: again(study, *(row.cell for row in rows)),
    )
    template = environment.from_string(_file("mqttlab.overhead", "overhead.html.j2"))
    bars = _bars((base, qos, f"QoS {qos}") for qos in LEVELS) if base else []
    names = dict.fromkeys(cell.link for cell in study.cells if cell.link)
    return template.render(
        style=Markup(_file("mqttlab.report", "style.css")),
        about=about,
        rows=rows,
        base=rows.base_cell,
        base_loss=loss_words(rows.base_cell.loss, rows.base_cell.burst),
        losses_are=LOSSES,
        intervals_are=INTERVALS,
        base_levels=base.levels if base else {},
        seeds=study.seeds,
        open=len(study.open),
        answers=answers(rows),
        everywhere=everywhere(rows),
        bars=bytes_chart(bars, _BARS) if bars else None,
        layers=layers_of(bars),
        cut=next((row for row in rows.beside("cuts") if row.cell.cuts), None),
        losses=[_losses(rows, bursts=False), _losses(rows, bursts=True)],
        carriers=_carriers(rows),
        keep_alives=_keep_alives(rows),
        late_s=LATE_S,
        links=rows.beside("link", "rtt_ms"),
        sizes=[*rows.beside("payload_bytes"), *rows.beside("version")[1:]],
        battery_wh=study.battery_wh,
        every_minutes=MESSAGE_EVERY_S / 60,
        sources=_sources(names),
        failed=[one for one in study.measured.values() if one.error],
        failed_words=cell_words,
        qos_levels=LEVELS,
    )


def _file(package: str, name: str) -> str:
    return resources.files(package).joinpath(name).read_text("utf-8")


def _losses(rows: Rows, *, bursts: bool) -> dict[str, Any]:
    """What loss does, independent or in bursts."""
    chosen = rows.by_loss(bursts=bursts)
    name = "in bursts" if bursts else "independent"

    def series(figure: str, scale: float = 1) -> list[Series]:
        return [
            Series(
                f"QoS {qos}", f"q{qos}",
                [(row.cell.loss, row.levels[qos][figure].scaled(scale)) for row in chosen],
            )
            for qos in LEVELS
        ]  # fmt: skip

    label = f"99th percentile, {name}"
    bars = _bars((row, 1, loss_words(row.cell.loss, 0)) for row in chosen)
    exchanges = [one for one in series("acknowledged_p99_s", 1e3) if one.css != "q0"]
    return {
        "name": name,
        "measured": len(chosen) > 1,
        "times": by_loss(series("delivered_p99_s", 1e3), "ms", f"Delivery, {label}", log=True),
        "exchanges": by_loss(exchanges, "ms", f"Exchange, {label}", log=True),
        "bytes": by_loss(series("bytes"), "B", f"Bytes per delivered message, {name}"),
        "bars": bytes_chart(bars, f"{_BARS}, {name}"),
        "layers": layers_of(bars),
        "rows": chosen,
        "lost": losing(chosen) if chosen else "",
    }


def _bars(wanted: Iterable[tuple[Row, int, str]]) -> list[tuple[str, Mapping[str, float]]]:
    """Of (row, level, name); no bar where nothing was delivered."""
    return [row.bar(qos, name) for row, qos, name in wanted if row.levels[qos]["bytes"].runs]


def _carriers(rows: Rows) -> list[dict[str, Any]]:
    """Transports, on a long session and with a connection per message."""
    found = []
    for session, title in (
        ("long", "one connection that stays"),
        ("per-message", "a connection for each message"),
    ):
        chosen = [row for row in rows.beside("transport", "session") if row.cell.session == session]
        bars = _bars((row, 1, row.cell.transport) for row in chosen)
        if bars:
            found.append(
                {
                    "title": f"QoS 1, {title}",
                    "bars": bytes_chart(bars, f"{_BARS}, {title}"),
                    "layers": layers_of(bars),
                    "rows": chosen,
                    "is_long": session == "long",
                }
            )
    return found


def _keep_alives(rows: Rows) -> dict[str, Any] | None:
    """What each keep alive misses and costs behind each NAT; the table is the first NAT's."""
    by_nat = rows.keep_alives
    if not by_nat:
        return None
    colours = {nat_s: f"link{number % 4}" for number, nat_s in enumerate(by_nat)}

    def series(figure: str, scale: float) -> list[Series]:
        return [
            Series(
                f"NAT {nat_s:g} s", colours[nat_s],
                [(one.keep_alive_s, one.values[figure].scaled(scale)) for one in of],
            )
            for nat_s, of in by_nat.items()
        ]  # fmt: skip

    nat_s, first = next(iter(by_nat.items()))
    has_radio = first[0].values["joules_per_day"].runs > 0
    cost, unit, scale = (
        ("joules_per_day", "kJ", 1e-3) if has_radio else ("bytes_per_day", "kB", 1e-3)
    )
    return {
        "colours": colours,
        "missed": by_keep_alive(
            series("missed", 100), "%", "Pushes missed, by keep alive", colours, log=False
        ),
        "costs": by_keep_alive(
            series(cost, scale), unit, "Cost a day, by keep alive", colours, log=True
        ),
        "cost": "Energy of the radio a day" if has_radio else "Bytes a day",
        "has_radio": has_radio,
        "nat_s": nat_s,
        "rows": first,
        "best": fitting(first),
        "all": [of[0] for of in by_nat.values()],
    }


def _sources(names: Sequence[str] | Mapping[str, Any]) -> list[tuple[str, str, str]]:
    """Link by link: where its own figures and its radio's are from."""
    found = []
    for name in names:
        link, known = links.make_link(name, name), links.profiles()
        profile = link.profile or ""
        model = energy.model_of(name, profile)
        air = "" if energy.has_air_time(link.describe()) else energy.NO_AIR_TIME
        found.append(
            (
                name,
                known[profile].source if profile in known else "as the file says",
                f"{model.source}{air}" if model else "no model",
            )
        )
    return found
