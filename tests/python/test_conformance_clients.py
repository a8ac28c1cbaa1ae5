"""The conformance suite for clients: ours passes, in virtual time as on real sockets, and a driver
that fails is an error of its case.
"""

from __future__ import annotations

import asyncio
import json
import random
import shlex
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from click.testing import CliRunner

from mqttlab import conformance
from mqttlab.conformance import ClientTrial, Verdict, captures, command, document, exports, page
from mqttlab.conformance.cases import Case
from mqttlab.conformance.clients import clients
from mqttlab.conformance.prove import Proof, prove
from mqttlab.conformance.runner import Outcome, Settings, run
from mqttlab.conformance.sabotage import drop
from mqttlab.conformance.times import Times
from mqttlab.errors import Error, UsageError

ROOT = Path(__file__).parents[2]
LIVE = ROOT / "results/conformance/clients/mqttlab/conformance.json"
SAMPLE, SEED = 16, 1
LOSSY = "umts,loss=2%"

Pairs = list[tuple[Case, int]]


def all_cases() -> Pairs:
    return [(one, version) for one in conformance.load("client") for version in one.versions]


def verdicts(outcomes: list[Outcome]) -> dict[tuple[str, str], str]:
    """Of cases that need not be waited for by the day: on real sockets nobody does."""
    return {
        (one.case.name, one.version): str(one.verdict) for one in outcomes if not one.case.takes_s
    }


def simulated(pairs: Pairs, link: str | None = None) -> list[Outcome]:
    pytest.importorskip("mqttlab._sim")
    with clients("sim", None, 1, link, None) as target:
        found: list[Outcome] = target.complete(run(pairs, target, Settings(target.times)))
    return found


def on_sockets(
    pairs: Pairs, client: str = "live", settings: Settings | None = None
) -> list[Outcome]:
    with clients(client, None, 1, None, None) as target:
        return asyncio.run(run(pairs, target, settings or Settings(target.times, at_once=8)))


@pytest.fixture(scope="module")
def outcomes() -> list[Outcome]:
    return simulated(all_cases())


def test_our_client_breaks_no_statement(outcomes: list[Outcome]) -> None:
    wrong = [
        f"{one.case.name} ({one.version}): {one.verdict}: {one.observed}"
        for one in outcomes
        if one.verdict in (Verdict.FAIL, Verdict.ERROR, Verdict.NOT_TESTED)
    ]
    assert not wrong
    assert all(one.observed for one in outcomes if one.verdict is not Verdict.PASS)


def test_every_case_ends_as_it_did_on_real_sockets(outcomes: list[Outcome]) -> None:
    committed = {
        (one["name"], one["version"]): one["verdict"]
        for one in json.loads(LIVE.read_text())["cases"]
    }
    found = verdicts(outcomes)
    assert found == {key: verdict for key, verdict in committed.items() if key in found}
    assert len(committed) - len(found) == sum(bool(one.case.takes_s) for one in outcomes)


def test_a_sample_ends_on_real_sockets_as_in_virtual_time(outcomes: list[Outcome]) -> None:
    drawn = random.Random(SEED).sample(all_cases(), SAMPLE)
    found = verdicts(on_sockets(drawn))
    assert found == {key: verdict for key, verdict in verdicts(outcomes).items() if key in found}


def test_every_case_ends_the_same_over_a_lossy_link(outcomes: list[Outcome]) -> None:
    assert verdicts(simulated(all_cases(), LOSSY)) == verdicts(outcomes)


def test_every_sabotage_turns_its_case_red() -> None:
    pytest.importorskip("mqttlab._sim")
    with clients("sim", None, 1, None, None) as target:
        proofs: list[Proof] = target.complete(
            prove(all_cases(), target, Settings(target.times), others=False)
        )
    assert [one.case.name for one in proofs if one.green] == []
    assert sum(one.red for one in proofs) > 350


