"""The load generator: its counts against brokers, and against one that loses, repeats and hangs up.

Nothing here looks at times.
"""

from __future__ import annotations

import itertools
import json
import os
import signal
import socket
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

import pytest

from mqttlab import bench_live, cli, programs
from mqttlab.errors import Error

CONNECT, PUBLISH, SUBSCRIBE = 1, 3, 8


def installed(name: str) -> bool:
    try:
        programs.path_of(name)
    except Error:
        return False
    return True


GENERATOR = installed("mqttlab-bench")
BROKERS = ["mosquitto", *(["mqttlab"] if installed("mqttlab-broker") else [])]
pytestmark = pytest.mark.skipif(not GENERATOR, reason="mqttlab-bench is not built")


def generate(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [programs.path_of("mqttlab-bench"), *arguments]
    return subprocess.run(command, capture_output=True, text=True)


@pytest.fixture(scope="module", params=BROKERS)
def broker(request: pytest.FixtureRequest) -> Iterator[tuple[int, int]]:
    with bench_live.serve(request.param) as address:
        yield address


@pytest.mark.parametrize("version", ["3.1.1", "5"])
@pytest.mark.parametrize("qos", [0, 1, 2])
@pytest.mark.parametrize(
    ("pattern", "ends", "copies"),
    [
        ("point-to-point", ["--publishers", "3"], 1),
        ("fan-out", ["--publishers", "2", "--subscribers", "7"], 7),
        ("fan-in", ["--publishers", "7", "--idle", "2"], 1),
    ],
)
def test_what_is_published_is_counted_exactly(
    broker: tuple[int, int], pattern: str, ends: list[str], copies: int, qos: int, version: str
) -> None:
    port, pid = broker
    arguments = ["--pattern", pattern, *ends, "--qos", str(qos), "--version", version]
    outcome = bench_live.load(port, [*arguments, "--messages", "210", "--payload", "700"], pid)
    assert outcome["published"] == 210
    assert outcome["acknowledged"] == (210 if qos else 0)
    assert outcome["expected"] == outcome["delivered"] == 210 * copies
    assert [outcome[key] for key in ("lost", "duplicates", "strangers", "refused")] == [0, 0, 0, 0]
    assert outcome["connections"] == sum(outcome[k] for k in ("publishers", "subscribers", "idle"))
    assert outcome["latency_us"]["p50"] <= outcome["latency_us"]["p99.9"]
    assert outcome["latency_us"]["p99.9"] <= outcome["latency_us"]["max"]
    assert outcome["broker_resident_bytes"]["connected"] > 0


def test_a_rate_sends_as_many_as_asked_for(broker: tuple[int, int]) -> None:
    outcome = bench_live.load(broker[0], ["--rate", "2000", "--messages", "100", "--qos", "1"])
    assert outcome["published"] == outcome["delivered"] == 100


def test_idle_connections_are_opened_and_measured(broker: tuple[int, int]) -> None:
    arguments = ["--pattern", "idle", "--idle", "50", "--duration", "0.1"]
    outcome = bench_live.load(*broker[:1], arguments, broker[1])
    assert outcome["connections"] == 50
    assert outcome["published"] == outcome["expected"] == 0


class FakeBroker:
    """Speaks as much MQTT 3.1.1 as QoS 0 needs. `copies(n)`: how often the n-th message is sent."""

    def __init__(self, copies: Callable[[int], int]) -> None:
        self.copies = copies
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self.listener.getsockname()[1]
        self.subscribers: list[socket.socket] = []
        self.published = 0
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self) -> None:
        while True:
            try:
                connection = self.listener.accept()[0]
            except OSError:
                return
            threading.Thread(target=self.serve, args=[connection], daemon=True).start()

    def serve(self, connection: socket.socket) -> None:
        with suppress(OSError), connection, connection.makefile("rb") as stream:
            while first := stream.read(1):
                length = stream.read(1)
                body = stream.read(length[0])
                if first[0] >> 4 == CONNECT:
                    connection.sendall(b"\x20\x02\x00\x00")
                elif first[0] >> 4 == SUBSCRIBE:
                    self.subscribers.append(connection)
                    connection.sendall(b"\x90\x03" + body[:2] + b"\x00")
                elif first[0] >> 4 == PUBLISH:
                    copies = self.copies(self.published)
                    self.published += 1
                    for subscriber in self.subscribers:
                        subscriber.sendall((first + length + body) * copies)
                else:
                    return


@contextmanager
def fake(copies: Callable[[int], int]) -> Iterator[FakeBroker]:
    broker = FakeBroker(copies)
    try:
        yield broker
    finally:
        broker.listener.close()


@pytest.mark.parametrize(
    ("odd", "copies", "code", "lost", "duplicates"),
    [(4, 0, 0, 1, 0), (9, 2, 1, 0, 1), (0, 3, 1, 0, 2), (11, 1, 0, 0, 0)],
)
def test_losses_and_duplicates_are_counted(
    odd: int, copies: int, code: int, lost: int, duplicates: int
) -> None:
    with fake(lambda n: copies if n == odd else 1) as broker:
        done = generate(
            "--json", "--port", str(broker.port), "--messages", "12", "--drain", "0.2"
        )  # fmt: skip
    outcome: dict[str, Any] = json.loads(done.stdout)
    assert (outcome["lost"], outcome["duplicates"]) == (lost, duplicates)
    assert outcome["delivered"] == 12 - lost
    assert done.returncode == code  # QoS 0 may lose, and may not repeat


