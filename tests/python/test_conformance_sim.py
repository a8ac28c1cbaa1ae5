"""The conformance suite against our broker in virtual time, over clean links and lossy ones."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

pytest.importorskip("mqttlab._sim")

from mqttlab import conformance, exits
from mqttlab.conformance import Trial, Verdict, captures, command
from mqttlab.conformance.cases import Case
from mqttlab.conformance.prove import Proof, prove
from mqttlab.conformance.runner import Outcome, Settings, attempt, run
from mqttlab.conformance.sabotage import Sabotage, drop
from mqttlab.conformance.simulated import CLEAN, simulated
from mqttlab.errors import UsageError

LIVE = Path(__file__).parents[2] / "results/conformance/mqttlab/conformance.json"
MOSQUITTO = str(Path(__file__).parents[1] / "interop/mosquitto.toml")
LOSSY = "umts,loss=2%"
INTERRUPTED = """
import os, signal, sys
from mqttlab.conformance import command
from mqttlab.conformance.cases import case
from mqttlab.conformance.sabotage import drop

@case("3:MQTT-3.12.4-1", expect="", sabotage=drop("PINGRESP"), name="made.interrupts")
async def interrupts(t):
    await t.connect()
    os.kill(os.getpid(), signal.SIGINT)
    await t.sleep(99)