def test_a_report_is_the_same_in_every_process(
    in_process: Callable[..., str], tmp_path: Path
) -> None:
    pytest.importorskip("mqttlab._sim")

    def report(hash_seed: int) -> bytes:
        out = tmp_path / str(hash_seed)
        words = ["--client", "sim", "--impairment", LOSSY, "--seed", "5", "--out", str(out)]
        in_process(
            f"from mqttlab.conformance.command import main; main({words}, standalone_mode=False)",
            hash_seed=hash_seed,
        )
        return (out / "conformance.json").read_bytes()

    assert report(1) == report(2)


def test_the_report_of_a_client_is_like_that_of_a_broker(outcomes: list[Outcome]) -> None:
    found = document.build("a client", "client", outcomes, "mqttlab ...", False, 1.0)
    schema = json.loads((Path(command.__file__).parent / "conformance.schema.json").read_text())
    jsonschema.validate(found, schema)
    assert found["end"] == "client"
    (connected,) = (
        c for c in found["cases"] if (c["name"], c["version"]) == ("connect.will", "5.0")
    )
    directions = {line["text"].split()[0]: line["direction"] for line in connected["log"]}
    assert directions["CONNECT"] == "received"
    assert "a client (client)" in page.render([found])
    assert "a client" in exports.markdown(found)
    assert exports.junit(found).count("<testcase") == len(outcomes)


def test_the_log_says_what_was_ordered_and_what_it_told(tmp_path: Path) -> None:
    async def publishes(t: ClientTrial) -> None:
        peer = await t.connect()
        t.publish(t.topic("\0"), "x", qos=2)
        t.publish(t.topic(), "x" * 99, content_type="a b")
        await t.expect("acknowledged", id=2)
        t.said(peer, peer.make("PINGRESP"), "in a text frame")
        await peer.cut()
        await t.expect("closed")

    (outcome,) = simulated([(made_up(publishes, "5:MQTT-3.1.0-1"), 5)])
    (case,) = document.build("a client", "client", [outcome], "", False, 1.0)["cases"]
    told = [(line["direction"], line["text"]) for line in case["log"]]
    topic = "c/r0000/"
    connect = next(text for direction, text in told if direction == "order")
    assert connect.startswith("connect 5.0 r0000a")
    assert connect.endswith(" clean keep_alive_s 60")
    assert [one for one in told[3:] if one[0] != "end"] == [
        ("told", "connected"),
        ("order", f'publish 1 "{topic}\\u0000" payload x qos 2'),
        ("order", f"publish 2 {topic}t payload {'x' * 40}... (99 characters) qos 1 "
                  'properties (content_type "a b")'),
        ("told", "failed 1 bad_topic"),
        ("received", "PUBLISH qos 1 id 1 topic c/r0000/t 99 B, Content Type a b"),
        ("sent", "PUBACK id 1"),
        ("told", "acknowledged 2 codes []"),
        ("sent", "PINGRESP, in a text frame"),
        ("told", 'closed "the server closed the connection"'),
    ]  # fmt: skip
    shown = page.render([document.build("a client", "client", [outcome], "", False, 1.0)])
    assert "<b>a</b><b>client</b>" in shown
    assert '<i class="told" style="--at: 1">told</i></td><td>acknowledged 2 codes []' in shown
    quiet = replace(outcome, log=tuple(one for one in outcome.log if one.on_the_wire))
    assert captures.made(outcome) == captures.made(quiet)
    mute = replace(outcome, log=tuple(one for one in outcome.log if not one.on_the_wire))
    assert mute.log
    assert captures.write([mute], None, tmp_path) == {}


# Drivers that fail.

HELLO = """
import json, sys, threading
def say(event, **fields): print(json.dumps({"event": event, **fields}), flush=True)
say("hello", name="made up", features=["3.1.1", "message"])
"""
LOST = "sys.stdin.readline(); say('error', what='lost'); sys.stdin.read()"
TORN = "sys.stdin.readline(); sys.stdout.write('{'); raise KeyError('x')"
ABORT = "sys.stdin.readline(); import ctypes; ctypes.pythonapi.Py_FatalError(b'lock')"
CHILD = "import subprocess; subprocess.Popen(['sleep', '30']); sys.stdin.read()"
LONG = "sys.stdin.readline(); print('x' * 2**25, flush=True); sys.stdin.read()"
QUICK = Settings(times=Times(0.5, 0.05, 1, 0.2, 0.2, 0.2, limit_s=5), at_once=2)


