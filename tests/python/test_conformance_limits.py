"""Brokers that take less than all of MQTT: no case fails for that, and what is missing is named."""

from __future__ import annotations

from pathlib import Path

from mqttlab import conformance, programs
from mqttlab.conformance import Trial, Verdict, change
from mqttlab.conformance.cases import Case
from mqttlab.conformance.runner import Settings, attempt, run_one
from mqttlab.conformance.simulated import CLEAN, simulated
from mqttlab.conformance.target import serve

LIMITED = (
    *("--allow-anonymous", "--max-qos", "1", "--max-packet-size", "2000", "--no-retained"),
    *("--no-wildcards", "--no-shared", "--no-identifiers"),
)
FILES = ("connack", "packets", "publish", "quality", "retain", "routing", "shared", "subscribe")
ANNOUNCES = """
[announces]
maximum_qos = 1
maximum_packet_size = 2000
retain_available = 0
wildcard_subscription_available = 0
shared_subscription_available = 0
"""


def test_what_a_broker_announces_that_it_does_not_take_is_not_claimed(tmp_path: Path) -> None:
    words = [programs.path_of("mqttlab-broker"), "--listen", "tcp://127.0.0.1:{port1}", *LIMITED]
    profile = tmp_path / "profile.toml"
    profile.write_text(
        f'name = "limited"\nstart = {[str(one) for one in words]}\n'
        f'[endpoints]\nplain = "tcp://127.0.0.1:{{port1}}"\n{ANNOUNCES}'
    )
    drawn = [one for one in conformance.load() if one.name.partition(".")[0] in FILES]
    pairs = [(one, version) for one in drawn for version in one.versions]
    with serve("profile", profile) as target:
        outcomes = attempt(pairs, target, Settings()).outcomes
    wrong = (Verdict.FAIL, Verdict.ERROR, Verdict.NOT_TESTED)
    assert [(one.case.name, one.version) for one in outcomes if one.verdict in wrong] == []
    for version in {one.version for one in outcomes}:
        of = {one.case.name: one for one in outcomes if one.version == version}
        assert of["quality.qos_2_pubrec"].observed == "QoS 2"
        assert of["retain.flag_for_new"].observed == "retained messages"
        assert of["routing.hash_matches"].observed == "wildcards"
        assert of["quality.qos_1_until_puback"].verdict is Verdict.PASS


async def _asks_for_2(t: Trial) -> None:
    await (await t.connect()).subscribe(t.topic(), qos=2)


async def _is_content_with_1(t: Trial) -> None:
    await (await t.connect()).subscribe(t.topic(), qos=2, needs=1)


def test_a_broker_may_grant_less_than_was_asked_for() -> None:
    found = []
    with simulated(1, CLEAN, None) as target:
        for body in (_asks_for_2, _is_content_with_1):
            of = Case("made.up", ("3:MQTT-3.12.4-1",), "an answer", "", body, change("SUBACK"))
            less = change("SUBACK", codes=[1])()
            found.append(target.complete(run_one(of, 4, target, Settings(target.times), less)))
    assert [one.verdict for one in found] == [Verdict.NOT_OBSERVABLE, Verdict.PASS]
    assert found[0].observed == "it grants QoS 1 for 2"
