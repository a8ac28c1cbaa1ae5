"""Capsules: what a failing run leaves, and what comes of it in another process."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("mqttlab._sim")

import mqttlab
from mqttlab import _core, cli, isolated, machine
from mqttlab.capsule import Capsule

RUDE = Path(__file__).with_name("rude.py")
NAME = "rude-seed-7.capsule.json"


def command(*words: object) -> tuple[int, str, str]:
    """Exit code, output and complaints of `mqttlab` in a process of its own."""
    done = subprocess.run(
        [sys.executable, "-m", "mqttlab.cli", *map(str, words)], capture_output=True, text=True
    )
    return done.returncode, done.stdout, done.stderr


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """With the scenario in it; the working directory."""
    shutil.copy(RUDE, tmp_path)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def rude(**parameters: object) -> mqttlab.Result:
    return mqttlab.run("rude.py:rude", seed=7, parameters=parameters)


def change(path: Path, edit: Callable[[dict[str, Any]], object]) -> None:
    data = json.loads(path.read_text())
    edit(data)
    path.write_text(json.dumps(data))


def test_a_failing_run_leaves_a_capsule_and_another_process_makes_the_same_run(
    folder: Path,
) -> None:
    code, out, _ = command("run", "rude.py", "--seed", 7, "--set", "wait=3s", "--set", "at=x/y")
    assert code == cli.FINDINGS
    assert f"again: mqttlab replay out/rude/{NAME}" in out
    code, out, err = command("replay", Path("out/rude", NAME))
    assert (code, err) == (cli.OK, "")
    found = json.loads(Path("out/rude/run.json").read_text())
    assert f"reproduced: DUP-RULE broken 1 x, fingerprint {found['fingerprint'][:16]}" in out
    assert "MQTT-3.3.1-1" in out
    kept = Capsule.read(Path("out/rude", NAME))
    assert kept.parameters == {"wait": 3.0, "loss": 0.05, "polite": False, "at": "x/y", "ends": ""}
    assert kept.versions == {**found["versions"], "core": machine.core()}


SCHEDULE = """
[[fault]]
on = "rude"
when = { at = "2s" }
what = { outage = true }
for = "1s"
"""


def test_the_schedule_of_faults_is_in_it(folder: Path) -> None:
    Path("f.toml").write_text(SCHEDULE)
    words = ("run", "rude.py", "--set", "wait=5s", "--seed", 7, "--faults")
    assert command(*words, "f.toml")[0] == cli.FINDINGS
    page = Path("out/rude/report.html").read_text()
    assert "mqttlab run rude.py --seed 7 --faults f.toml --set wait=5s" in page
    path = Path("out/rude", NAME)
    code, out, _ = command("replay", path)
    assert code == cli.OK, out
    change(path, lambda data: data["faults"][0].update({"for": "2s"}))
    assert command("replay", path)[0] == cli.FINDINGS
    Path("f.toml").write_text(SCHEDULE.replace("at", "atom"))
    code, _, err = command(*words, "f.toml")
    assert (code, err.count("\n"), "f.toml: fault 1" in err) == (cli.USAGE, 1, True)


def test_it_is_found_from_elsewhere_and_its_results_are_written_there(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    page = rude().write("out/deep")
    (folder / "other").mkdir()
    monkeypatch.chdir(folder / "other")
    with pytest.raises(SystemExit) as left:
        cli.main(["replay", str(folder / page.with_name(NAME)), "--out", "again", "--pcap"])
    assert left.value.code == cli.OK
    assert "report: again/report.html" in capsys.readouterr().out
    assert Path("again/capture.pcap").stat().st_size > 24
    assert (
        json.loads(Path("again/run.json").read_text())["fingerprint"]
        == (json.loads((folder / "out/deep/run.json").read_text())["fingerprint"])
    )


def test_a_run_that_passes_leaves_none_and_takes_its_older_one_away(folder: Path) -> None:
    rude().write("out")
    Path("out/other-seed-1.capsule.json").touch()
    assert Path("out", NAME).exists()
    rude(polite=True).write("out")
    assert not Path("out", NAME).exists()
    assert Path("out/other-seed-1.capsule.json").exists()


def test_what_has_changed_since_is_said_and_it_runs_all_the_same(folder: Path) -> None:
    path = rude().capsule().write(folder)
    change(path, lambda data: data["versions"].update(ns3="3.36", openssl="3.0"))
    code, out, _ = command("replay", path)
    assert code == cli.OK
    assert "differs: ns3 was 3.36, is 3.37" in out
    assert "differs: openssl was 3.0, is none" in out
    source = Path("rude.py").read_text()
    Path("rude.py").write_text(source.replace("publish: bytes) -> None:", "p: bytes) -> None:\n"
                               "    publish = PUBLISH_ONCE"))  # fmt: skip
    code, out, _ = command("replay", path)
    assert code == cli.FINDINGS
    assert "differs: rude.py has changed since" in out
    assert "not reproduced: nothing is broken, fingerprint " in out


def test_one_of_a_newer_version_runs_and_says_what_this_one_does_not_know(folder: Path) -> None:
    def newer(data: dict[str, Any]) -> None:
        data.update(capsule=2, weather="rain")
        data["violations"][0].update(severity=3)

    change(path := rude().capsule().write(folder), newer)
    code, out, err = command("replay", path)
    assert (code, err) == (cli.OK, "")
    assert "differs: the capsule is of format 2, this version reads 1" in out
    assert "differs: the capsule has weather, which this version does not know" in out
    assert "differs: the capsule has severity of violations, which this version" in out
    assert "reproduced: DUP-RULE broken 1 x" in out
    change(path, lambda data: data["parameters"].update(ends="abort"))
    change(path, lambda data: data.update(fingerprint="", error="process killed by SIGABRT: x"))
    code, out, _ = command("replay", path)  # made in a process of its own
    assert (code, "differs: the capsule has weather, which" in out) == (cli.OK, True)


def test_another_build_of_the_core_is_said(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = rude().capsule().write(folder)
    here = machine.core()
    assert not mqttlab.replay(path).differences
    other = folder / "_core.so"
    other.write_bytes(Path(_core.__file__).read_bytes() + b"x")
    monkeypatch.setattr(_core, "__file__", str(other))
    machine.core.cache_clear()
    found = mqttlab.replay(path)
    there = machine.core()
    monkeypatch.undo()
    machine.core.cache_clear()
    assert found.differences == (f"core was {here}, is {there}",)
    assert found.reproduced  # it is told, and decides nothing


def test_a_replay_without_out_says_where_its_ladder_is_had(folder: Path) -> None:
    path = rude().capsule().write(folder)
    hint = f"ladder: mqttlab replay {path} --out DIR"
    assert hint in command("replay", path)[1].splitlines()
    out = command("replay", path, "--out", "again")[1]
    assert ("report: again/report.html" in out, "ladder:" in out) == (True, False)
    change(path, lambda data: data["parameters"].update(ends="abort"))
    change(path, lambda data: data.update(fingerprint="", error="process killed by SIGABRT: x"))
    assert "ladder:" not in command("replay", path)[1]  # --out would be refused


@pytest.mark.parametrize(("ends", "how"), [("abort", "SIGABRT"), ("raise", "ValueError: as asked")])
def test_a_run_that_takes_its_process_down_or_raises_has_one_as_well(
    folder: Path, ends: str, how: str
) -> None:
    order = Capsule.of(rude(ends="nothing"))
    change(path := order.write(folder), lambda data: data["parameters"].update(ends=ends))
    made = isolated.made(Capsule.read(path))
    assert how in made.error
    assert bool(made.fingerprint) == (ends == "raise")
    code, out, _ = command("replay", made.write(folder))
    assert code == cli.OK
    assert how in out
    change(path, lambda data: data["parameters"].update(ends=""))
    code, out, _ = command("replay", path)
    assert code == cli.FINDINGS
    assert "not reproduced" in out


def test_a_command_whose_scenario_raises_leaves_report_and_capsule(folder: Path) -> None:
    done = subprocess.run(
        [
            sys.executable, "-m", "mqttlab.cli", "run", "rude.py", "--set", "ends=raise",
            "--out", "o",
        ],
        capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == cli.TROUBLE
    assert done.stderr.count("\n") == 1
    assert "ValueError: as asked" in done.stderr
    assert Path("o", "report.html").exists()
    (path,) = Path("o").glob("*.capsule.json")
    assert str(path) in done.stdout
    code, out, _ = command("replay", path)
    assert code == cli.OK
    assert "ValueError: as asked" in out


def test_what_cannot_be_made_again_says_why() -> None:
    async def local(lab: mqttlab.Lab) -> None:
        await lab.broker()

    with pytest.raises(mqttlab.Error, match="local to a function"):
        mqttlab.run(local, until=1).capsule()


@pytest.mark.parametrize(
    ("edit", "words"),
    [
        (lambda data: data.update(capsule="2"), ["format '2'", "reads 1"]),
        (lambda data: data.update(capsule=0), ["format 0", "reads 1"]),
        (lambda data: data.update(capsule=2, seed="7"), ["format 2", "reads 1", "seed"]),
        (lambda data: data.pop("capsule"), ["is no capsule", ".capsule.json"]),
        (lambda data: data.update(seed="7"), ["seed", "whole number"]),
        (lambda data: data.pop("until_s"), ["until_s", "missing"]),
        (lambda data: data["scenario"].pop("file"), ["says not where", "file"]),
        (lambda data: data["scenario"].update(file="gone.py"), ["gone.py", "neither here"]),
        (lambda data: data["scenario"].update(name="gone"), ["'gone'"]),
        (lambda data: data["parameters"].update(speed=1), ["'speed'", "known are"]),
        (lambda data: data.update(tcp="reno"), ["reno"]),
        (lambda data: data.update(faults=[{"when": {}}]), ["fault 1", "what"]),
        (lambda data: data["scenario"].update(file=5), ["5", "says not where"]),
        (lambda data: data.update(invariants=[5]), ["5", "says not where"]),
        (lambda data: data.update(violations=[{"what": "x"}]), ["violation", "at_s"]),
        (lambda data: data.update(arguments={"x": {"moon": 1}}), ["arguments"]),
    ],
)
def test_a_bad_capsule_costs_one_line(
    folder: Path,
    capsys: pytest.CaptureFixture[str],
    edit: Callable[[dict[str, Any]], object],
    words: list[str],
) -> None:
    change(path := rude().capsule().write(folder), edit)
    with pytest.raises(SystemExit) as left:
        cli.main(["replay", str(path)])
    said = capsys.readouterr().err
    assert left.value.code == cli.USAGE
    assert said.startswith("mqttlab: ")
    assert said.count("\n") == 1
    for word in words:
        assert word in said


@pytest.mark.parametrize(("content", "word"), [(b"{", "no JSON"), (b"\xff", "no JSON"),
                                               (None, "cannot read")])  # fmt: skip
def test_a_file_that_is_none_costs_one_line(
    folder: Path, capsys: pytest.CaptureFixture[str], content: bytes | None, word: str
) -> None:
    if content is not None:
        Path("x.json").write_bytes(content)
    with pytest.raises(SystemExit) as left:
        cli.main(["replay", "x.json"])
    said = capsys.readouterr().err
    assert left.value.code == cli.USAGE
    assert said.count("\n") == 1
    assert word in said
    assert "x.json" in said