def made_up(body: Callable[[ClientTrial], Any], key: str = "3:MQTT-3.1.0-1") -> Case:
    return Case("made.up", (key,), "", "", body, drop("CONNECT"), end="client")


async def connects(t: ClientTrial) -> None:
    await t.arrives()


def driven(program: str, body: Callable[[ClientTrial], Any] = connects) -> Outcome:
    words = shlex.join([sys.executable, "-c", program, "{host}", "{port}"])
    (outcome,) = on_sockets([(made_up(body), 4)], words, QUICK)
    return outcome


@pytest.mark.parametrize(
    ("program", "verdict", "said"),
    [
        (HELLO + "sys.stdin.readline(); raise KeyError('x')", Verdict.ERROR, "exited with 1: Key"),
        (
            HELLO + "sys.stdin.readline(); print('eh?', flush=True); sys.stdin.read()",
            Verdict.ERROR,
            "no event",
        ),
        (HELLO + TORN, Verdict.ERROR, "exited with 1: KeyError: 'x'"),
        (HELLO + ABORT, Verdict.ERROR, "exited with -6: Fatal Python error: lock"),
        (HELLO + LOST, Verdict.ERROR, "the driver: lost"),
        (HELLO + "threading.Event().wait()", Verdict.ERROR, "does not quit"),
        (HELLO + "sys.stdin.readline(); sys.stdin.readline()", Verdict.FAIL, "does not connect"),
        (HELLO + CHILD, Verdict.ERROR, "does not quit"),
        (HELLO + CHILD.replace("])", "], start_new_session=True)"), Verdict.ERROR, "not quit"),
        (HELLO + LONG, Verdict.ERROR, "a line of more than 16777216 bytes"),
    ],
    ids=["die", "babble", "torn", "abort", "error", "hang", "idle", "child", "daemon", "long line"],
)
def test_a_driver_that_fails_is_an_error_of_its_case(
    monkeypatch: pytest.MonkeyPatch, program: str, verdict: Verdict, said: str
) -> None:
    monkeypatch.setattr("mqttlab.conformance.clients._QUIT_S", 1.0)
    outcome = driven(program)
    assert outcome.verdict is verdict
    assert said in outcome.observed


@pytest.mark.parametrize(
    ("command_line", "said"),
    [
        ("/no/such/program {port}", "/no/such/program: No such file"),
        (shlex.join([sys.executable, "-c", "import nothing_of_this_name", "{port}"]), "No module"),
        ("sh -c 'foo {port}", "No closing quotation; write a command of a shell"),
        (shlex.join([sys.executable, "-c", HELLO.replace('"made up"', "3"), "{port}"]), "no event"),
    ],
)
def test_a_driver_that_never_starts_is_one_line(command_line: str, said: str) -> None:
    with pytest.raises(Error, match=said):
        on_sockets([(made_up(connects), 4)], command_line, QUICK)


def test_what_a_driver_does_not_have_is_not_claimed() -> None:
    async def asks_much(t: ClientTrial) -> None:
        await t.open(will={"topic": "t", "payload": "x", "qos": 0, "retain": False})

    outcome = driven(HELLO + "sys.stdin.read()", asks_much)
    assert outcome.verdict is Verdict.NOT_CLAIMED
    assert outcome.observed == "a will"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--client", "nobody"], "paho, gmqtt, .* or a command with"),
        (["--client", "live", "--impairment", "umts"], "only sim has such links"),
        (
            ["--client", "live", "--profile", str(ROOT / "tests/interop/amqtt.toml")],
            "of clients, only --client sim has one",
        ),
        (["--client", "sim", "--profile", str(ROOT / "tests/interop/aedes.toml")], "write drive ="),
    ],
)
def test_what_is_wrong_on_the_command_line_is_said(words: list[str], said: str) -> None:
    with pytest.raises(UsageError, match=said):
        CliRunner().invoke(command.main, words, catch_exceptions=False)
