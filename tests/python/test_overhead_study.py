"""Studies of what QoS costs: axes, intervals, going on after an interrupt, bad input."""

from __future__ import annotations

import csv
import fcntl
import json
import math
import re
import shlex
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest

from mqttlab import cli
from mqttlab.errors import Error
from mqttlab.executors import started
from mqttlab.overhead import answers, command, keep_alive, made_by, page
from mqttlab.overhead import study as study_module
from mqttlab.overhead.answers import fitting
from mqttlab.overhead.axes import Axes
from mqttlab.overhead.cell import Cell, measure
from mqttlab.overhead.charts import BESIDE, LEFT, Series, by_loss
from mqttlab.overhead.estimate import Estimate
from mqttlab.overhead.figures import FIGURES, KEEP_ALIVE_FIGURES, KeepAlive
from mqttlab.overhead.keep_alive import Standby
from mqttlab.overhead.rows import Row, Rows, amount, share
from mqttlab.overhead.study import Measured, Study
from mqttlab.overhead.tables import again
from mqttlab.report.charts import bytes_chart

FEW = ["--quick", "--link", "lte", "--loss", "0", "--loss", "10%x4", "--payload", "32",
       "--transport", "tcp", "--version", "5", "--nat", "2min",
       "--seeds", "2", "--jobs", "2"]  # fmt: skip


def overhead(*words: str) -> int:
    with pytest.raises(SystemExit) as left:
        cli.main(["overhead", *words])
    return left.value.code if isinstance(left.value.code, int) else 1


def read(path: Path) -> list[dict[str, str]]:
    with path.open() as file:
        return list(csv.DictReader(file))


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


def test_a_star_varies_one_axis_at_a_time_and_a_grid_all() -> None:
    axes = Axes(paths=(("lte", 0), ("", 200)), losses=((0, 0), (0.1, 4)), payloads=(32, 64),
                transports=("tcp", "tls"), versions=("5",), nats_s=(300, 120))  # fmt: skip
    star, grid = axes.star(), axes.grid()
    assert set(star) <= set(grid)
    assert star[0] == axes.base()
    assert {one.nat_s for one in star if isinstance(one, Standby)} == {300, 120}
    base = star[0].describe()
    pairs = [{"loss", "burst"}, {"transport", "session"}, {"link", "rtt_ms"}]
    for cell in star:
        if isinstance(cell, Cell):
            changed = {name for name, value in cell.describe().items() if value != base[name]}
            assert len(changed) <= 1 or changed in pairs
    # Long sessions on 2 paths x 2 losses x 2 payloads x 2 transports; without loss a connection per
    # message, and with the first payload those that are cut; phones on 2 paths behind 2 NATs.
    assert len(grid) == len(set(grid)) == 2 * 2 * 2 * 2 + 2 * 2 * 2 + 2 * 2 + 2 * 2


@contextmanager
def interrupting(study: Study) -> Iterator[Callable[[Measured], None]]:
    """As `command._progress`; Ctrl-C comes after the first cell."""

    def interrupt(_: Measured) -> None:
        raise KeyboardInterrupt

    yield interrupt


