"""What is said of a study: its answers, charts and intervals, what is sure and what is not."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence

import pytest

pytest.importorskip("mqttlab._sim")

from mqttlab.overhead import answers
from mqttlab.overhead.answers import fitting
from mqttlab.overhead.cell import Cell
from mqttlab.overhead.charts import BESIDE, LEFT, Series, by_loss
from mqttlab.overhead.estimate import Estimate
from mqttlab.overhead.figures import KeepAlive
from mqttlab.overhead.keep_alive import Standby
from mqttlab.overhead.rows import Row, Rows, amount, share
from mqttlab.report.charts import bytes_chart


def test_an_interval_is_students_and_a_single_run_has_none() -> None:
    three = Estimate.of([1.0, 2.0, 3.0])
    assert (three.mean, three.runs) == (2.0, 3)
    assert three.half_width == pytest.approx(4.303 / math.sqrt(3))
    assert math.isnan(Estimate.of([5.0]).half_width)
    assert Estimate.of([math.nan, 4.0, 4.0]) == Estimate(4.0, 0.0, 2)
    assert Estimate.of([]).runs == 0


def test_figures_are_shown_to_the_digit_that_their_interval_allows() -> None:
    shown = {
        (265.3, 161.2): "265 ± 161 ms", (119.42, 0.91): "119.4 ± 0.9 ms", (35.02, 0.14):
        "35.02 ± 0.14 ms", (35.01, 0.01): "35.0 ms", (253, 0): "253 ms", (1862.4, 31.5):
        "1,862 ± 32 ms", (0, 0): "0 ms", (0.0124, 0.0031): "0.012 ± 0.003 ms",
    }  # fmt: skip
    for (mean, half_width), text in shown.items():
        assert amount(Estimate(mean, half_width, 5), "ms").replace("\u00a0", " ") == text
    assert amount(Estimate(7.0, math.nan, 1)) == "7 (one seed)".replace(" ", "\u00a0")
    uneven = amount(Estimate.of([0.0, 0.0, 9.0]), "s").replace("\u00a0", " ")
    assert uneven == "3 s (0 to 16 s)", "no time is below 0"
    assert amount(Estimate.of([])) == "none"


def test_a_share_is_as_sure_as_its_events_are_many() -> None:
    never = Estimate.share([(0, 100)] * 5)
    # Wilson's interval (score test): of none in n up to z2 / (n + z2).
    assert (never.low, never.high) == pytest.approx((0, 1.96**2 / (500 + 1.96**2)))
    assert share(never).replace("\u00a0", " ") == "none of 500 (below 0.77 %)"
    # Five seeds that happen to agree know no more than 87 of 360.
    agreed = Estimate.share([(17, 72), (17, 72), (18, 72), (17, 72), (18, 72)])
    assert (agreed.low, agreed.high) == pytest.approx((0.200, 0.288), abs=1e-3)
    assert share(agreed).replace("\u00a0", " ") == "24 % (20 to 29 %)"
    apart = Estimate.share([(0, 100), (80, 100)])
    assert (apart.low, apart.high) == (0, 1)
    assert Estimate.share([(300, 100), (100, 100)]).mean == 2
    assert Estimate.share([(300, 100), (100, 100)]).values == (), "nor is it tested by pairs"


def kept(keep_alive_s: int, missed: float) -> KeepAlive:
    return KeepAlive(Standby(), keep_alive_s, 100, {"missed": Estimate(missed, 0.0, 5)})


def test_the_keep_alive_that_fits_is_the_longest_up_to_which_none_missed_a_push() -> None:
    rows = [kept(30, 0), kept(60, 0), kept(120, 0.01), kept(240, 0)]
    assert fitting(rows) == fitting(rows[::-1]) == rows[1]
    assert fitting(rows[2:]) is None


def test_a_chart_leaves_out_what_was_not_measured_and_draws_intervals() -> None:
    known = [(0.0, Estimate(10, 0, 5)), (0.1, Estimate(40, 5, 5)), (0.2, Estimate.of([]))]
    drawn = by_loss([Series("QoS 1", "q1", known)], "ms", "delivery", log=True)
    assert drawn.count("<circle") == 2
    assert drawn.count("whisker") == 1
    assert "QoS 1, 10 %: 40 ms ± 5" in drawn
    assert "nothing was measured" in by_loss([Series("QoS 1", "q1", known[:1])], "ms", "delivery")
    sizes = dict.fromkeys(("mqtt", "mqtt_session", "web_socket", "tls", "tcp_ip"), 20.0)
    places = re.findall(r'<circle[^>]* cx="([\d.]+)"', drawn)
    assert float(places[0]) == LEFT < LEFT + BESIDE <= float(places[1])
    bar = {**sizes, "retransmitted": 0.0, "total": 100.0}
    assert ">100 B<" in bytes_chart([("a", bar)], "bytes")
    assert ">100 ± 4.2 B<" in bytes_chart([("a", {**bar, "spread": 4.21})], "bytes")


def lossy(loss: float, p99_s: Sequence[float], lost: int = 0, burst: float = 0) -> Row:
    of = {name: Estimate.of(p99_s) for name in ("delivered_p99_s", "acknowledged_p99_s")}
    level = {**of, "bytes": Estimate.of([100.0 + loss] * 5)}
    return Row(Cell(loss=loss, burst=burst), dict.fromkeys(range(3), level | {
        "lost": Estimate.share([(lost, 100)] * 5)
    }))  # fmt: skip


def hurts(
    monkeypatch: pytest.MonkeyPatch, *rows: Row, bursts: Sequence[Row] = ()
) -> answers.Answer:
    in_bursts = [rows[0], *bursts]
    monkeypatch.setattr(Rows, "by_loss", lambda _, bursts: in_bursts if bursts else list(rows))
    found = answers._loss(Rows.__new__(Rows))
    assert found is not None
    return found


def test_loss_hurts_where_the_intervals_leave_no_doubt(monkeypatch: pytest.MonkeyPatch) -> None:
    clean, wide = lossy(0, [0.1, 0.11, 0.1, 0.1, 0.1]), [0.1, 0.1, 0.1, 0.1, 2]
    sure = [0.9, 1.0, 1.1, 1.0, 1.0]
    already = hurts(monkeypatch, clean, lossy(0.01, sure), lossy(0.02, sure))
    assert already.short == "At 1 %, the least measured, already."
    assert "no level lost one of 4,500 messages (below 0.086 %)" in already.sentence
    later = hurts(monkeypatch, clean, lossy(0.01, wide), lossy(0.02, sure, lost=3))
    assert later.short == "From 2 % of the packets, each way."
    assert "; from 1 % on one is so in the mean" in later.sentence
    assert "QoS 0 lost 3.0 % (1.8 to 4.9 %) of the messages at 2 %" in later.sentence.replace(
        "\u00a0", " "
    )
    never = hurts(monkeypatch, clean, lossy(0.01, wide))
    assert never.short == "At none measured."
    assert "in the mean from 1 % on" in never.sentence
    again = hurts(monkeypatch, clean, lossy(0.01, sure), lossy(0.02, wide), lossy(0.05, sure))
    assert "; beyond, none surely at 2 %. Bytes" in again.sentence


def test_losses_in_bursts_count_as_well(monkeypatch: pytest.MonkeyPatch) -> None:
    clean, sure = lossy(0, [0.1, 0.11, 0.1, 0.1, 0.1]), [0.9, 1.0, 1.1, 1.0, 1.0]
    independent = (clean, lossy(0.01, sure), lossy(0.02, sure))
    for p99_s, lost, said in (
        (sure, 0, ("; in bursts surely from 5 % (bursts of 4) on", "one of 6,000 messages")),
        ([0.1] * 5, 2, ("; in bursts surely at none measured", "QoS 0 lost 2.0")),
    ):
        found = hurts(monkeypatch, *independent, bursts=[lossy(0.05, p99_s, lost, burst=4)])
        assert found.short == "At 1 %, the least measured, already."
        assert [words in found.sentence for words in said] == [True, True], found.sentence
    assert "messages at 5 % (bursts of 4)." in found.sentence


def test_only_what_is_sure_is_said_to_be(monkeypatch: pytest.MonkeyPatch) -> None:
    clean, one = lossy(0, [0.1] * 5), lossy(0.01, [0.9] * 5)
    slow = Estimate.of([0.1, 0.1, 0.1, 0.1, 2])
    changed = {1: {"acknowledged_p99_s": slow}, 2: {"acknowledged_p99_s": Estimate.of([0.1] * 5)}}
    levels = {qos: {**level, **changed.get(qos, {})} for qos, level in one.levels.items()}
    sentence = hurts(monkeypatch, clean, Row(one.cell, levels)).sentence.replace("\u00a0", " ")
    assert (
        "surely of a delivery at QoS 0 (900 ms instead of 100 ms); in the mean of an exchange at "
        "QoS 1 (480 ms (0 to 1,535 ms) instead of 100 ms); not of an exchange at QoS 2 (100 ms "
        "instead of 100 ms). Bytes"
    ) in sentence
