"""The study's answers in words, each with its figures: what a reader wants to know first."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mqttlab.overhead.estimate import Estimate
from mqttlab.overhead.figures import KeepAlive
from mqttlab.overhead.rows import Row, Rows, amount, below, share, time
from mqttlab.overhead.tables import INTERVALS, link_words, loss_words

__all__ = ["LOSSES", "QUESTIONS", "Answer", "answers", "everywhere", "fitting", "losing", "write"]

QUESTIONS = (
    "What does QoS 2 cost over QoS 0 on this link?",
    "From which loss rate on does it hurt?",
    "What does TLS add?",
    "Which keep alive fits?",
)

LOSSES = (
    "Losses are the study's, in place of a profile's own; phones that wait for pushes keep those."
)
_HURTS = 2.0  # times what it takes without loss: what a user of the link notices


@dataclass(frozen=True)
class Answer:
    """A question, its answer in a few words, and the sentence that has the figures."""

    question: str
    short: str
    sentence: str


def answers(rows: Rows) -> list[Answer]:
    """Those that the study allows so far."""
    if rows.base is None or not all(one["bytes"].runs for one in rows.base.levels.values()):
        return []
    found = [_qos(rows.base, rows.beside("cuts")), _loss(rows), _tls(rows), _keep_alive(rows)]
    return [one for one in found if one is not None]


def everywhere(rows: Rows) -> list[tuple[str, list[Answer]]]:
    """By link and round-trip time: the answers there, where they are as many as at the base."""
    most = len(answers(rows))
    found = [(link_words(one.base_cell), answers(one)) for one in rows.paths()]
    return [(words, given) for words, given in found if len(given) == most > 0]


def write(rows: Rows, path: Path, about: Mapping[str, Any]) -> None:
    """The answers on each link as Markdown. `about`: the command."""
    seeds = rows.study.seeds
    lines = [
        f"`{about['command']}`, seeds {seeds[0]} to {seeds[-1]}; means over seeds ± 95 % interval, "
        "of medians and percentiles as well; shares of all messages with the ends of theirs. "
        f"{LOSSES} {INTERVALS}",
    ]
    for words, given in everywhere(rows):
        lines += ["", f"## {words}", ""]
        lines += [f"- {one.question} **{one.short}** {one.sentence}" for one in given]
    path.write_text("\n".join(lines).replace("\u00a0", " ") + "\n", encoding="utf-8")


def _qos(base: Row, cut: Sequence[Row]) -> Answer:
    none, once, exactly = (base.levels[qos] for qos in (0, 1, 2))
    sentence = (
        f"{amount(exactly['bytes'], 'bytes')} a message instead of {amount(none['bytes'])} "
        f"(QoS 1: {amount(once['bytes'])}), {amount(exactly['packets'])} packets instead of "
        f"{amount(none['packets'])}. It is delivered after {time(exactly['delivered_p50_s'])} "
        f"(QoS 0: {time(none['delivered_p50_s'])}), the exchange over after "
        f"{time(exactly['acknowledged_p50_s'])} (QoS 1: {time(once['acknowledged_p50_s'])})."
    )
    broken = next((row.levels for row in cut if row.cell.cuts), None)
    if broken is not None:
        sentence += (
            " Where the connection is reset at a random instant of the two round trips that follow "
            f"the call, QoS 0 loses {share(broken[0]['lost'])} of the messages, QoS 1 repeats "
            f"{share(broken[1]['copies'])}, QoS 2 {_neither(broken[2])}."
        )
    sentence += _if_lossy(base)
    factor = exactly["bytes"].mean / none["bytes"].mean
    return Answer(QUESTIONS[0], f"{factor:.1f} times the bytes.", sentence)


def _if_lossy(base: Row) -> str:
    return f" All with {_lost(base)} lost each way." if base.cell.loss else ""


def _neither(level: Mapping[str, Estimate]) -> str:
    if level["lost"].mean == level["copies"].mean == 0:
        return f"does neither (each {below(level['lost'])})"
    return f"loses {share(level['lost'])} and repeats {share(level['copies'])}"


def _loss(rows: Rows) -> Answer | None:
    independent, bursts = (rows.by_loss(bursts=each) for each in (False, True))
    chosen, others = sorted((independent, bursts), key=len, reverse=True)
    if len(chosen) < 2 or chosen[0].cell.loss > 0:
        return None
    every = [*independent, *(row for row in bursts if row.cell.burst)]
    rest = f"Over all losses {losing(every)}."
    clean, surely = chosen[0], _hurting(chosen, surely=True)
    perhaps = next(iter(_hurting(chosen, surely=False)), None)
    question = QUESTIONS[1]
    if not surely:
        sentence = (
            f"Up to {_lost(chosen[-1])} lost each way no 99th percentile is more than twice that "
            f"without loss{_beyond_intervals(perhaps)}"
        )
        return Answer(question, "At none measured.", f"{sentence}{_others(others)}. {rest}")
    first = surely[0]
    sentence = f"There {_more_than_twice(first, clean)}"
    if perhaps is not None and perhaps is not first:
        sentence += f"; from {_lost(perhaps)} on one is so in the mean"
    beyond = [row for row in chosen if row.cell.loss > first.cell.loss and row not in surely]
    if beyond:
        sentence += f"; beyond, none surely at {', '.join(map(_lost, beyond))}"
    sentence += _others(others)
    more = 100 * (first.levels[1]["bytes"].mean / clean.levels[1]["bytes"].mean - 1)
    if not math.isnan(more):
        sentence += f". Bytes grow by {more:.2g} % (QoS 1)"
    short = (
        f"At {_lost(first)}, the least measured, already."
        if first is chosen[1]
        else f"From {_lost(first)} of the packets, each way."
    )
    return Answer(question, short, f"{sentence}. {rest}")


_SLOWEST = (
    (0, "delivered_p99_s", "a delivery at QoS 0"),
    (1, "acknowledged_p99_s", "an exchange at QoS 1"),
    (2, "acknowledged_p99_s", "an exchange at QoS 2"),
)


def _lost(row: Row) -> str:
    return loss_words(row.cell.loss, row.cell.burst)


def _beyond_intervals(perhaps: Row | None) -> str:
    if perhaps is None:
        return ""
    return f", as far as the intervals tell (in the mean from {_lost(perhaps)} on)"


def _others(rows: Sequence[Row]) -> str:
    """Of the losses of the other kind, if they were measured beside none as well."""
    if len(rows) < 2 or rows[0].cell.loss > 0:
        return ""
    found = _hurting(rows, surely=True)
    what = "in bursts" if rows[1].cell.burst else "independent losses"
    return f"; {what} " + (
        f"surely from {_lost(found[0])} on" if found else "surely at none measured"
    )


def _more_than_twice(lossy: Row, clean: Row) -> str:
    """Which levels take so much longer, and how sure that is."""
    by_how: dict[str, list[str]] = {}
    for qos, name, what in _SLOWEST:
        is_so = [_is_slower(lossy, clean, qos, name, surely=surely) for surely in (True, False)]
        how = "surely" if is_so[0] else "in the mean" if is_so[1] else "not"
        figures = (time(row.levels[qos][name]) for row in (lossy, clean))
        by_how.setdefault(how, []).append(f"{what} ({' instead of '.join(figures)})")
    groups = (
        f"{how} of {', '.join(by_how[how])}"
        for how in ("surely", "in the mean", "not")
        if how in by_how
    )
    return f"the 99th percentile more than doubles: {'; '.join(groups)}"


def _hurting(chosen: Sequence[Row], *, surely: bool) -> list[Row]:
    """Those with a loss at which the slowest hundredth takes much longer than without."""
    return [
        row
        for row in chosen[1:]
        if any(_is_slower(row, chosen[0], qos, name, surely=surely) for qos, name, _ in _SLOWEST)
    ]


def _is_slower(lossy: Row, clean: Row, qos: int, name: str, *, surely: bool) -> bool:
    """Surely: the intervals leave no doubt."""
    there, here = lossy.levels[qos][name], clean.levels[qos][name]
    if surely:
        return there.runs > 1 < here.runs and there.low > _HURTS * here.high
    return there.mean > _HURTS * here.mean


def losing(rows: Sequence[Row]) -> str:
    """Which level lost how much on connections that nobody cut; in words, of all rows together."""
    lost = [(row, qos, level["lost"]) for row in rows for qos, level in row.levels.items()]
    row, qos, most = max(lost, key=lambda one: one[2].mean)
    if most.mean > 0:
        return f"QoS {qos} lost {share(most)} of the messages at {_lost(row)}"
    trials = sum(one.trials for _, _, one in lost)
    return f"no level lost one of {trials:,} messages ({below(Estimate.share([(0, trials)]))})"


def _tls(rows: Rows) -> Answer | None:
    by_carrier = {row.cell.transport: row for row in rows.beside("transport")}
    if not {"tcp", "tls"} <= by_carrier.keys():
        return None
    plain, sealed = (by_carrier[name].levels[1] for name in ("tcp", "tls"))
    more = sealed["bytes"].mean - plain["bytes"].mean
    sentence = (
        f"{amount(sealed['bytes'], 'bytes')} a message at QoS 1 instead of "
        f"{amount(plain['bytes'])} on a connection that stays; the connection itself costs "
        f"{amount(sealed['setup_bytes'], 'bytes')} and {time(sealed['setup_s'])} instead of "
        f"{amount(plain['setup_bytes'])} and {time(plain['setup_s'])}."
    )
    each = {
        row.cell.transport: row.levels[1]["bytes"]
        for row in rows.beside("transport", "session")
        if row.cell.session == "per-message"
    }
    if {"tcp", "tls"} <= each.keys():
        sentence += (
            f" With a connection for each message it is {amount(each['tls'], 'bytes')} a message "
            f"instead of {amount(each['tcp'])}."
        )
    if rows.base:
        sentence += _if_lossy(rows.base)
    return Answer(QUESTIONS[2], f"{more:.0f} bytes to a message of QoS 1.", sentence)


def fitting(keep_alives: Sequence[KeepAlive]) -> KeepAlive | None:
    """The longest that, as all shorter ones, missed no push; None: each missed some."""
    best = None
    for one in sorted(keep_alives, key=lambda one: one.keep_alive_s):
        if one.values["missed"].mean > 0:
            break
        best = one
    return best


def _keep_alive(rows: Rows) -> Answer | None:
    if not rows.keep_alives:
        return None
    nat_s, measured = next(iter(rows.keep_alives.items()))
    question = QUESTIONS[3]
    best = fitting(measured)
    if best is None:
        return Answer(
            question, f"None measured, behind a NAT of {nat_s:g} s.", "Each missed pushes."
        )
    dear = measured[0]
    sentence = (
        f"The longest of {len(measured)} ({measured[0].keep_alive_s} to "
        f"{measured[-1].keep_alive_s} s) that missed none of {best.pushes} pushes "
        f"({below(best.values['missed'])})"
    )
    longer = next((one for one in measured if one.keep_alive_s > best.keep_alive_s), None)
    if longer is not None:
        sentence += f"; {longer.keep_alive_s} s missed {share(longer.values['missed'])}"
    sentence += f". It takes {amount(best.values['bytes_per_day'], 'kB', 1e-3)} a day"
    if dear.values["battery_days"].runs:
        sentence += (
            f" and {amount(best.values['battery_days'], 'days')} of radio from "
            f"{rows.study.battery_wh:g} Wh"
        )
    sentence += f"; at {dear.keep_alive_s} s {amount(dear.values['bytes_per_day'], 'kB', 1e-3)}"
    if dear.values["battery_days"].runs:
        sentence += f" and {amount(dear.values['battery_days'], 'days')}"
    sentence += (
        f". The client notices a dead link after {time(best.values['client_noticed_s'])}, the "
        f"broker after {time(best.values['broker_noticed_s'])} in the mean."
    )
    others = [
        f"{other_s:g} s: {found.keep_alive_s} s"
        for other_s, of in rows.keep_alives.items()
        if other_s != nat_s and (found := fitting(of)) is not None
    ]
    if others:
        sentence += f" Behind a NAT of {', of '.join(others)}."
    short = f"{best.keep_alive_s} s, behind a NAT of {nat_s:g} s."
    return Answer(question, short, sentence)
