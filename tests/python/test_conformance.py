"""The conformance suite: our broker passes, each case can fail, and what is not a pass says why."""

from __future__ import annotations

import asyncio
import json
import os
import random
import signal
import socket
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import jsonschema
import pytest
from click.testing import CliRunner

from mqttlab import conformance, exits
from mqttlab.conformance import Trial, Verdict, command, coverage, document, exports, page, wire
from mqttlab.conformance.cases import Case, statements
from mqttlab.conformance.prove import prove
from mqttlab.conformance.runner import INTERRUPTED, Outcome, Ran, Settings, attempt, run
from mqttlab.conformance.sabotage import drop
from mqttlab.conformance.target import serve
from mqttlab.conformance.times import Times
from mqttlab.errors import Error

PACKAGE = Path(conformance.__file__).parent
SCHEMA = json.loads((PACKAGE / "conformance.schema.json").read_text())
SAMPLE, SEED = 40, 1

Pairs = list[tuple[Case, int]]


def pairs_of(cases: list[Case]) -> Pairs:
    return [(one, version) for one in cases for version in one.versions]


@pytest.fixture(scope="module")
def outcomes() -> list[Outcome]:
    with serve("live") as target:
        return asyncio.run(run(pairs_of(conformance.load()), target, Settings()))


@pytest.fixture(scope="module")
def found(outcomes: list[Outcome]) -> dict[str, Any]:
    return document.build("mqttlab", "server", outcomes, "mqttlab conformance", False, 1.0)


def test_our_broker_breaks_no_statement(outcomes: list[Outcome]) -> None:
    wrong = [
        f"{one.case.name} ({one.version}): {one.verdict}: {one.observed}"
        for one in outcomes
        if one.verdict in (Verdict.FAIL, Verdict.ERROR, Verdict.NOT_TESTED)
    ]
    assert not wrong
    assert all(one.observed for one in outcomes if one.verdict is not Verdict.PASS)


def test_the_committed_report_is_what_a_run_finds(found: dict[str, Any]) -> None:
    path = Path(__file__).parents[2] / "results/conformance/mqttlab/conformance.json"
    committed = json.loads(path.read_text())
    # test_conformance_sim.py holds every case in virtual time against the same document.
    by_case, by_statement = (
        [
            {(row[name], row["version"]): row["verdict"] for row in of[rows]}
            for of in (committed, found)
        ]
        for rows, name in (("cases", "name"), ("statements", "key"))
    )
    assert by_case[0] == by_case[1]
    assert by_statement[0] == by_statement[1]


def test_every_statement_that_can_be_seen_has_a_case_at_each_end_that_shows_it() -> None:
    for found in coverage.coverage().values():
        assert found.exercised == found.seen
        assert found.together > 0.95 * found.observable
        assert found.together + len(found.missing) == found.listed
        assert all(row.observable in coverage.UNSEEN for row in found.missing)
    without_any = coverage.coverage([])["5.0"]
    assert (without_any.together, len(without_any.missing)) == (0, without_any.listed)


def test_a_sample_of_the_cases_turns_red_under_sabotage() -> None:
    drawn = random.Random(SEED).sample(pairs_of(conformance.load()), SAMPLE)
    with serve("live") as target:
        proofs = asyncio.run(prove(drawn, target, Settings(at_once=SAMPLE), others=False))
    assert [one.case.name for one in proofs if one.green] == []
    assert sum(one.red for one in proofs) > SAMPLE * 0.9


# What a case comes to, on targets that misbehave.

CRASHES = """
import asyncio, os, sys

async def serve(reader, writer):
    while data := await reader.read(4096):
        if data[0] == 0x10:
            writer.write(bytes([0x20, 2, 0, 0]))
        elif data[0] == 0xC0:
            writer.write(b"\\xd0\\0")
        elif data[0] == 0x82:
            os._exit(7)

async def main():
    async with await asyncio.start_server(serve, "127.0.0.1", int(sys.argv[1])) as server:
        await server.serve_forever()

asyncio.run(main())
"""
SILENT = CRASHES.replace("bytes([0x20, 2, 0, 0])", 'b""')
HANGS = CRASHES.replace("os._exit(7)", "__import__('time').sleep(60)")


def judge(tmp_path: Path, program: str, *cases: Case) -> list[Outcome]:
    return attempted(tmp_path, program, *cases).outcomes


def attempted(tmp_path: Path, program: str, *cases: Case) -> Ran:
    (tmp_path / "broker.py").write_text(program)
    profile = tmp_path / "profile.toml"
    profile.write_text(
        f'name = "made up"\nstart = ["{sys.executable}", "{tmp_path}/broker.py", "{{port1}}"]\n'
        '[endpoints]\nplain = "tcp://127.0.0.1:{port1}"\n'
    )
    settings = Settings(times=Times(0.5, 0.05, 1, 0.2, 0.2, 0.2, limit_s=2))
    with serve("profile", profile) as target:
        return attempt([(one, 4) for one in cases], target, settings)


