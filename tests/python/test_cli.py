"""The command line as a user meets it: exit codes, one line for each mistake, what is printed."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from dataclasses import dataclass
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("mqttlab._sim")

import mqttlab
from mqttlab import _core, bench, bench_watching, catalog, cli

QUIET = """
import asyncio, mqttlab

@mqttlab.scenario(until="1h")
async def quiet(lab, *, wait: mqttlab.Duration = mqttlab.Duration("1s"), count: int = 1):
    await lab.broker()
    desk = lab.device("desk")
    async with desk.client(clean_session=False) as client:
        await client.subscribe("#", qos=1)
        for number in range(count):
            await client.publish("a", lab.stamp(), qos=1)
        await asyncio.sleep(wait)
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "quiet.py").write_text(QUIET)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run(*arguments: str) -> int:
    with pytest.raises(SystemExit) as left:
        cli.main(list(arguments))
    assert isinstance(left.value.code, int)
    return left.value.code


def complaint(capsys: pytest.CaptureFixture[str]) -> str:
    """What was said on stderr: one line, and no traceback."""
    said = capsys.readouterr().err
    assert said.startswith("mqttlab: ")
    assert said.count("\n") == 1
    assert "Traceback" not in said
    return said


def test_a_run_writes_its_results_and_names_the_report(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("run", "quiet.py", "--seed", "5", "--set", "count=3", "--out", "results") == cli.OK
    out = capsys.readouterr()
    assert "No violation." in out.out
    assert f"report: {Path('results/report.html')}" in out.out
    assert out.err == ""
    found = json.loads(Path("results/run.json").read_text())
    assert (found["seed"], found["parameters"]["count"]) == (5, 3)
    assert found["qos"]["1"]["delivered"] == 3
    page = Path("results/report.html").read_text()
    assert "mqttlab run quiet.py --seed 5 --set count=3" in page


def test_pcap_goes_beside_the_results(folder: Path) -> None:
    assert run("run", "quiet.py", "--pcap", "--out", "results") == cli.OK
    assert Path("results/capture.pcap").stat().st_size > 24


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["run", "nothing"], 2, ["'nothing'", "field_trial"]),
        (["run", "absent.py"], 2, ["absent.py"]),
        (["run", "quiet.py", "--set", "nope=1"], 2, ["'nope'", "wait"]),
        (["run", "quiet.py", "--set", "count=many"], 2, ["count", "'many'", "200"]),
        (["run", "quiet.py", "--set", "count"], 2, ["'count'", "key=value"]),
        (["run", "quiet.py", "--set", "count=1", "--set", "count=2"], 2, ["count", "twice"]),
        (["run", "quiet.py", "--until", "soon"], 2, ["until", "'soon'", "10min"]),
        (["run", "quiet.py", "--seed", "-1"], 2, ["seed", "-1"]),
        (["run", "quiet.py", "--seed", "x"], 2, ["--seed", "'x'"]),
        (["run", "quiet.py", "--devices", "3"], 2, ["'devices'"]),
        (["run", "field_trial", "--devices", "-5"], 2, ["devices", "-5", "3 or more"]),
        (["run", "field_trial", "--devices", "3", "--set", "devices=4"], 2, ["one of them"]),
        (["run", "field_trial", "--set", "deaths=2"], 2, ["deaths", "2"]),
        (["run", "field_trial", "--set", "interval=0"], 2, ["interval", "0"]),
        (["run", "field_trial", "--set", "trace=bad.up"], 2, ["bad.up", "line 3", "'abc'"]),
        (["run", "field_trial", "--set", "trace=absent.up"], 2, ["absent.up"]),
        (["run", "syntax.py"], 3, ["syntax.py:2:"]),
        (["run", "import.py"], 3, ["import.py:2:", "NameError"]),
        (["run", "raises.py"], 3, ["raises.py:5:", "ValueError: boom"]),
        (["run", "misuse.py"], 2, ["misuse.py:5:", "'-3'"]),
        (["run", "empty.py"], 2, ["empty.py", "@mqttlab.scenario"]),
        (["run", "quiet.py", "--out", "quiet.py"], 2, ["quiet.py", "cannot write", "another"]),
        (["run", "quiet.py", "--out", "quiet.py/below"], 2, ["cannot write", "another"]),
        (["run"], 2, ["NAME|FILE.py"]),
        (["fly"], 2, ["'fly'", "--help"]),
        (["run", "quiet.py", "--fast"], 2, ["--fast", "--help"]),
    ],
)
def test_a_mistake_costs_one_line_that_names_value_place_and_remedy(
    folder: Path,
    capsys: pytest.CaptureFixture[str],
    arguments: list[str],
    code: int,
    words: list[str],
) -> None:
    (folder / "bad.up").write_text("1\n2\nabc\n")
    (folder / "syntax.py").write_text("import mqttlab\nasync def scenario(lab)\n    pass\n")
    (folder / "import.py").write_text("import mqttlab\nfoo()\n")
    (folder / "empty.py").write_text("import mqttlab\n")
    head = "import mqttlab\n@mqttlab.scenario(until=60)\nasync def s(lab):\n    lab.broker()\n    "
    (folder / "raises.py").write_text(head + "raise ValueError('boom')\n")
    (folder / "misuse.py").write_text(head + "lab.link(rate='-3')\n")
    assert run(*arguments) == code
    said = complaint(capsys)
    for word in words:
        assert word in said


