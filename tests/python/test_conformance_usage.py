"""What a user of `mqttlab conformance` gets wrong is one line: value, place and remedy."""

from __future__ import annotations

import contextlib
import json
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner
from rich.console import Console

from mqttlab import exits
from mqttlab.conformance import Verdict, command
from mqttlab.conformance.cases import Case, load
from mqttlab.conformance.proofs import show
from mqttlab.conformance.prove import Proof
from mqttlab.errors import Error

ROOT = Path(__file__).parents[2]
RESULTS = ROOT / "results/conformance"
STARTED = 'name = "it"\nstart = ["true"]\n[endpoints]\nplain = "tcp://127.0.0.1:{port1}"\n'


def refused(*words: str) -> str:
    result = CliRunner().invoke(command.main, words, standalone_mode=False)
    assert isinstance(result.exception, Error), (result.exception, result.output)
    assert "\n" not in str(result.exception)
    return str(result.exception)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[endpoint]\nplain = 'x'", "endpoint: no such key; write name, "),
        ("[endpoints]\nplian = 'x'", "endpoints.plian: no such key; write plain, websocket, "),
        ('keep_alive_s = "no"', "keep_alive_s = 'no'; write a whole number"),
        ('at_once = "many"', "at_once = 'many'; write a whole number from 1"),
        ("at_once = 0", "at_once = 0; write a whole number from 1"),
        ("insecure = 1", "insecure = 1; write true or false"),
        ('login = "ada"', "login = 'ada': a table; write [login]"),
        ("start = []", "start = []; write a program with its arguments"),
        ("also = ['x']", "also = ['x']; write a list of programs with their arguments"),
        ("start_within_s = -1.5", "start_within_s = -1.5; write a number of seconds"),
        ("versions = [5]", "versions = [5]; write a list of texts"),
        ("versions = []", "versions = []; name some of ['3.1.1', '5.0']"),
        ('start = ["true"]\n[endpoints]\nplain = "x"', "start without name; write name ="),
        ('start = ["true"]\nname = "x"', "start without plain; write plain = under [endpoints]"),
    ],
)
def test_a_profile_with_a_mistake_is_one_line(tmp_path: Path, text: str, said: str) -> None:
    profile = tmp_path / "profile.toml"
    profile.write_text(text)
    assert f"--profile {profile}: {said}" in refused("--profile", str(profile))


def test_a_profile_whose_program_or_driver_is_not_there_is_one_line(tmp_path: Path) -> None:
    profile = tmp_path / "profile.toml"
    profile.write_text(STARTED.replace("true", "nonexist-broker"))
    line = refused("--profile", str(profile))
    assert line == "profile: start: nonexist-broker is not there; install it"
    for drive in ("nothing_of_this_name:drive", "none.py:drive"):
        profile.write_text(f'drive = "{drive}"')
        line = refused("--client", "sim", "--profile", str(profile))
        assert f"drive: {drive.partition(':')[0]}: " in line
        assert line.endswith("; install it")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--others"], "--others without --prove"),
        (["--seeds", "2", "--target", "sim"], "--seeds without --impairment"),
        (["--target", "sim", "--client", "sim"], "--target beside --client"),
        (["--compare", "--strict", "--seed", "1"], "--seed beside --compare"),
        (["--client", ""], "--client ''"),
        (["--section", ""], "--section ''"),
    ],
)
def test_an_option_that_nothing_comes_of_is_refused(words: list[str], said: str) -> None:
    assert said in refused(*words)


def test_what_cannot_be_compared_is_one_line(tmp_path: Path) -> None:
    bare = tmp_path / "bare.json"
    bare.write_text('{"format": 2}')
    ours, client = (
        str(RESULTS / name / "conformance.json") for name in ("mqttlab", "clients/paho")
    )
    words = ("--compare", "--out", str(tmp_path / "out"), ours)
    assert f"{bare}: no conformance.json of format 2" in refused(*words, str(bare))
    assert "brokers and clients do not go into one report" in refused(*words, client)
    result = CliRunner().invoke(command.main, [*words, ours], standalone_mode=False)
    assert result.return_value == exits.OK
    name = json.loads(Path(ours).read_text())["implementation"]
    assert f"{name} (2) 5.0: " in result.output