def made_up(name: str, body: Callable[[Trial], object]) -> Case:
    async def run_it(t: Trial) -> None:
        await body(t)  # type: ignore[misc]

    return Case(f"made.{name}", ("3:MQTT-3.12.4-1",), "an answer", "", run_it, drop("PINGRESP"))


async def pings(t: Trial) -> None:
    await (await t.connect()).stays()


async def subscribes(t: Trial) -> None:
    await (await t.connect()).subscribe(t.topic())


def test_a_crash_is_put_down_to_its_case_and_the_run_goes_on(tmp_path: Path) -> None:
    crash, ping = made_up("crash", subscribes), made_up("ping", pings)
    outcomes = judge(tmp_path, CRASHES, ping, crash, ping)
    assert [one.verdict for one in outcomes] == [Verdict.PASS, Verdict.ERROR, Verdict.PASS]
    assert outcomes[1].observed == "the target has exited with 7"


def test_a_hang_is_put_down_to_its_case_and_the_run_goes_on(tmp_path: Path) -> None:
    hang, ping = made_up("hang", subscribes), made_up("ping", pings)
    outcomes = judge(tmp_path, HANGS, ping, hang, ping)
    assert [one.verdict for one in outcomes] == [Verdict.PASS, Verdict.ERROR, Verdict.PASS]
    assert outcomes[1].observed == "the target takes connections and answers no CONNECT"


def test_a_crash_after_its_case_passed_is_put_down_to_it(tmp_path: Path) -> None:
    async def connects(t: Trial) -> None:
        await t.connect()

    then = 'writer.write(b"\\xd0\\0"); await reader.read(1); os._exit(7)'
    program = CRASHES.replace('writer.write(b"\\xd0\\0")', then)
    cases = made_up("connects", connects), made_up("ping", pings), made_up("connects", connects)
    outcomes = judge(tmp_path, program, *cases)
    assert [one.verdict for one in outcomes] == [Verdict.PASS, Verdict.ERROR, Verdict.PASS]


def test_a_target_that_says_nothing_is_an_error(tmp_path: Path) -> None:
    (outcome,) = judge(tmp_path, SILENT, made_up("ping", pings))
    assert outcome.verdict is Verdict.ERROR
    assert "answers no CONNECT" in outcome.observed


def test_a_case_that_hangs_or_is_wrong_is_an_error(tmp_path: Path) -> None:
    async def hangs(t: Trial) -> None:
        await asyncio.Event().wait()

    async def wrong(t: Trial) -> None:
        raise KeyError("oops")

    outcomes = judge(tmp_path, CRASHES, made_up("hangs", hangs), made_up("wrong", wrong))
    assert [one.verdict for one in outcomes] == [Verdict.ERROR, Verdict.ERROR]
    assert "no verdict within 2 s" in outcomes[0].observed
    assert "KeyError" in outcomes[1].observed


def test_what_the_target_does_not_prepare_is_not_tested(tmp_path: Path) -> None:
    async def needs_more(t: Trial) -> None:
        peer = await t.connect()
        await peer.publish(t.topic(), qos=1)

    (outcome,) = judge(tmp_path, CRASHES, made_up("publish", needs_more))
    assert outcome.verdict is Verdict.NOT_TESTED
    assert "no PUBACK" in outcome.observed


def test_an_interrupt_leaves_what_there_was(tmp_path: Path) -> None:
    async def interrupts(t: Trial) -> None:
        await (await t.connect()).stays()
        os.kill(os.getpid(), signal.SIGINT)
        await asyncio.Event().wait()

    first, second, third = (
        made_up("ping", pings),
        made_up("ctrl_c", interrupts),
        made_up("x", pings),
    )
    alone = replace(second, alone=True), replace(third, alone=True)
    ran = attempted(tmp_path, CRASHES, first, *alone)
    assert ran.interrupted
    assert [one.verdict for one in ran.outcomes] == [Verdict.PASS, *[Verdict.NOT_TESTED] * 2]
    assert [one.observed for one in ran.outcomes[1:]] == [INTERRUPTED] * 2
    found = document.build("it", "server", ran.outcomes, "", False, ran.took_s, interrupted=True)
    jsonschema.validate(json.loads(json.dumps(found)), SCHEMA)
    assert document.exit_code(found) == exits.INTERRUPTED


