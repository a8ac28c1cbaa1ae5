"""A run's trace as text: whole, and judged as the run was."""

from __future__ import annotations

import asyncio
import json
import random
from pathlib import Path

import pytest

from rude import rude

pytest.importorskip("mqttlab._sim")

import mqttlab
from mqttlab import cli
from mqttlab.judge import judge

CONNECT_FOR_10_S = bytes.fromhex("100d00044d5154540402000a000161")


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


@mqttlab.scenario(until="1min")
async def silent(lab: mqttlab.Lab) -> None:
    """A client is silent until the broker ends its connection."""
    await lab.broker()

    async def client() -> None:
        reader, writer = await asyncio.open_connection("broker", 1883)
        writer.write(CONNECT_FOR_10_S)
        await reader.read(-1)
        writer.close()

    await lab.device("silent").run(client())


def test_what_only_the_brokers_of_others_may_do_is_let_pass_unless_it_is_ours(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "run.ndjson"
    mqttlab.run(silent, ndjson=path)
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    (closed,) = [line for line in lines if line["kind"] == "closed" and line["end"] == "broker"]
    closed["at"] -= 500_000_000
    path.write_text("".join(json.dumps(line) + "\n" for line in lines[:-1]))
    assert judge(path).passed
    found = judge(path, broker="mqttlab")
    assert [verdict.invariant for verdict in found.verdicts if verdict.status == "fail"] == [
        "KA-FAIR"
    ]
    for words, code, says in (
        (["judge", str(path)], cli.OK, "what any broker may do is let pass (--broker mqttlab"),
        (["judge", "--broker", "mqttlab", str(path)], cli.FINDINGS, "1 are broken"),
    ):
        with pytest.raises(SystemExit) as left:
            cli.main(words)
        assert left.value.code == code
        assert says in capsys.readouterr().out
    with pytest.raises(mqttlab.UsageError, match="'mosquitto' is none of any, mqttlab"):
        judge(path, broker="mosquitto")


def test_a_trace_that_has_lost_lines_is_judged_all_the_same(tmp_path: Path) -> None:
    whole, torn = tmp_path / "whole", tmp_path / "torn"
    mqttlab.run("field_trial", seed=2, parameters={"devices": 12}, until="200s", ndjson=whole)
    first, *lines, _ = whole.read_text().splitlines()
    for seed in range(60):
        chance = random.Random(seed)
        keeps = chance.choice((0.5, 0.9, 0.99))
        begins = chance.choice((0, len(lines) // 3))
        kept = [line for line in lines[begins:] if chance.random() < keeps]
        torn.write_text("\n".join([first, *kept, ""]))
        assert not judge(torn).complete


def test_where_it_cannot_be_written_is_said_before_the_run(tmp_path: Path) -> None:
    with pytest.raises(mqttlab.UsageError, match=r"run: ndjson: cannot write .*: Is a directory"):
        mqttlab.run(rude, parameters={"ends": "raise"}, ndjson=tmp_path)
