"""Studies of what QoS costs: axes, intervals, going on after an interrupt, bad input."""

from __future__ import annotations

import csv
import json
import math
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from mqttlab import cli
from mqttlab.overhead.cell import Cell
from mqttlab.overhead.estimate import Estimate
from mqttlab.overhead.study import Axes, Measured, Study
from mqttlab.overhead.tables import FIGURES

FEW = ["--quick", "--link", "lte", "--loss", "0", "--loss", "10%x4", "--payload", "32",
       "--transport", "tcp", "--version", "5", "--seeds", "2", "--jobs", "2"]  # fmt: skip


def overhead(*words: str) -> int:
    with pytest.raises(SystemExit) as left:
        cli.main(["overhead", *words])
    return left.value.code if isinstance(left.value.code, int) else 1


def test_an_interval_is_students_and_a_single_run_has_none() -> None:
    three = Estimate.of([1.0, 2.0, 3.0])
    assert (three.mean, three.runs) == (2.0, 3)
    assert three.half_width == pytest.approx(4.303 / math.sqrt(3))
    assert math.isnan(Estimate.of([5.0]).half_width)
    assert Estimate.of([math.nan, 4.0, 4.0]) == Estimate(4.0, 0.0, 2)
    assert Estimate.of([]).runs == 0


def test_a_star_varies_one_axis_at_a_time_and_a_grid_all() -> None:
    axes = Axes(links=("lte", "gprs"), losses=((0, 0), (0.1, 4)), payloads=(32,),
                transports=("tcp", "tls"), versions=("5",))  # fmt: skip
    star, grid = axes.star(), axes.cells()
    assert set(star) <= set(grid)
    base = star[0].describe()
    for cell in star:
        changed = {name for name, value in cell.describe().items() if value != base[name]}
        assert (
            changed <= {"loss", "burst"} or changed <= {"transport", "session"} or len(changed) == 1
        )
    # Long sessions on 2 links x 2 losses x 2 transports; per message without loss only.
    assert len(grid) == 2 * 2 * 2 + 2 * 2


def test_a_study_leaves_its_tables_and_goes_on_where_it_was(tmp_path: Path) -> None:
    assert overhead(*FEW, "--out", str(tmp_path)) == 0
    journal = tmp_path / "cells.ndjson"
    lines = journal.read_text().splitlines(True)
    with (tmp_path / "overhead.csv").open() as file:
        table = list(csv.DictReader(file))
    # Base, loss, and the connection per message, at three levels each.
    assert len(lines) == 3
    assert len(table) == 9
    for row in table:
        assert all(row[name] != "" for name in FIGURES if not name.startswith("setup"))
    document = json.loads((tmp_path / "overhead.json").read_text())
    assert document["failed"] == []
    assert len(document["rows"]) == 9
    page = (tmp_path / "overhead.html").read_text()
    assert "QoS 2 costs" in page
    assert "<script" not in page

    # One cell was cut off while it was written: only that one is measured again, to the same.
    journal.write_text("".join(lines[:2]) + lines[2][:40])
    before = (tmp_path / "overhead.csv").read_text()
    assert overhead(*FEW, "--out", str(tmp_path)) == 0
    assert (tmp_path / "overhead.csv").read_text() == before


def test_a_cell_that_ends_its_process_costs_no_other(tmp_path: Path) -> None:
    good, bad = Cell(messages=2), Cell(link="no such link")
    study = Study([bad, good], [1, 2], tmp_path / "cells.ndjson")
    with ThreadPoolExecutor(2) as pool:
        study.run(pool, lambda _: None)
    assert "no such link" in study.measured[bad].error
    assert [figures.cell for figures in study.figures()] == [good] * 3
    again = Study([bad, good], [1, 2], tmp_path / "cells.ndjson")
    assert again.open == [bad]


def test_a_journal_keeps_cells_to_the_digit() -> None:
    cell = Cell(loss=0.07, burst=3, transport="wss")
    kept = Measured(cell, (1, 2), ([{"qos": 0}],), "")
    assert Measured.from_data(json.loads(json.dumps(kept.to_data()))).cell == cell


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--loss", "2%x"], "--loss '2%x'"),
        (["--loss", "60%"], "at most half"),
        (["--loss", "0x4"], "at most half"),
        (["--link", "lte2"], "unknown profile 'lte2'"),
        (["--executor", "moon"], "'moon'"),
        (["--seeds", "1"], "seeds"),
    ],
)
def test_bad_input_is_one_line(
    words: list[str], said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert overhead(*words, "--out", str(tmp_path)) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert said in line


def test_what_is_no_journal_is_not_written_to(tmp_path: Path) -> None:
    (tmp_path / "cells.ndjson").write_text("what is this\n")
    assert overhead(*FEW, "--out", str(tmp_path)) == 3
    assert (tmp_path / "cells.ndjson").read_text() == "what is this\n"