def test_a_malformed_packet_is_a_failure_whoever_notices(tmp_path: Path) -> None:
    program = CRASHES.replace("\\xd0\\0", "\\xd1\\0")

    async def connects(t: Trial) -> None:
        peer = await t.connect()
        peer.send("PINGREQ")
        await peer.answered()

    outcomes = judge(tmp_path, program, made_up("connect", connects))
    assert [one.verdict for one in outcomes] == [Verdict.PASS, Verdict.FAIL]
    assert outcomes[1].keys == ["3:MQTT-2.2.2-2"]


# Packets

WIRE = (
    ("CONNECT", True, {"client_id": "c", "clean": False, "keep_alive_s": 9, "user_name": "u",
                       "password": "p", "will": {"topic": "w", "payload": b"x", "qos": 1}}),
    ("CONNACK", False, {"session_present": 1}),
    ("PUBLISH", True, {"topic": "t", "payload": b"x", "qos": 1, "packet_id": 5, "dup": True}),
    ("PUBACK", True, {"packet_id": 5}),
    ("PUBREL", False, {"packet_id": 5}),
    ("SUBSCRIBE", True, {"packet_id": 5, "filters": [("a", 1), ("b", 2)]}),
    ("SUBACK", False, {"packet_id": 5, "codes": [0, 1, 2, 0x80]}),
    ("UNSUBSCRIBE", True, {"packet_id": 5, "filters": ["a", "b"]}),
    ("UNSUBACK", False, {"packet_id": 5}),
    ("PINGREQ", True, {}),
    ("DISCONNECT", True, {}),
)  # fmt: skip


def as_read(value: object) -> object:
    if isinstance(value, str):
        return value.encode()
    if isinstance(value, list | tuple):
        return type(value)(as_read(one) for one in value)
    return value


@pytest.mark.parametrize("version", [4, 5])
@pytest.mark.parametrize(("name", "from_client", "fields"), WIRE, ids=[one[0] for one in WIRE])
def test_what_the_peer_sends_is_what_our_codec_reads(
    name: str, from_client: bool, fields: dict[str, object], version: int
) -> None:
    if (name, version) == ("UNSUBACK", 5):
        fields = fields | {"codes": [0, 0x11]}
    if version == 5 and name not in ("PINGREQ",):
        fields = fields | {"user_property": ("n", "v")}
    raw = wire.encode(name, version, **fields)
    packet = wire.decode(raw, from_client, version)
    assert packet.violation is None
    for field, value in fields.items():
        if field == "will":
            assert packet.will["payload"] == b"x"
        elif field == "user_property":
            assert packet.property(field) == (b"n", b"v")
        elif field in packet.fields:
            assert packet.fields[field] == as_read(value)
    rewritten = {"will": fields["will"]} if "will" in fields else {}
    assert packet.changed(**rewritten) == raw


def test_the_stream_is_cut_into_frames_wherever_it_is_split() -> None:
    frames = [wire.encode("PINGREQ", 4), wire.encode("PUBLISH", 4, topic="t", payload=bytes(300))]
    stream = b"".join(frames)
    for cut in range(len(stream)):
        parser = wire.Parser()
        assert [*parser.feed(stream[:cut]), *parser.feed(stream[cut:])] == frames
    assert wire.Parser().feed(b"\x30\xff\xff\xff\xff\x01") == [b"\x30\xff\xff\xff\xff\x01"]


# Reports


def test_the_document_keeps_its_schema_and_names_every_statement(found: dict[str, Any]) -> None:
    jsonschema.validate(json.loads(json.dumps(found)), SCHEMA)
    rows = found["statements"]
    assert {row["key"] for row in rows} == set(statements())
    assert all(row["cases"] or row["reason"] for row in rows)


def test_the_page_shows_each_statement_and_each_case_once(found: dict[str, Any]) -> None:
    html = page.render([found])
    cases = found["cases"]
    assert html.count('<article class="matrix"') == len(statements())
    assert html.count('<details class="case"') == len(cases)
    both = page.render([found, found | {"implementation": "<other>"}])
    assert "<other>" not in both
    assert both.count('<article class="matrix"') == len(statements())
    assert both.count('<details class="case"') == len(cases)


def test_the_summaries_say_what_the_document_says(found: dict[str, Any]) -> None:
    assert ElementTree.fromstring(exports.badge(found)).get("aria-label")
    assert "| 3.1.1 | 141 |" in exports.markdown(found)


