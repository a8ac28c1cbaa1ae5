"""Hunts: many seeds, each run in a process of its own, what is found told once, and going on."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import Executor, ProcessPoolExecutor, ThreadPoolExecutor
from pathlib import Path

import pytest

pytest.importorskip("mqttlab._sim")

import mqttlab
from mqttlab import cli
from mqttlab.hunt_journal import NAME
from mqttlab.own_invariants import Broken
from own_rules import idle, no_ping, short

HUNTED = """
import asyncio, os, signal, mqttlab
from rude import PUBLISH, PUBLISH_ONCE, client

@mqttlab.scenario(until="1min")
async def hunted(lab, *, stops_at: int = 0):
    if lab.seed == 3:
        os.abort()
    if lab.seed == stops_at:
        os.kill(os.getppid(), signal.SIGINT)
        while True:
            pass
    await lab.broker()
    await lab.device("a", via=lab.link("umts")).run(
        client(PUBLISH if lab.seed in (2, 4) else PUBLISH_ONCE))
    assert lab.seed != 4, "as asked"
"""
FOUND = {"process killed by SIGABRT": (3,), "DUP-RULE": (2, 4), "AssertionError": (4,)}


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    shutil.copy(Path(__file__).with_name("rude.py"), tmp_path)
    (tmp_path / "hunted.py").write_text(HUNTED)
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    return tmp_path


def command(*words: object) -> tuple[int, str, str]:
    done = subprocess.run(
        [sys.executable, "-m", "mqttlab.cli", "hunt", "hunted.py", *map(str, words)],
        capture_output=True, text=True,
    )  # fmt: skip
    return done.returncode, done.stdout, done.stderr


def test_each_finding_is_told_once_and_its_capsule_makes_the_run_again(folder: Path) -> None:
    code, out, err = command("--seeds", 5, "--jobs", 2, "--out", "o")
    assert (code, err) == (cli.FINDINGS, "")
    assert "5 of 5 seeds, 3 findings" in out
    for name, (first, *_) in FOUND.items():
        path = Path("o", f"{name.replace(' ', '-')}.capsule.json")
        kept = json.loads(path.read_text())
        assert kept["seed"] == first
        found = mqttlab.replay(path)
        assert found.reproduced, found
        assert name in f"{found.again.broken} {found.again.error}"
    lines = [json.loads(line) for line in Path("o", NAME).read_text().splitlines()]
    assert {line["seed"] for line in lines[1:]} == {1, 2, 3, 4, 5}
    code, again, _ = command("--seeds", 5, "--out", "o")
    assert again == out.replace("3 findings", "3 findings; 5 of the seeds had been done before")
    assert len(Path("o", NAME).read_text().splitlines()) == len(lines)


def test_a_hunt_that_was_interrupted_goes_on(folder: Path) -> None:
    hunted = ("--seeds", 5, "--jobs", 1, "--set", "stops_at=4", "--out", "o")
    code, out, err = command(*hunted)
    assert (code, err) == (cli.INTERRUPTED, ""), out
    assert "3 of 5 seeds, 2 findings; interrupted" in out
    assert Path("o/DUP-RULE.capsule.json").exists()
    path = Path("o", NAME)
    whole = path.read_text()
    path.write_text(whole[: whole.rindex("{") + 9])  # as if killed in the middle of a line
    code, out, _ = command(*hunted)
    assert "3 of 5 seeds, 2 findings; 2 of the seeds had been done before; interrupted" in out
    code, _, err = command("--seeds", 5, "--out", "o")
    assert (code, err.count("\n")) == (cli.USAGE, 1)
    assert "another hunt: parameters differs" in err


def in_processes(work: Callable[[Executor], mqttlab.Hunt]) -> mqttlab.Hunt:
    with ProcessPoolExecutor(2) as pool:
        return work(pool)


def in_threads(work: Callable[[Executor], mqttlab.Hunt]) -> mqttlab.Hunt:
    with ThreadPoolExecutor(2) as pool:
        return work(pool)


def by_dask(work: Callable[[Executor], mqttlab.Hunt]) -> mqttlab.Hunt:
    distributed = pytest.importorskip("distributed")
    with (
        distributed.LocalCluster(
            n_workers=1, threads_per_worker=2, processes=False, dashboard_address=None
        ) as cluster,
        distributed.Client(cluster) as client,
    ):
        return work(client.get_executor())


def test_a_run_that_does_not_end_is_a_finding(folder: Path) -> None:
    found = mqttlab.hunt("rude.py", seeds=1, parameters={"ends": "never"}, limit="3s")
    assert [finding.name for finding in found.findings] == ["process still ran after 3 s"]


@pytest.mark.parametrize("where", [in_processes, in_threads, by_dask])
def test_every_executor_finds_the_same(
    folder: Path, where: Callable[[Callable[[Executor], mqttlab.Hunt]], mqttlab.Hunt]
) -> None:
    told: list[tuple[int, int, int]] = []

    def work(executor: Executor) -> mqttlab.Hunt:
        return mqttlab.hunt(
            "hunted.py:hunted", seeds=[4, 3, 2], executor=executor, jobs=2,
            progress=lambda *news: told.append(news),
        )  # fmt: skip

    found = where(work)
    assert (found.done, found.asked, found.interrupted) == (3, 3, False)
    assert {one.name: one.seeds for one in found.findings} == FOUND
    assert [one.first.seed for one in found.findings] == [2, 3, 4]
    assert told[0] == (0, 3, 0)
    assert told[-1] == (3, 3, 3)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["hunted.py", "--executor", "cloud"], "'cloud'"),
        (["hunted.py", "--seeds", "0"], "--seeds"),
        (["hunted.py", "--set", "speed=1"], "'speed'"),
        (["hunted.py", "--out", "hunted.py"], "hunted.py/hunt.ndjson"),
        (["gone.py"], "'gone.py'"),
        (["broken.py"], "broken.py:2"),
    ],
)
def test_a_mistake_is_a_line(
    folder: Path, capsys: pytest.CaptureFixture[str], words: list[str], said: str
) -> None:
    Path("broken.py").write_text("import mqttlab\nboom()\n")
    with pytest.raises(SystemExit) as left:
        cli.main(["hunt", *words])
    err = capsys.readouterr().err
    assert left.value.code in (cli.USAGE, cli.TROUBLE)
    assert err.count("\n") == 1
    assert said in err


TWICE = """
import mqttlab
from rude import PUBLISH, PUBLISH_ONCE, client

