"""The same scenarios simulated and on real sockets, against our broker and mosquitto."""

from __future__ import annotations

import json
import random
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

import mqttlab
import on_sockets
from mqttlab import UsageError, ViolationError
from mqttlab.run_command import again
from running import self_signed
from test_live import Site

pytest.importorskip("mqttlab._sim")

PATIENCE_S = 60.0
SHORT, BUSY = (f"{on_sockets.__file__}:{name}" for name in ("short", "busy"))
TRIAL = {"devices": 12, "faults": "8s", "settle": "2s", "interval": "500ms"}


def statuses(verdicts: Any) -> dict[str, str]:
    """The verdict table."""
    return {one["invariant"]: one["status"] for one in verdicts}


def on_the_wire(verdicts: Any) -> dict[str, str]:
    """Of those that do not look into the broker, which can be done in simulated networks only."""
    table = statuses(verdicts)
    return {name: table[name] for name in table if name not in ("BOUNDED", "LEAK")}


@dataclass
class LiveRun:
    """`mqttlab run` in a process of its own."""

    process: subprocess.Popen[str]
    directory: Path

    @classmethod
    def begin(cls, directory: Path, scenario: str, *words: str) -> LiveRun:
        command = [sys.executable, "-m", "mqttlab.cli", "run", scenario, "--out", str(directory)]
        process = subprocess.Popen(
            [*command, *words], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
        return cls(process, directory)

    def end(self) -> tuple[int, str, dict[str, Any]]:
        """Exit code, what it said, run.json."""
        said, _ = self.process.communicate(timeout=PATIENCE_S)
        found = self.directory / "run.json"
        return (
            self.process.returncode,
            said,
            json.loads(found.read_text()) if found.exists() else {},
        )


@pytest.fixture(scope="module")
def mosquittos(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[str]]:
    """Where two of them listen: runs at one broker would take each other's client ids."""
    sites = [Site(tmp_path_factory.mktemp("mosquitto")) for _ in range(2)]
    brokers = [site.mosquitto() for site in sites]
    yield [f"127.0.0.1:{site.port}" for site in sites]
    for broker in brokers:
        broker.kill()


@pytest.fixture(scope="module")
def mosquitto(mosquittos: list[str]) -> str:
    """Where one of them listens."""
    return mosquittos[0]


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, str]]:
    """The URL of a broker inside TLS, and the file of whom to trust."""
    site = Site(tmp_path_factory.mktemp("tls"))
    certificate, key = map(str, self_signed(site.directory))
    broker = site.ours(
        "--cert", certificate, "--key", key, "--allow-anonymous", url="tls://127.0.0.1:0"
    )
    yield f"tls://127.0.0.1:{site.port}", certificate
    broker.kill()


@pytest.fixture(scope="module")
def runs(
    tmp_path_factory: pytest.TempPathFactory, mosquittos: list[str], guarded: tuple[str, str]
) -> Iterator[dict[str, LiveRun]]:
    """All at once: they wait more than they work."""
    out = tmp_path_factory.mktemp("live")
    mosquitto, another = mosquittos
    url, trusted = guarded
    trial = [word for key, value in TRIAL.items() for word in ("--set", f"{key}={value}")]
    begun = {
        name: LiveRun.begin(out / name.replace(" ", "-"), *words)
        for name, words in {
            "short ours": (SHORT, "--target", "live"),
            "short mosquitto": (SHORT, "--target", mosquitto),
            "short tls": (SHORT, "--target", url, "--cafile", trusted),
            "trial ours": ("field_trial", "--target", "live", *trial),
            "trial mosquitto": ("field_trial", "--target", another, *trial),
            "endless": (f"{on_sockets.__file__}:endless", "--target", "live"),
        }.items()
    }
    yield begun
    for run in begun.values():
        run.process.kill()
        run.process.communicate()