def test_a_study_leaves_its_tables_and_goes_on_where_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    journal = tmp_path / "cells.ndjson"
    with monkeypatch.context() as interrupted:
        interrupted.setattr(command, "_progress", interrupting)
        assert overhead(*FEW, "--out", str(tmp_path)) == 130
    first = journal.read_text()
    assert first.count("\n") == 2
    assert "interrupted: 4 cells are open" in (tmp_path / "overhead.html").read_text()

    assert overhead(*FEW, "--out", str(tmp_path)) == 0
    assert journal.read_text().startswith(first)
    lines = journal.read_text().splitlines(True)
    table, keep_alives = read(tmp_path / "overhead.csv"), read(tmp_path / "keep_alive.csv")
    # Base, loss, the connection per message, and the one that is cut, at three levels each;
    # phones, with seven keep alives.
    assert len(lines) == 1 + 5
    assert len(table) == 4 * 3
    assert len(keep_alives) == 7
    for rows, names in ((table, FIGURES), (keep_alives, KEEP_ALIVE_FIGURES)):
        for row in rows:
            assert row["seeds"] == "1 to 2"
            measured = [name for name in names if not name.startswith("setup")]
            assert all(row[name] != "" != row[f"{name}_ci95"] for name in measured)
    missed = {row["keep_alive_s"]: float(row["missed"]) for row in keep_alives}
    assert missed["110"] == 0 < missed["240"] < 0.5 < missed["1800"] <= 1
    document = json.loads((tmp_path / "overhead.json").read_text())
    assert document["failed"] == []
    p50_s = document["rows"][0]["delivered_p50_s"]
    assert sum(p50_s["by_seed"]) / 2 == pytest.approx(p50_s["mean"], rel=1e-5)
    assert "by_seed" not in document["rows"][0]["lost"], "a share is not tested by pairs"
    elsewhere = FEW.index("--jobs")
    assert document["command"] == shlex.join(["mqttlab", "overhead", *FEW[:elsewhere]])
    assert [len(document[name]) for name in ("rows", "keep_alives")] == [12, 7]
    html = (tmp_path / "overhead.html").read_text()
    for answer in ("2.1 times the bytes", "no level lost one of 1,200", "110 s, behind a NAT"):
        assert answer in html
    assert "<script" not in html
    text = (tmp_path / "answers.md").read_text()
    assert [question in text for question in answers.QUESTIONS] == [True, True, False, True]

    # One cell was cut off while it was written: only that one is measured again, to the same, and
    # the journal is whole again.
    journal.write_text("".join(lines[:5]) + lines[5][:40])
    before = (tmp_path / "overhead.csv").read_text()
    for _ in range(2):
        assert overhead(*FEW, "--out", str(tmp_path)) == 0
        assert (tmp_path / "overhead.csv").read_text() == before
        assert sorted(journal.read_text().splitlines(True)) == sorted(lines)


def fill(study: Study) -> None:
    """Every cell with what a small one gave."""
    message = measure(Cell(link="", rtt_ms=200, messages=2), seed=1)
    waiting = keep_alive.measure(Standby(phones=1, hours=1), seed=1)
    for cell in study.cells:
        run = message if isinstance(cell, Cell) else waiting
        study.measured[cell] = Measured(cell, study.seeds, (run, run))


def test_losses_that_all_figures_share_are_said_with_each_answer(tmp_path: Path) -> None:
    axes = Axes(paths=(("lte", 0),), losses=((0.02, 4),), payloads=(32,), nats_s=())
    study = Study(axes.grid(), [1, 2], tmp_path / "cells.ndjson")
    fill(study)
    found = answers.answers(Rows(study))
    assert [one.question for one in found] == [answers.QUESTIONS[0], answers.QUESTIONS[2]]
    for one in found:
        assert one.sentence.endswith(" All with 2 % (bursts of 4) lost each way.")
    head = page.render(Rows(study), {"command": "mqttlab overhead"}).partition("<main")[0]
    assert "MQTT 3.1.1 · 2 % (bursts of 4) lost · seeds 1 to 2" in head


def test_a_grid_has_its_answers_on_each_link(tmp_path: Path) -> None:
    axes = Axes(paths=(("lte", 0), ("", 200)), losses=((0, 0), (0.1, 0)), payloads=(32,),
                transports=("tcp", "tls"), versions=("5",), nats_s=(300,))  # fmt: skip
    study = Study(axes.grid(), [1, 2], tmp_path / "cells.ndjson")
    about = {"command": "mqttlab overhead"}

    def answered() -> str:
        answers.write(Rows(study), tmp_path / "answers.md", about)
        return (tmp_path / "answers.md").read_text()

    assert answered().splitlines()[1:] == []
    assert "Nothing has been measured yet" in page.render(Rows(study), about)
    fill(study)
    text = answered()
    for question in answers.QUESTIONS:
        assert text.count(f"- {question} **") == 2
    assert text.count("\n## ") == text.count("\n## lte\n") + text.count("\n## round trip 200 ms\n")
    assert "At none measured." in text, "what is lost does not show in these figures"
    html = page.render(Rows(study), about)
    assert "answers above for each of them" in html
    assert "<td>round trip 200 ms</td>" in html


def test_a_row_is_measured_again_by_its_command(tmp_path: Path) -> None:
    for cell in (Cell(link="", rtt_ms=20, loss=0.02, burst=4), Standby(link="", rtt_ms=1.5)):
        study = Study([cell], [1, 2], tmp_path / "cells.ndjson", battery_wh=5)
        program, name, *words = shlex.split(again(study, cell))
        assert (program, name) == ("mqttlab", "overhead")
        with command.main.make_context("overhead", words) as context:
            axes = command.axes_of(context.params)
        assert cell in axes.grid()
        assert context.params["seeds"] == 2
    cells = [Cell(), Cell(link="gprs"), Cell(loss=0.1), Cell(loss=0.02, burst=4)]
    assert again(study, *cells) == (
        "mqttlab overhead --quick --link lte --link gprs --transport tcp --version 3.1.1 "
        "--loss 0,0.1,0.02x4 --payload 64 --seeds 2"
    )