sys.stderr = sys.stdout
words = ["--target", "sim", "--case", "made", "--case", "publish", *sys.argv[1:]]
print(command.main(words, standalone_mode=False))
"""

Pairs = list[tuple[Case, int]]


def all_cases() -> Pairs:
    return [(one, version) for one in conformance.load() for version in one.versions]


def outcomes_of(pairs: Pairs, link: str = CLEAN, seed: int = 1) -> list[Outcome]:
    with simulated(seed, link, None) as target:
        found: list[Outcome] = target.complete(run(pairs, target, Settings(target.times)))
    return found


@pytest.mark.parametrize("link", [CLEAN, LOSSY, "gprs", "lte"])
def test_every_case_ends_as_on_real_sockets(link: str) -> None:
    on_sockets = {
        (one["name"], one["version"]): one["verdict"]
        for one in json.loads(LIVE.read_text())["cases"]
    }
    outcomes = outcomes_of(all_cases(), link)
    found = {(one.case.name, one.version): str(one.verdict) for one in outcomes}
    days = {key for key in on_sockets if key[0].startswith("long_times.")}
    assert {found[key] for key in days} == {"pass"}
    assert {on_sockets[key] for key in days} == {"not observable"}  # nobody waits for them there
    assert {key: verdict for key, verdict in found.items() if key not in days} == {
        key: verdict for key, verdict in on_sockets.items() if key not in days
    }


def test_every_sabotage_turns_its_case_red() -> None:
    with simulated(1, CLEAN, None) as target:
        proofs: list[Proof] = target.complete(
            prove(all_cases(), target, Settings(target.times), others=False)
        )
    assert [one.case.name for one in proofs if not one.red] == []
    assert len(proofs) == len(all_cases())


def test_a_case_alone_meets_the_losses_that_it_met_among_all() -> None:
    among = {(one.case.name, one.version): one.log for one in outcomes_of(all_cases(), LOSSY, 3)}
    (case,) = (one for one in conformance.load() if one.name == "will.delayed")
    (alone,) = outcomes_of([(case, 5)], LOSSY, 3)
    (elsewhere,) = outcomes_of([(case, 5)], LOSSY, 4)

    def times(log: Any) -> list[float]:
        return [round(entry.at_s, 6) for entry in log]

    assert times(alone.log) == times(among["will.delayed", "5.0"])
    assert times(alone.log) != times(elsewhere.log)


def report(out: Path, hash_seed: int, link: str = LOSSY) -> bytes:
    """conformance.json of a process of its own."""
    words = ["--target", "sim", "--impairment", link, "--seed", "5", "--out", str(out)]
    environment = {**os.environ, "PYTHONHASHSEED": str(hash_seed)}
    done = subprocess.run(
        [sys.executable, "-m", "mqttlab.cli", "conformance", *words],
        env=environment, capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    return (out / "conformance.json").read_bytes()


def test_a_report_is_the_same_in_every_process(tmp_path: Path) -> None:
    with ThreadPoolExecutor(2) as pool:
        reports = list(pool.map(lambda seed: report(tmp_path / str(seed), seed), (1, 2)))
    assert reports[0] == reports[1]
    found = json.loads(reports[0])
    assert found["clock"] == "virtual"
    assert found["command"] == (
        "mqttlab conformance --target sim --impairment umts,loss=2% --seed 5"
    )
    captures = [(tmp_path / str(seed) / "run.pcap").read_bytes() for seed in (1, 2)]
    assert captures[0] == captures[1]
    assert len(captures[0]) > 100_000


def mqtt_packets(capture: Path) -> int:
    """As tshark counts them; 0 malformed ones."""
    words = ["tshark", "-n", "-r", str(capture), "-Y", "mqtt || _ws.malformed", "-T", "fields"]
    done = subprocess.run(
        [*words, "-e", "mqtt.msgtype", "-e", "_ws.malformed"],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    rows = [line.split("\t") for line in done.stdout.splitlines()]
    assert not any(row[1] for row in rows)
    return sum(len(row[0].split(",")) for row in rows)


@pytest.mark.skipif(not shutil.which("tshark"), reason="apt-get install tshark")
def test_each_case_has_a_capture_of_what_its_log_says(tmp_path: Path) -> None:
    assert invoke("--case", "will", "--version", "5.0", "--out", str(tmp_path)) == exits.OK
    found = json.loads((tmp_path / "conformance.json").read_text())
    assert [one["pcap"] for one in found["cases"]] == [
        f"pcap/{one['name']}-5.0.pcap" for one in found["cases"]
    ]
    (case,) = (one for one in conformance.load() if one.name == "will.delayed")
    (outcome,) = outcomes_of([(case, 5)])
    packets = sum(entry.direction != "end" for entry in outcome.log)
    assert packets == 7
    assert mqtt_packets(tmp_path / "pcap/will.delayed-5.0.pcap") == packets
    out_of_log = captures.write([outcome], None, tmp_path)
    made = tmp_path / out_of_log["will.delayed", "5.0"]
    assert made.suffix == ".pcapng"
    assert b"Made from the log of will.delayed (5.0)" in made.read_bytes()
    assert mqtt_packets(made) == packets


def test_an_interrupt_leaves_what_there_was() -> None:
    async def passes(t: Trial) -> None:
        await (await t.connect()).stays()

    async def interrupts(t: Trial) -> None:
        await t.sleep(100)
        os.kill(os.getpid(), signal.SIGINT)
        await asyncio.Event().wait()

    pairs = [
        (Case(f"made.{body.__name__}", ("3:MQTT-3.12.4-1",), "", "", body, drop("PINGRESP")), 4)
        for body in (passes, interrupts)
    ]
    with simulated(1, CLEAN, None) as target:
        ran = attempt(pairs, target, Settings(target.times))
    assert ran.interrupted
    assert [one.verdict for one in ran.outcomes] == [Verdict.PASS, Verdict.NOT_TESTED]


def test_an_interrupted_proof_leaves_what_there_was(
    in_process: Callable[..., str], tmp_path: Path
) -> None:
    said = in_process(INTERRUPTED.replace("sys.argv[1:]", f"['--prove', '--out', '{tmp_path}']"))
    assert said.splitlines()[-2:] == ["interrupted: cases were not tried", "130"]
    assert "Traceback" not in said
    assert isinstance(json.loads((tmp_path / "proof.json").read_text()), list)


def invoke(*words: str) -> int:
    result = CliRunner().invoke(
        command.main, ["--target", "sim", *words], catch_exceptions=False, standalone_mode=False
    )
    code: int = result.return_value
    return code


def test_impairments_are_a_table_and_each_finding_repeats_from_its_seed(tmp_path: Path) -> None:
    links = ("lte", "umts,loss=40%")  # no connection that stands is to be had on the second
    words = [f"--impairment={link}" for link in links]
    words += ["--section", "3.1.2", "--version", "5.0", "--seeds", "2", "--out", str(tmp_path)]
    assert invoke(*words) == exits.FINDINGS
    table = json.loads((tmp_path / "impairments.json").read_text())
    cells = table["cells"]
    assert [(one["impairment"], one["seed"], one["verdict"]) for one in cells] == [
        ("lte", 1, "pass"), ("lte", 2, "pass"), (links[1], 1, "fail"), (links[1], 2, "fail"),
    ]  # fmt: skip
    assert all(len(one["verdicts"]) == len(cells) for one in table["cases"])
    finding = cells[2]["findings"][0]
    repeat = finding["repeat"].split()
    assert repeat[:2] == ["mqttlab", "conformance"]
    code = invoke(*repeat[4:], "--out", str(tmp_path / "again"))
    judged = finding["verdict"] in (Verdict.FAIL, Verdict.ERROR)
    assert code == (exits.FINDINGS if judged else exits.NOT_APPLICABLE)
    (again,) = json.loads((tmp_path / "again/conformance.json").read_text())["cases"]
    assert {key: again[key] for key in finding} == finding
    for name in ("impairments.md", "impairments.html"):
        assert finding["repeat"] in (tmp_path / name).read_text()


def made_up(body: Callable[[Trial], Any], recipe: Any = None) -> Outcome:
    case = Case("made.up", ("3:MQTT-3.12.4-1",), "", "", body, recipe or drop("PINGRESP"))
    (outcome,) = outcomes_of([(case, 4)])
    return outcome


def test_a_case_that_hangs_or_is_wrong_is_an_error() -> None:
    async def hangs(t: Trial) -> None:
        await asyncio.Event().wait()

    async def wrong(t: Trial) -> None:
        raise KeyError("oops")

    class Wrong(Sabotage):
        def packet(self, link: Any, packet: Any) -> Any:
            raise LookupError("oops")

    async def sabotaged(t: Trial) -> None:
        t.sabotage = Wrong()
        await t.connect()

    for body, observed in (
        (hangs, "no verdict within 3600 s"),
        (wrong, "the case itself: KeyError"),
        (sabotaged, "the sabotage itself: LookupError"),
    ):
        outcome = made_up(body)
        assert outcome.verdict is Verdict.ERROR
        assert observed in outcome.observed


def test_a_broker_that_is_not_there_is_an_error() -> None:
    async def dials(t: Trial) -> None:
        object.__setattr__(t.target.endpoints["plain"], "port", 1)
        await t.connect()

    outcome = made_up(dials)
    assert outcome.verdict is Verdict.ERROR
    assert "no connection to tcp://broker:1" in outcome.observed


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--impairment", "umts"], "only sim has"),
        (
            ["--target", "sim", "--impairment", "lte", "--seeds", "2", "--prove"],
            "--prove: write one",
        ),
        (["--target", "sim", "--impairment", "wimax"], "unknown profile 'wimax'"),
        (["--target", "sim", "--impairment", "lte,los=1"], "'los=1'; write rate="),
        (["--target", "sim", "--impairment", "lte,loss=2"], "loss"),
        (["--target", "sim", "--profile", MOSQUITTO], "sim runs brokers in asyncio; write"),
    ],
)
def test_what_is_wrong_on_the_command_line_is_said(words: list[str], said: str) -> None:
    with pytest.raises(UsageError, match=said):
        CliRunner().invoke(command.main, words, catch_exceptions=False)


def main() -> None:
    """By hand: a hundred processes, a hash seed each, over a clean link and a lossy one."""
    with tempfile.TemporaryDirectory() as directory, ThreadPoolExecutor(2) as pool:
        for link in (CLEAN, LOSSY):
            seeds = range(100)
            folders = [Path(directory) / str(seed) for seed in seeds]
            told = list(pool.map(report, folders, seeds, [link] * len(seeds)))
            print(f"{link}: {len(set(told))} different conformance.json of {len(told)}")
            assert len(set(told)) == 1


if __name__ == "__main__":
    main()


def test_an_interrupt_in_virtual_time_ends_with_the_report(in_process: Callable[..., str]) -> None:
    pytest.importorskip("mqttlab._sim")
    said = in_process(INTERRUPTED)
    assert "Traceback" not in said
    assert "interrupted: " in said
    assert "statements a second" in said.splitlines()[-2]
    assert said.splitlines()[-1] == "130"