def test_a_run_that_is_interrupted_is_valid_up_to_there(runs: dict[str, LiveRun]) -> None:
    run = runs["endless"]
    assert run.process.stdout
    assert "under way\n" in iter(run.process.stdout.readline, "")
    run.process.send_signal(signal.SIGINT)
    code, said, found = run.end()
    assert code == 130, said
    assert found["ending"] == "interrupted"
    assert statuses(found["verdicts"])["ACK-CAUSAL"] == "pass"


@pytest.mark.parametrize("target", ["ours", "mosquitto"])
def test_a_scenario_gets_the_same_verdicts_simulated_and_live(
    runs: dict[str, LiveRun], target: str
) -> None:
    simulated = mqttlab.run(on_sockets.short)
    expected = on_the_wire(vars(one) for one in simulated.verdicts)
    assert expected["CONVERGE"] == expected["Q2-RESUME"] == expected["WILL-IFF"] == "pass"
    code, said, found = runs[f"short {target}"].end()
    assert code == 0, said
    assert on_the_wire(found["verdicts"]) == expected
    assert statuses(found["verdicts"])["BOUNDED"] == "not_observable"
    assert found["versions"].keys() == {"mqttlab", "python", "numpy"}
    assert ("mosquitto version" in found["target"]["version"]) == (target == "mosquitto")
    assert found["target"]["version"] in said


def test_a_broker_elsewhere_is_left_as_it_was(runs: dict[str, LiveRun], mosquitto: str) -> None:
    runs["short mosquitto"].process.wait(PATIENCE_S)
    code, said, found = LiveRun.begin(
        runs["short mosquitto"].directory / "busy", BUSY, "--target", mosquitto
    ).end()
    assert (code, found["ending"]) == (0, "until"), said
    host, _, port = mosquitto.partition(":")
    kept = ["mosquitto_sub", "-h", host, "-p", port, "-t", "#", "--retained-only", "-W", "1"]
    assert subprocess.run(kept, capture_output=True, text=True, timeout=PATIENCE_S).stdout == ""
    for client_id in (b"desk", b"busy-0"):
        with socket.create_connection((host, int(port)), PATIENCE_S) as back:
            length = bytes([len(client_id)])
            connect = b"\0\4MQTT\4\0\0\x3c\0" + length + client_id
            back.sendall(b"\x10" + bytes([len(connect)]) + connect)
            assert back.recv(4) == b"\x20\2\0\0", "no session present"


def test_inside_tls_verdicts_are_the_same_or_not_observable(runs: dict[str, LiveRun]) -> None:
    code, said, found = runs["short tls"].end()
    assert code == 0, said
    assert "packets at the broker's end" in said
    seen = statuses(found["verdicts"])
    assert set(seen.values()) == {"pass", "not_observable"}
    assert seen["CONVERGE"] == seen["Q2-RESUME"] == "pass"
    assert seen["Q1-NOLOSS"] == seen["WILL-IFF"] == "not_observable"


@pytest.mark.parametrize("target", ["ours", "mosquitto"])
def test_the_field_trial_gets_the_same_verdicts_through_links(
    runs: dict[str, LiveRun], target: str
) -> None:
    simulated = mqttlab.run("field_trial", parameters=TRIAL)
    code, said, found = runs[f"trial {target}"].end()
    assert code == 0, said
    expected = on_the_wire(vars(one) for one in simulated.verdicts)
    assert on_the_wire(found["verdicts"]) == expected
    lossy = found["links"]["lossy"]["counters"]
    assert lossy["up"]["lost_random"] + lossy["down"]["lost_random"] > 0


def test_what_a_broker_elsewhere_cannot_be_told_is_not_applicable(mosquitto: str) -> None:
    result = mqttlab.run(on_sockets.guarded, target=mosquitto)
    assert (result.ending, result.passed) == ("not_applicable", False)
    assert {one.status for one in result.verdicts} == {"not_applicable"}
    assert "anonymous=False" in result.not_applicable[-1].what
    with pytest.raises(ViolationError, match="not applicable: the broker's option anonymous=False"):
        result.check()