@mqttlab.scenario(until="1min")
async def twice(lab):
    await lab.broker()
    await lab.device("a").run(client(PUBLISH_ONCE + PUBLISH))
"""


def test_what_is_only_recommended_is_hunted(folder: Path) -> None:
    Path("hunted.py").write_text(TWICE)
    assert command("--seeds", 1, "--out", "lenient")[0] == cli.OK
    code, out, _ = command("--seeds", 1, "--strict", "--out", "strict")
    assert (code, "DUP-BOUND" in out) == (cli.FINDINGS, True), out
    assert mqttlab.replay("strict/DUP-BOUND.capsule.json").reproduced
    for words, directory in (((), "strict"), (("--strict",), "lenient")):
        code, _, err = command("--seeds", 1, *words, "--out", directory)
        assert (code, "another hunt: strict differs" in err) == (cli.USAGE, True), err


def test_invariants_of_ones_own_are_hunted(folder: Path) -> None:
    found = mqttlab.hunt(
        idle, seeds=1, parameters={"wait": 65}, invariants=[short, no_ping], directory="o"
    )
    assert {finding.name for finding in found.findings} == {"NO-PING", "SHORT"}
    assert mqttlab.replay("o/SHORT.capsule.json").again.broken["SHORT"] == 1

    @mqttlab.invariant("LOCAL")
    def local(result: mqttlab.Result) -> Broken:
        yield 0, "as always"

    for rule, words in (
        (local, "hunt: nobody else finds the invariant local"),
        (idle, "is no invariant; decorate it"),
    ):
        with pytest.raises(mqttlab.UsageError, match=words):
            mqttlab.hunt(idle, invariants=[rule])


def test_a_local_function_cannot_be_hunted() -> None:
    async def local(lab: mqttlab.Lab) -> None: ...

    with pytest.raises(mqttlab.UsageError, match="into a file"):
        mqttlab.hunt(local, until=1)