def test_a_cell_that_ends_its_process_costs_no_other(tmp_path: Path) -> None:
    good, bad = Cell(messages=2), Cell(link="no such link")
    study = Study([bad, good], [1, 2], tmp_path / "cells.ndjson")
    with ThreadPoolExecutor(2) as pool:
        study.run(pool, lambda _: None)
    assert "no such link" in study.measured[bad].error
    assert [figures.cell for figures in study.levels()] == [good] * 3
    afterwards = Study([bad, good], [1, 2], tmp_path / "cells.ndjson")
    assert afterwards.open == [bad]
    assert Study([bad, good, bad], [1], tmp_path / "cells.ndjson").cells == [bad, good]
    for cells, seeds in (([bad], [1, 2]), ([good], [1, 3])):
        assert Study(cells, seeds, tmp_path / "cells.ndjson").measured == {}


def test_a_scheduler_of_dask_is_told_by_host_and_port() -> None:
    distributed = pytest.importorskip("distributed")
    options = {"n_workers": 1, "processes": False, "protocol": "tcp", "dashboard_address": None}
    with distributed.LocalCluster(**options) as cluster:
        address = cluster.scheduler_address.removeprefix("tcp://")
        with started(f"dask://{address}", 1) as executor:
            assert executor is not None
            assert executor.submit(len, "four").result() == 4