def test_junit_and_exit_code_agree_with_the_document_whatever_came_of_the_cases() -> None:
    """Made-up outcomes, also such as our broker never gives."""
    cases, draw = pairs_of(conformance.load()), random.Random(SEED)
    kinds = {Verdict.FAIL: "failure", Verdict.ERROR: "error", Verdict.PASS: None}
    for _ in range(50):
        possible = draw.sample(list(Verdict), draw.randint(1, len(Verdict)))
        outcomes = [
            Outcome(case, "5.0" if version == 5 else "3.1.1", draw.choice(possible), "<seen>", 0.5)
            for case, version in draw.sample(cases, draw.randint(1, 20))
        ]
        found = document.build("it", "server", outcomes, "", False, 1.0)
        verdicts = {(one.case.name, one.version): one.verdict for one in outcomes}
        root = ElementTree.fromstring(exports.junit(found))
        tags = []
        for suite in root:
            version = str(suite.get("name")).split()[1]
            for one in suite:
                file = str(one.get("classname")).rpartition(".")[2]
                tag = one[0].tag if len(one) else None
                verdict = verdicts[f"{file}.{one.get('name')}", version]
                assert tag == kinds.get(verdict, "skipped")
                tags.append(tag)
            for count, tag in (
                ("failures", "failure"),
                ("errors", "error"),
                ("skipped", "skipped"),
            ):
                assert suite.get(count) == str(len(suite.findall(f".//{tag}")))
        assert len(tags) == len(outcomes) == len(found["cases"])
        code = exits.NOT_APPLICABLE
        if {"failure", "error"} & set(tags):
            code = exits.FINDINGS
        elif None in tags:
            code = exits.OK
        assert document.exit_code(found) == code
        broken = {row["key"] for row in found["statements"] if row["verdict"] == "fail"}
        assert broken == {k for one in outcomes if one.verdict is Verdict.FAIL for k in one.keys}


# The command


def invoke(*words: str) -> tuple[int, str]:
    result = CliRunner().invoke(command.main, words, standalone_mode=False)
    return (1 if result.exception else result.return_value), result.output


def test_the_exit_code_tells_the_truth(tmp_path: Path) -> None:
    code, said = invoke("--case", "MQTT-3.12.4-1", "--out", str(tmp_path / "ours"))
    assert (code, "not tested" in said.split("\n", 1)[1]) == (0, False)
    dies = CRASHES.replace('writer.write(b"\\xd0\\0")', "os._exit(7)")
    assert dies != CRASHES
    (tmp_path / "broker.py").write_text(dies)
    profile = tmp_path / "profile.toml"
    profile.write_text(
        f'name = "mortal"\nstart = ["{sys.executable}", "{tmp_path}/broker.py", "{{port1}}"]\n'
        '[endpoints]\nplain = "tcp://127.0.0.1:{port1}"\n'
    )
    words = ("--profile", str(profile), "--case", "disconnect.pingresp", "--version", "3.1.1")
    code, said = invoke(*words, "--out", str(tmp_path / "mortal"))
    assert (code, "error: disconnect.pingresp" in said) == (1, True)
    files = [str(tmp_path / name / "conformance.json") for name in ("ours", "mortal")]
    code, _ = invoke("--compare", *files, "--out", str(tmp_path / "both"))
    assert code == 0
    html = (tmp_path / "both/report.html").read_text()
    assert "mortal" in html
    assert html.count("not run") > 0


def test_a_profile_says_which_versions_there_are(tmp_path: Path) -> None:
    profile = tmp_path / "profile.toml"
    words = ("--profile", str(profile), "--list", "--case", "disconnect.pingresp")
    for version, listed in (("3.1.1", 0), ("5.0", 1)):
        profile.write_text(f'name = "old"\nversions = ["{version}"]\n')
        code, said = invoke(*words, "--case", "MQTT-3.15.1-1")
        assert (code, said.count("authenticate.flags")) == (0, listed)
    for text, line in (
        ("versions = ['4']", "versions = ['4']; name some of ['3.1.1', '5.0']"),
        ("name", "no TOML: "),
    ):
        profile.write_text(text)
        result = CliRunner().invoke(command.main, words, standalone_mode=False)
        assert line in str(result.exception)


def test_a_target_that_cannot_be_reached_is_one_line(tmp_path: Path) -> None:
    def said(*words: str) -> str:
        result = CliRunner().invoke(command.main, words, standalone_mode=False)
        assert isinstance(result.exception, Error)
        return str(result.exception)

    with socket.create_server(("127.0.0.1", 0)) as probe:
        address = f"127.0.0.1:{probe.getsockname()[1]}"
    line = said("--target", address)
    assert f"no connection to tcp://{address}: " in line
    assert line.endswith("; see that a broker listens there")
    profile = tmp_path / "profile.toml"
    profile.write_text('name = "it"\ncafile = "none.pem"\n')
    line = said("--target", f"tls://{address}", "--profile", str(profile))
    assert line == "profile: cafile = 'none.pem': No such file or directory"
