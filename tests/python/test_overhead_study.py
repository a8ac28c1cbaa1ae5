"""Studies of what QoS costs: axes, intervals, going on after an interrupt, bad input."""

from __future__ import annotations

import csv
import fcntl
import json
import math
import shlex
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest

from mqttlab import cli
from mqttlab.errors import Error
from mqttlab.executors import started
from mqttlab.overhead import answers, command, keep_alive, made_by, page, tables
from mqttlab.overhead import study as study_module
from mqttlab.overhead.axes import Axes
from mqttlab.overhead.cell import LAYERS, Cell, measure
from mqttlab.overhead.figures import FIGURES, KEEP_ALIVE_FIGURES
from mqttlab.overhead.keep_alive import Standby
from mqttlab.overhead.rows import Rows, amount
from mqttlab.overhead.study import Measured, Study
from mqttlab.overhead.tables import again

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
    agreed: list[tuple[str, str, str]] = []
    for rows, names in ((table, FIGURES), (keep_alives, KEEP_ALIVE_FIGURES)):
        for row in rows:
            assert row["seeds"] == "1 to 2"
            measured = [name for name in names if not name.startswith("setup")]
            assert all(row[name] != "" for name in measured)
            agreed += [(row["loss"], row["qos"], n) for n in measured if row[f"{n}_ci95"] == ""]
    assert agreed == [("0.1", "0", "retransmitted")], "of two seeds, by chance"
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
    for cell in (
        Cell(link="", rtt_ms=20.123457, loss=0.0212345678, burst=4.1234567),
        Standby(link="", rtt_ms=1.5, nat_s=90.1234567),
    ):
        study = Study([cell], [1, 2], tmp_path / "cells.ndjson", battery_wh=10.1234567)
        program, name, *words = shlex.split(again(study, cell))
        assert (program, name) == ("mqttlab", "overhead")
        with command.main.make_context("overhead", words) as context:
            axes = command.axes_of(context.params)
            if isinstance(cell, Standby):
                assert context.params["battery_wh"] == study.battery_wh
                assert "--battery 10.1234567 " in shlex.join(command._words(context))
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
    about = {"command": "mqttlab overhead"}
    tables.write(study, tmp_path, about)
    assert f"beyond idling ({file}, no time in the air)." in (tmp_path / "overhead.md").read_text()
    assert "DRX in the tail, no time in the air</td>" in page.render(Rows(study), about)
    assert page.render(Rows(study), about).count(", no time in the air") == 1
    assert Study([cell, other], [1, 2], journal).open == []


def test_a_rare_count_on_which_seeds_agree_is_not_exact(tmp_path: Path) -> None:
    """One packet sent again in each seed, and nothing said of how many others would have had."""
    cell = Cell(messages=2, loss=0.005)
    row = dict.fromkeys((*LAYERS, "packets", "setup_bytes"), 0.0)
    row |= {"published": 2, "delivered": 2, "copies": 0, "bytes": 119.8, "mqtt": 39.0}
    row |= {"retransmitted": 0.39, "delivered_s": [1, 1], "acknowledged_s": [1, 1]}
    study = Study([cell], [1, 2], tmp_path / "j")
    study.measured[cell] = Measured(cell, (1, 2), ([{**row, "qos": qos} for qos in range(3)],) * 2)
    values = study.levels()[0].values
    spread = {name: values[name].half_width for name in ("bytes", "retransmitted", "mqtt")}
    assert spread == {"bytes": pytest.approx(math.nan, nan_ok=True), "mqtt": 0.0,
                      "retransmitted": pytest.approx(math.nan, nan_ok=True)}  # fmt: skip
    assert amount(values["retransmitted"]).replace("\u00a0", " ") == "0.390 (seeds agree by chance)"
    assert amount(values["mqtt"]) == "39"
    about = {"command": "mqttlab overhead"}
    tables.write(study, tmp_path, about)
    (first, *_) = read(tmp_path / "overhead.csv")
    assert (first["bytes"], first["bytes_ci95"], first["mqtt_ci95"]) == ("119.8", "", "0.0")
    assert "| 119.8 (seeds agree by chance) |" in (tmp_path / "overhead.md").read_text()
    for said in ((tmp_path / "overhead.md").read_text(), page.render(Rows(study), about)):
        assert "Where chance has a part and seeds agree, none is told" in said


def test_a_link_too_slow_for_the_messages_is_one_line(tmp_path: Path) -> None:
    cell = Cell(link="gprs", payload_bytes=6_000_000, messages=1)
    study = Study([cell], [1, 2], tmp_path / "j")
    run(study)
    assert study.measured[cell].error == (
        "process left with 1: after 1950 s 1 messages are not over at QoS 1, 2; take fewer "
        "bytes, or a faster link"
    )


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