def test_an_interrupted_run_leaves_valid_results() -> None:
    running: list[int] = []

    def copies(number: int) -> int:
        if number == 10:
            os.kill(running[0], signal.SIGINT)
        return 1

    with fake(copies) as broker:
        command = [programs.path_of("mqttlab-bench"), "--json", "--port", str(broker.port)]
        ready = threading.Event()
        honest = broker.copies
        broker.copies = lambda number: honest(number) if ready.wait(10) else 0
        process = subprocess.Popen([*command, "--duration", "600"], stdout=subprocess.PIPE)
        running.append(process.pid)
        ready.set()
        said = process.communicate()[0]
    outcome = json.loads(said)
    assert process.returncode == 130
    assert outcome["interrupted"]
    assert outcome["published"] > 10
    assert outcome["delivered"] + outcome["lost"] == outcome["published"]


def test_a_broker_that_hangs_up_is_named() -> None:
    def hang_up(n: int) -> int:
        for subscriber in broker.subscribers:
            subscriber.shutdown(socket.SHUT_RDWR)
        broker.subscribers.clear()  # or the publisher's end would fail with theirs, and race them
        return 0

    with fake(hang_up) as broker:
        done = generate("--json", "--port", str(broker.port), "--messages", "5", "--drain", "0.2")
    assert done.returncode == 3
    assert "subscriber 0: the broker closed the connection" in done.stderr
    assert json.loads(done.stdout)["error"] in done.stderr


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (["--payload", "19"], 2, "--payload 19: must be from 20 bytes"),
        (["--publishers", "0"], 2, "--publishers 0: must be 1 or more"),
        (["--publishers", "-1"], 2, "--publishers"),
        (["--publishers", "2", "--subscribers", "3"], 2, "--subscribers 3: must be as many"),
        (["--pattern", "ring"], 2, "ring is none of point-to-point, fan-out"),
        (["--qos", "3"], 2, "3 is none of 0, 1, 2"),
        (["--version", "4"], 2, "4 is none of 3.1.1, 5"),
        (["--in-flight", "65536"], 2, "--in-flight 65536: must be from 1 to 65535"),
        (["--rate", "-1"], 2, "--rate -1: must be 0 (flat out) or more"),
        (["--duration", "0"], 2, "--duration 0: must be over 0 seconds"),
        (["--prefix", "a/#"], 2, "--prefix a/#: must be a topic name without wildcards"),
        (["--pattern", "idle"], 2, "--idle 0: must be 1 or more"),
        (["--idle", "70000"], 2, "60000 at most"),
        (["--colour", "red"], 2, "--colour"),
        (["--port", "1"], 3, "127.0.0.1:1: subscriber 0: Connection refused"),
        (["--host", "no.such.host.invalid"], 3, "no.such.host.invalid:1883: "),
        (["--broker-pid", "4194305"], 3, "--broker-pid 4194305: there is no such process"),
    ],
)
def test_a_mistake_is_one_line_that_names_it(arguments: list[str], code: int, says: str) -> None:
    done = generate(*arguments)
    assert done.returncode == code
    assert done.stderr.startswith("mqttlab-bench: ")
    assert done.stderr.count("\n") == 1
    assert says in done.stderr
    assert not done.stdout


def run(*arguments: str) -> int:
    with pytest.raises(SystemExit) as left:
        cli.main(list(arguments))
    assert isinstance(left.value.code, int)
    return left.value.code


def test_the_command_line_hands_over_to_the_generator(monkeypatch: pytest.MonkeyPatch) -> None:
    called: list[list[str]] = []
    monkeypatch.setattr(os, "execv", lambda path, words: called.append([path, *words]))
    run("bench", "live", "--qos", "1", "--help")
    program = programs.path_of("mqttlab-bench")
    assert called == [[program, program, "--qos", "1", "--help"]]


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--against", "x"], "--against x: must be mosquitto"),
        (["--against=mosquitto", "--pattern", "ring"], "leave no row"),
        (["--against", "mosquitto", "--rounds", "0"], "--rounds"),
    ],
)
def test_a_comparison_names_what_is_wrong(
    arguments: list[str], says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("bench", "live", *arguments) == cli.USAGE
    assert says in capsys.readouterr().err


def test_a_program_that_is_missing_is_named() -> None:
    with pytest.raises(Error, match=r"mqttlab-nothing is neither in .* nor on PATH"):
        programs.path_of("mqttlab-nothing")


@pytest.mark.skipif("mqttlab" not in BROKERS, reason="mqttlab-broker is not built")
def test_a_comparison_is_written(tmp_path: Any, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["--against", "mosquitto", "--rounds", "1", "--duration", "0.1", "--idle", "20"]
    rows = ["--pattern", "point-to-point", "--qos", "1", "--payload", "64"]
    assert run("bench", "live", *words, *rows, "--out", str(tmp_path)) == cli.OK
    table = json.loads((tmp_path / "table.json").read_text())
    assert [row["row"]["qos"] for row in table["rows"]] == [1]
    footprints = {(one["broker"], one["transport"]): one for one in table["footprints"]}
    assert set(footprints) == set(itertools.product(("mqttlab", "mosquitto"), ("tcp", "tls")))
    for one in footprints.values():
        assert 0 < one["resident_bytes"]["0"] <= one["resident_bytes"]["20"]
        assert one["program_bytes"] > 0
    assert "mosquitto version" in table["versions"]["mosquitto"]
    assert "| point-to-point | 1 | 64 |" in (tmp_path / "table.md").read_text()
    assert "point-to-point" in capsys.readouterr().out
