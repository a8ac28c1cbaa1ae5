"""A run's trace as text: whole, and judged as the run was."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from rude import rude

pytest.importorskip("mqttlab._sim")

import mqttlab
from mqttlab import cli
from mqttlab.judge import judge


def test_a_trace_has_every_event_and_is_judged_as_the_run_was(tmp_path: Path) -> None:
    path = tmp_path / "run.ndjson"
    result = mqttlab.run(rude, seed=3, ndjson=path)
    found = judge(path)
    assert (found.fingerprint, found.events) == (result.fingerprint, len(result.events))
    assert found.complete
    assert found.end_s == result.virtual_s
    assert [v.what for v in found.violations] == [v.what for v in result.violations]
    first, *lines, last = [json.loads(line) for line in path.read_text().splitlines()]
    assert first == {"kind": "trace", "version": 1}
    assert [line["at"] for line in lines] == result.events["at"].tolist()
    assert last["kind"] == "end"


def test_the_command_line_writes_it_and_judges_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    for words in (["run", f"{rude.__code__.co_filename}:rude", "--ndjson", "t"], ["judge", "t"]):
        with pytest.raises(SystemExit) as left:
            cli.main(words)
        assert left.value.code == cli.FINDINGS
        assert "DUP-RULE" in capsys.readouterr().out


def test_where_it_cannot_be_written_is_said_before_the_run(tmp_path: Path) -> None:
    with pytest.raises(mqttlab.UsageError, match=r"run: ndjson: cannot write .*: Is a directory"):
        mqttlab.run(rude, parameters={"ends": "raise"}, ndjson=tmp_path)