def test_a_folder_in_the_place_of_the_capture_is_one_line(tmp_path: Path) -> None:
    pytest.importorskip("mqttlab._sim")
    (tmp_path / "run.pcap").mkdir()
    line = refused("--target", "sim", "--out", str(tmp_path), "--case", "publish")
    assert line == f"--out {tmp_path}: run.pcap is a folder there; name another DIR"


@contextlib.contextmanager
def server(answer: bytes, heard: list[bytes] | None = None) -> Iterator[str]:
    """Says this to everybody, once it has heard something, and closes."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            with contextlib.suppress(OSError):
                while True:
                    with listener.accept()[0] as connection:
                        said = connection.recv(4096)
                        if heard is not None:
                            heard.append(said)
                        connection.sendall(answer)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield f"127.0.0.1:{listener.getsockname()[1]}"
        listener.shutdown(socket.SHUT_RDWR)
        thread.join()


@pytest.mark.parametrize(
    ("scheme", "answer", "said"),
    [
        ("tcp", b"", "accepts no CONNECT: it closes the connection; see that it speaks MQTT"),
        ("tcp", b"\x48\x03TP/1.1 400\r\n", "accepts no CONNECT: it answers b'H\\x03TP/'; see that"),
        ("tcp", b"\x20\x02\0\x01", "accepts no CONNECT: it "),
        ("tcp", b"\x20\x02\0\x05", "refuses CONNECT with 0x05: it asks who connects; write user "),
        ("ws", b"HTTP/1.1 abc\r\n\r\n", "the upgrade was answered by HTTP/1.1 abc; see that"),
    ],
)
def test_what_accepts_no_connect_is_one_line(scheme: str, answer: bytes, said: str) -> None:
    with server(answer) as address:
        assert said in refused("--target", f"{scheme}://{address}")


def test_a_websocket_is_asked_for_at_its_port_and_with_a_nonce_of_its_own() -> None:
    heard: list[bytes] = []
    with server(b"HTTP/1.1 404 none\r\n\r\n", heard) as address:
        for _ in range(2):
            refused("--target", f"ws://{address}")
    heads = [said.decode().split("\r\n") for said in heard]
    assert all(f"Host: {address}" in head for head in heads)
    keys = {line for head in heads for line in head if line.startswith("Sec-WebSocket-Key: ")}
    assert len(keys) == 2


def test_a_broker_that_is_started_and_asks_for_a_login_is_one_line(tmp_path: Path) -> None:
    program = (
        "import socket, sys\n"
        "server = socket.create_server(('127.0.0.1', int(sys.argv[1])))\n"
        "while True:\n"
        "    c = server.accept()[0]\n"
        "    if c.recv(4096): c.sendall(bytes([0x20, 2, 0, 5]))\n"
    )
    profile = tmp_path / "profile.toml"
    (tmp_path / "broker.py").write_text(program)
    profile.write_text(STARTED.replace('"true"', '"{python}", "{here}/broker.py", "{port1}"'))
    assert "write user and password of the profile's [login]" in refused("--profile", str(profile))


@pytest.mark.parametrize(
    ("before", "after", "code"),
    [
        (Verdict.NOT_CLAIMED, None, exits.NOT_APPLICABLE),
        (Verdict.FAIL, None, exits.FINDINGS),
        (Verdict.PASS, Verdict.PASS, exits.FINDINGS),
        (Verdict.PASS, Verdict.FAIL, exits.OK),
    ],
)
def test_the_exit_code_of_a_proof(before: Verdict, after: Verdict | None, code: int) -> None:
    case: Case = load()[0]
    assert show([Proof(case, "5.0", before, after)], "", None, Console(quiet=True)) == code