def test_other_programs_are_not_applicable_even_if_they_do_not_mind() -> None:
    result = mqttlab.run(on_sockets.visited, target="live")
    assert {one.status for one in result.verdicts} == {"not_applicable"}
    assert result.not_applicable[-1].what == "loop.create_connection"


def test_clocks_are_the_real_ones_on_real_sockets() -> None:
    async def look(lab: mqttlab.Lab) -> None:
        seen.append((time.time(), random.random()))

    seen: list[tuple[float, float]] = []
    before = time.time()
    mqttlab.run(look, until="5s", target="live")
    mqttlab.run(look, until="5s")
    assert before <= seen[0][0] <= time.time()
    assert seen[0][1] == seen[1][1], "a scenario's chance is the seed's"


def test_the_command_says_what_is_not_applicable(mosquitto: str, tmp_path: Path) -> None:
    scenario = f"{on_sockets.__file__}:guarded"
    code, said, found = LiveRun.begin(tmp_path, scenario, "--target", mosquitto).end()
    assert code == 4
    assert "Not applicable. the broker's option anonymous=False" in said
    assert found["not_applicable"][-1]["why"] in (tmp_path / "report.html").read_text()


def test_the_command_that_repeats_a_run_names_no_secret(mosquitto: str, tmp_path: Path) -> None:
    scenario = f"{on_sockets.__file__}:guarded"
    _, said, _ = LiveRun.begin(tmp_path, scenario, "--target", f"tcp://me:xyzzy@{mosquitto}").end()
    page = (tmp_path / "report.html").read_text()
    assert f"--target tcp://USER:PASSWORD@{mosquitto}" in page
    assert "xyzzy" not in said + page + (tmp_path / "run.json").read_text()
    for given, shown in (
        ("me:p@ss@h:1", "USER:PASSWORD@h:1"),
        ("ws://me@h/mqtt@home", "ws://USER:PASSWORD@h/mqtt@home"),
        ("h:1", "h:1"),
        ("live", "live"),
    ):
        assert again("short", 1, None, None, given, None, {}).endswith(f" --target {shown}")


def test_a_capture_is_left_to_others(tmp_path: Path) -> None:
    async def nothing(lab: mqttlab.Lab) -> None:
        await lab.broker()

    result = mqttlab.run(nothing, until="1s", target="live", pcap=tmp_path / "no.pcap")
    assert [one.what for one in result.not_applicable] == ["run: pcap"]
    assert result.pcap is None
    assert not list(tmp_path.iterdir())


def test_until_ends_a_run_in_real_time() -> None:
    result = mqttlab.run(on_sockets.endless, until="300ms", target="live")
    assert result.ending == "until"
    assert 0.3 <= result.virtual_s < 5


def test_a_live_run_loads_no_simulator(in_process: Callable[..., str]) -> None:
    printed = in_process(
        "import sys, mqttlab\n"
        "async def nothing(lab): await lab.broker()\n"
        "mqttlab.run(nothing, until='1s', target='live')\n"
        "loaded = open('/proc/self/maps').read()\n"
        "print('mqttlab._sim' in sys.modules, 'libns3' in loaded)"
    )
    assert printed == "False False\n"


def test_a_bad_target_gets_one_line() -> None:
    async def nothing(lab: mqttlab.Lab) -> None:
        await lab.broker()

    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    for target, kind, words in (
        (f"127.0.0.1:{port}", mqttlab.Error, f"127.0.0.1:{port}.*refused"),
        ("no-such-host.invalid:1883", mqttlab.Error, "cannot find 'no-such-host.invalid'"),
        ("ftp://127.0.0.1", UsageError, "ftp"),
        ("127.0.0.1:99999", UsageError, "99999"),
        ("tls://127.0.0.1", UsageError, "--cafile"),
        ("", UsageError, "target"),
    ):
        with pytest.raises(kind, match=words) as caught:
            mqttlab.run(nothing, until="1s", target=target)
        assert "\n" not in str(caught.value)