def test_a_directory_is_checked_before_the_run(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise AssertionError("the scenario ran")

    monkeypatch.setattr("mqttlab.run", fail)
    assert run("run", "quiet.py", "--out", "quiet.py") == cli.USAGE


def test_findings_leave_with_1(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from handmade import VIOLATION, Handmade

    monkeypatch.setattr("mqttlab.run", lambda *_, **__: Handmade().result(violations=(VIOLATION,)))
    assert run("run", "quiet.py", "--out", "results") == cli.FINDINGS


def test_ctrl_c_leaves_valid_partial_results(folder: Path) -> None:
    @dataclass
    class Job:
        process: subprocess.Popen[str]

    script = QUIET.replace("await lab.broker()", "await lab.broker(); print('go', flush=True)")
    (folder / "quiet.py").write_text(script)
    words = [sys.executable, "-m", "mqttlab.cli", "run", "quiet.py", "--out", "results"]
    words += ["--until", "100000h", "--set", "wait=10000h"]
    job = subprocess.Popen(
        words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env={**os.environ}
    )
    assert job.stdout is not None
    assert job.stdout.readline() == "go\n"
    job.send_signal(signal.SIGINT)
    out, err = job.communicate(timeout=60)
    assert job.returncode == cli.INTERRUPTED, err
    assert "results are partial" in out
    found = json.loads((folder / "results" / "run.json").read_text())
    assert (found["interrupted"], found["ending"]) == (True, "interrupted")
    assert "interrupted run, partial results" in (folder / "results/report.html").read_text()


def test_list_names_scenarios_with_their_parameters(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("list") == cli.OK
    out = capsys.readouterr().out
    for word in ("field_trial", "devices=", "200", "trace=", "Path", "--until"):
        assert word in out


def test_list_tells_of_one_scenario_what_its_file_says(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("list", "s20") == cli.OK
    out = " ".join(capsys.readouterr().out.split())
    for word in (
        "S20 slow_consumer", "takeovers: of one client id, each with a will.",
        "B97 will or session data is not freed on takeover", "--set away= Duration 3d", "10d",
    ):  # fmt: skip
        assert word in out


@pytest.mark.parametrize(
    ("name", "words"),
    [("tunel", "did you mean tunnel?"), ("Tunnel", "did you mean tunnel?"), ("zzz", "known are ")],
)
def test_an_unknown_scenario_is_answered_by_those_of_a_similar_name(
    name: str, words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("run", name) == cli.USAGE
    assert words in capsys.readouterr().err


def test_list_has_the_invariants_with_what_they_rest_on(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    assert run("list", "--invariants") == cli.OK
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split() == ["invariant", "strength", "needs", "what", "it", "promises"]
    found = [line.split()[0] for line in lines if line[:1].strip()]
    assert found[1:] == _core.invariants()
    statements = " ".join(" ".join(lines).split())
    assert "QUOTA-CONSERVE MUST internal " in statements
    assert "MQTT-4.9.0-1 MQTT-4.9.0-2" in statements
    assert run("list", "S20", "--invariants") == cli.USAGE


def test_a_numbered_scenario_is_listed_first_and_found_by_its_number(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "zed.py").write_text(
        QUIET.replace('until="1h"', 'until="1h", number="S07", bugs=["B16"]').replace(
            "quiet(lab, *, wait: mqttlab.Duration = mqttlab.Duration(\"1s\"), count",
            "zed(lab, *, wait",
        ).replace("range(count)", "range(wait)").replace(
            "    await lab.broker", '    """Nothing is lost.\n\n    More."""\n    await lab.broker'
        )
    )  # fmt: skip
    monkeypatch.syspath_prepend(folder)
    group = "mqttlab.scenarios"
    points = [EntryPoint(name, name, group) for name in ("quiet", "zed")]
    monkeypatch.setattr(catalog.metadata, "entry_points", lambda group: points)
    assert run("list") == cli.OK
    out = capsys.readouterr().out
    assert out.startswith("S07  zed  Nothing is lost.\n")
    assert "\nquiet" in out
    assert run("run", "S07") == cli.OK
    assert Path("out/S07/run.json").exists()
    assert run("run", "S08") == cli.USAGE


@pytest.mark.parametrize(
    ("given", "words"),
    [({"number": "three"}, ["'three'", "'S03'"]), ({"bugs": "B11"}, ["'B11'", "list"])],
)
def test_a_wrong_mark_is_refused(given: dict[str, Any], words: list[str]) -> None:
    with pytest.raises(mqttlab.UsageError) as refused:
        mqttlab.scenario(until="1s", **given)
    assert all(word in str(refused.value) for word in words)


def test_links_prints_numbers_with_units_and_their_sources(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert run("links") == cli.OK
    out = capsys.readouterr().out
    for word in ("gprs", "edge", "nb-iot", "6lowpan", "lte-m", "geo-satellite", "umts", "lte",
                 "wifi", "ethernet", "kbit/s", "ms", "3GPP", "always up", "80211n", "802154",
                 "crowded_cell", "sensor_cell", "train_ride"):  # fmt: skip
        assert word in out


def test_no_command_shows_the_help(capsys: pytest.CaptureFixture[str]) -> None:
    assert run() == cli.USAGE
    assert "Usage: mqttlab" in capsys.readouterr().err


def test_bench_names_each_bound_that_is_broken() -> None:
    fine = [bench.Cost(100, 1, 42.0, 30.0), bench.Cost(1000, 1, 60.0, 40.0)]
    assert bench.judge(fine) == []
    assert len(bench.judge([*fine, bench.Cost(300, 1, 64.0, 42.0)])) == 2


def test_bench_tells_the_price_of_watching(capsys: pytest.CaptureFixture[str]) -> None:
    words = ["bench", "sim", "--part", "watching", "--trial-devices", "3", "--rounds", "1"]
    code = run(*words)  # how long it took is the machine's affair: either verdict will do
    said = capsys.readouterr().out
    verdict = "Within bounds:" if code == cli.OK else "over 1.15 x"
    assert verdict in said
    assert [line.split("  ")[0] for line in said.splitlines()[2:5]] == [
        "no trace", "trace", "trace and oracle"
    ]  # fmt: skip


def test_bench_compares_the_runs_of_a_round() -> None:
    rounds = [
        {"no trace": bench_watching.Run(cpu_s, 0, 0), "trace": bench_watching.Run(1.1, 1, 0)}
        for cpu_s in (1.0, 2.0, 0.5)
    ]
    found = bench_watching.ratios(rounds, "trace")
    assert found == bench_watching.Ratio(1.1, 0.55, 2.2)
    assert bench_watching.judge(found) == ""
    assert "1.16 x, over 1.15 x" in bench_watching.judge(bench_watching.Ratio(1.16, 0.9, 1.3))


def test_a_reader_that_leaves_early_does_not_change_the_exit_code(folder: Path) -> None:
    command = [sys.executable, "-m", "mqttlab.cli", "run", "quiet.py", "--out", "results"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as running:
        assert running.stdout is not None
        running.stdout.close()
        assert running.stderr is not None
        assert running.stderr.read() == b""
    assert running.returncode == cli.OK