def test_a_journal_keeps_cells_to_the_digit() -> None:
    cell = Cell(loss=0.07, burst=3, transport="wss")
    kept = Measured(cell, (1, 2), ([{"qos": 0}],), "")
    assert Measured.from_data(json.loads(json.dumps(kept.to_data()))).cell == cell
    waiting = Measured(Standby(nat_s=90.5, phones=2), (1, 2))
    assert Measured.from_data(json.loads(json.dumps(waiting.to_data()))) == waiting


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--loss", "2%x"], "--loss '2%x'"),
        (["--loss", "60%"], "at most half"),
        (["--loss", "0x4"], "at most half"),
        (["--rtt", "20ms,soon"], "--rtt 'soon'"),
        (["--rtt", "0s"], "--rtt '0s'"),
        (["--nat", "0s"], "--nat '0s'"),
        (["--battery", "0"], "battery"),
        (["--link", "lte2"], "unknown profile 'lte2'"),
        (["--executor", "moon"], "'moon'"),
        (["--seeds", "1"], "seeds"),
        (["--payload", "8"], "--payload 8: a message's stamp takes 32 bytes"),
        (["--payload", "300000000"], "--payload 300000000: at most 256000000"),
    ],
)
def test_bad_input_is_one_line(
    words: list[str], said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert overhead(*words, "--out", str(tmp_path)) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert said in line


def test_what_is_no_journal_is_not_written_to(tmp_path: Path) -> None:
    for line in (b"what is this\n", b'{"cell": {"link": "lte"}}\n', b"\xff\n", b"[1]\n"):
        (tmp_path / "cells.ndjson").write_bytes(line)
        assert overhead(*FEW, "--out", str(tmp_path)) == 3
        assert (tmp_path / "cells.ndjson").read_bytes() == line
    journal = tmp_path / "cells.ndjson"
    journal.write_text("")
    with journal.open() as other:
        fcntl.flock(other, fcntl.LOCK_EX)
        assert overhead(*FEW, "--out", str(tmp_path)) == 3


def run(study: Study) -> None:
    with ThreadPoolExecutor(1) as pool:
        study.run(pool, lambda _: None)


def test_a_journal_of_other_code_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    journal, cell = tmp_path / "cells.ndjson", Cell(messages=2)
    run(Study([cell], [1, 2], journal))
    assert Study([cell], [1, 2], journal).open == []
    ours = made_by.code()
    for changed, said in (("openssl", "openssl 3.0.19"), ("sha256", "code has changed since")):
        theirs = {**ours, changed: "9"}
        monkeypatch.setattr(made_by, "code", lambda theirs=theirs: theirs)
        with pytest.raises(Error, match=said.replace("3.0.19", ours["openssl"])) as refused:
            Study([cell], [1, 2], journal)
        assert f"{journal}: " in str(refused.value)
        assert "another --out" in str(refused.value)


def test_what_measures_counts_as_code_and_what_tells_does_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(made_by, "_PACKAGE", tmp_path)
    counts = {"client.py": True, "faults/path.py": True, "overhead/cell.py": True,
              "overhead/answers.py": False, "report/html.py": False}  # fmt: skip
    for name in counts:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("1")
    for name, is_code in counts.items():
        before = made_by.code.__wrapped__()
        assert before == made_by.code.__wrapped__()
        (tmp_path / name).write_text("2")
        assert (made_by.code.__wrapped__() != before) == is_code, name


def test_what_a_link_file_gave_is_measured_again_after_a_change(tmp_path: Path) -> None:
    journal, file, recording = (tmp_path / name for name in ("j", "mine.toml", "r.csv"))
    recording.write_text("time_s,mbit/s\n0,1\n60,2\n")
    file.write_text('profile = "lte"\n[up]\ntrace = "r.csv"\n')
    cell, other = Cell(link=str(file), messages=2), Cell(messages=2)
    run(Study([cell, other], [1, 2], journal))
    assert Study([cell, other], [1, 2], journal).open == []
    for path in (recording, file):
        path.write_text(path.read_text() + "\n")
        made_by.link_sha256.cache_clear()
        study = Study([cell, other], [1, 2], journal)
        assert study.open == [cell]
        run(study)
        assert study.measured[cell].error == ""
    assert Study([cell, other], [1, 2], journal).open == []


def lossy(loss: float, p99_s: Sequence[float], lost: int = 0) -> Row:
    of = {name: Estimate.of(p99_s) for name in ("delivered_p99_s", "acknowledged_p99_s")}
    level = {**of, "bytes": Estimate.of([100.0 + loss] * 5)}
    return Row(Cell(loss=loss), dict.fromkeys(range(3), level | {
        "lost": Estimate.share([(lost, 100)] * 5)
    }))  # fmt: skip


def hurts(monkeypatch: pytest.MonkeyPatch, *rows: Row) -> answers.Answer:
    monkeypatch.setattr(Rows, "by_loss", lambda self, bursts: list(rows))
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
    assert "from 1 % on it does so in the mean" in later.sentence
    assert "QoS 0 lost 3.0 % (1.8 to 4.9 %) of the messages at 2 %" in later.sentence.replace(
        "\u00a0", " "
    )
    never = hurts(monkeypatch, clean, lossy(0.01, wide))
    assert never.short == "At none measured."
    assert "in the mean from 1 % on" in never.sentence


def test_where_nothing_arrives_there_is_no_cost_of_a_message(tmp_path: Path) -> None:
    study = Study([Cell(messages=2)], [1, 2], tmp_path / "j")
    run = measure(Cell(messages=2), seed=1)
    none = [
        {name: row[name] for name in ("qos", "published", "copies", "acknowledged_s")}
        | {"delivered": 0, "delivered_s": []}
        for row in run
    ]
    for runs, counted in (((run, none), 1), ((none, none), 0)):
        study.measured[study.cells[0]] = Measured(study.cells[0], (1, 2), runs)
        assert {one.values["bytes"].runs for one in study.levels()} == {counted}
        html = page.render(Rows(study), {"command": "mqttlab overhead"})
        assert (">nan" in html, "(one\u00a0seed)" in html) == (False, bool(counted))


def test_a_lost_worker_costs_its_cell_and_the_last_line_names_that(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    runs = (measure(Cell(messages=2), seed=1),) * 2
    waits = (keep_alive.measure(Standby(phones=1, hours=1), seed=1),) * 2

    def measured(cell: Cell | Standby, seeds: Sequence[int]) -> Measured:
        if isinstance(cell, Cell) and cell.loss > 0:
            raise RuntimeError("killed")
        return Measured(cell, tuple(seeds), runs if isinstance(cell, Cell) else waits)

    monkeypatch.setattr(study_module, "measured_elsewhere", measured)
    monkeypatch.setattr(command, "_TELL_EVERY_S", 0.0)
    assert overhead(*FEW, "--out", str(tmp_path)) == 3
    *told, last = capsys.readouterr().err.splitlines()
    assert "1 cells could not be measured; the first: lte, tcp, MQTT 5, 10 %" in last
    assert "killed" in last
    assert "the same command tries them again" in last
    assert len(told) == 5
    assert told[-1] == "overhead: 5 of 5 cells, 1 failed, 0 min left"
