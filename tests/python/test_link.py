"""`mqttlab link` between mosquitto's programs, and `mqttlab judge` on what it saw."""

from __future__ import annotations

import json
import re
import signal
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from mqttlab import cli, judge
from running import PATIENCE_S, Running, program
from test_live import Site


class Linked(Site):
    """A broker, and whoever talks to it over a link."""

    def link(self, *options: str) -> Running:
        self.trace = self.directory / "trace.ndjson"
        link = self.start(
            program("mqttlab-link"), "--listen", "tcp://127.0.0.1:0",
            "--to", f"127.0.0.1:{self.port}", "--trace", str(self.trace), *options,
        )  # fmt: skip
        self.port = int(link.until(r"listening on .*?:(\d+)\n")[1])
        return link

    def publish_lines(self, count: int, *words: str) -> str:
        """What mosquitto_pub says that publishes m0, m1, ..., dials again and keeps its session."""
        return subprocess.run(
            [self.pub, "-h", "127.0.0.1", "-p", str(self.port), "-t", "t/l", "-l", "-d",
             "-c", "-i", "pub", *words],
            input="".join(f"m{n}\n" for n in range(count)), capture_output=True, text=True,
            timeout=PATIENCE_S, check=True,
        ).stdout  # fmt: skip

    def lines(self, kind: str) -> list[dict[str, object]]:
        lines = [json.loads(line) for line in self.trace.read_text().splitlines()]
        return [line for line in lines if line["kind"] == kind]


@pytest.fixture
def linked(tmp_path: Path) -> Iterator[Linked]:
    one = Linked(tmp_path)
    yield one
    for running in one.running:
        running.kill()


def interrupt(link: Running) -> None:
    link.process.send_signal(signal.SIGINT)
    assert link.leaves() == 0


def exit_code(*arguments: str) -> int:
    with pytest.raises(SystemExit) as left:
        cli.main(list(arguments))
    assert isinstance(left.value.code, int)
    return left.value.code


def test_a_cut_at_the_third_pubrec_and_the_verdict(
    linked: Linked, capsys: pytest.CaptureFixture[str]
) -> None:
    linked.mosquitto()
    link = linked.link("--delay", "5ms", "--seed", "7", "--cut", "down:before=PUBREC#3")
    subscriber = linked.subscribe("-t", "t/#", "-q", "2", "-C", "6", "-i", "sub")
    sent = linked.publish_lines(6, "-q", "2")
    assert subscriber.leaves() == 0
    interrupt(link)

    before, again = sent.split("sending CONNECT")[1:]
    assert re.findall(r"received PUBREC \(Mid: (\d+)", before) == ["1", "2"]
    assert re.findall(r"received PUBREC \(Mid: (\d+)", again) == ["3", "4", "5", "6"]
    assert re.findall(r"^t/l (m\d)$", subscriber.said, re.MULTILINE) == [f"m{n}" for n in range(6)]
    (cut,) = [line for line in linked.lines("connection") if "cut" in line]
    assert cut["cut"] == "reset"
    assert cut["bytes_down"] == 4 + 2 * 4  # CONNACK and two PUBRECs, and not a byte more

    found = judge.judge(linked.trace)
    assert found.complete
    assert found.passed, found.violations
    status = {verdict.invariant: verdict for verdict in found.verdicts}
    assert status["Q2-RESUME"].status == status["Q2-ONCE"].status == "pass"
    assert "not in the trace" in status["Q2-ONCE"].why
    assert status["QUOTA-CONSERVE"].status == status["KA-DETECT"].status == "not_observable"
    assert exit_code("judge", str(linked.trace)) == cli.OK
    assert "0 are broken" in capsys.readouterr().out


def test_a_finding_is_exit_code_1_and_a_changed_file_is_refused(
    linked: Linked, capsys: pytest.CaptureFixture[str]
) -> None:
    linked.mosquitto()
    link = linked.link("--cut", "up:after=PUBLISH#1", "--cut", "up:after=SUBSCRIBE#1")
    linked.publish_lines(1, "-q", "1")
    interrupt(link)
    assert "--cut up:after=SUBSCRIBE#1 has not happened" in link.said
    assert judge.judge(linked.trace).passed

    # The repeat forgets to say that it is one.
    text = linked.trace.read_text()
    first, repeat = re.findall(r'.*"written".*"PUBLISH".*\n', text)
    assert '"flags":10' in repeat
    forged = text.replace(repeat, repeat.replace('"flags":10', '"flags":2'))
    linked.trace.write_text(forged)
    assert exit_code("judge", str(linked.trace)) == cli.USAGE
    assert "was changed" in capsys.readouterr().err
    linked.trace.write_text(forged[: forged.rindex('{"kind":"end"')])
    assert exit_code("judge", str(linked.trace)) == cli.FINDINGS
    said = capsys.readouterr().out
    assert "DUP-RULE" in said
    assert "breaks off" in said
    assert first != repeat


def test_what_is_not_plain_mqtt_is_carried_and_said_to_be_unseen(
    linked: Linked, capsys: pytest.CaptureFixture[str]
) -> None:
    server = socket.create_server(("127.0.0.1", 0))
    linked.port = server.getsockname()[1]
    link = linked.link("--cut", "down:after-bytes=5")
    with server, socket.create_connection(("127.0.0.1", linked.port), PATIENCE_S) as client:
        client.sendall(b"GET / HTTP/1.1\r\n\r\n")
        answer, _ = server.accept()
        with answer:
            answer.settimeout(PATIENCE_S)
            assert answer.recv(100) == b"GET / HTTP/1.1\r\n\r\n"
            answer.sendall(b"HTTP/1.1 200 OK\r\n")
            assert client.recv(100) == b"HTTP/"
            with pytest.raises(ConnectionResetError):
                client.recv(100)
    link.until("not observable")
    interrupt(link)
    (connection,) = linked.lines("connection")
    assert connection["observable"] is False
    assert exit_code("judge", str(linked.trace)) == cli.OK
    said = capsys.readouterr().out
    assert "0 invariants hold" in said
    assert "1 of 1 connections were not plain MQTT" in said


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["--profile", "5g"], "known are gprs, "),
        (["--loss", "2 percent"], "for instance 2%"),
        (["--cut", "up:before=CONNACK"], "write down:"),
        (["--capacity", "no.such"], "cannot read 'no.such'"),
        (["--cycle", "up=5s"], "over 0"),
        (["--trace", "/no/such/folder"], "name another file"),
        (["--to", "tls://127.0.0.1:1"], "write tcp://"),
    ],
)
def test_bad_options_are_one_line(words: list[str], says: str) -> None:
    target = [] if "--to" in words else ["--to", "127.0.0.1:1"]
    done = subprocess.run(
        [program("mqttlab-link"), "--listen", "tcp://127.0.0.1:0", *target, *words],
        capture_output=True, text=True, timeout=PATIENCE_S,
    )  # fmt: skip
    assert done.returncode in (cli.USAGE, cli.TROUBLE)
    assert says in done.stderr.splitlines()[-1]
    assert "terminate" not in done.stderr


def test_what_is_no_trace_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "notes.txt"
    file.write_text("hello\n")
    for path in (file, tmp_path / "missing"):
        assert exit_code("judge", str(path)) == cli.USAGE
        assert str(path) in capsys.readouterr().err
