"""The drivers that conformance ships: a few cases come to the verdicts that are committed."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest

import node
from mqttlab import conformance
from mqttlab.conformance.clients import clients
from mqttlab.conformance.runner import Settings, run
from running import program

RESULTS = Path(__file__).parents[2] / "results/conformance/clients"
CASES = (
    "connect.will", "quality.qos_2_first", "quality.once", "redelivery.publish_1",
    "subscribe.identifier", "disconnect.closes", "connect.once_maximum_packet_size",
)  # fmt: skip


@pytest.mark.parametrize("name", ["paho", "gmqtt", "mqttjs", "mosquitto", "mqttlab-pub"])
def test_a_driver_comes_to_the_verdicts_that_are_committed(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if name == "mqttjs":
        node.program()
        monkeypatch.setenv("NODE_PATH", node.environment()["NODE_PATH"])
    elif name == "mosquitto":
        program("mosquitto_sub")
    committed = json.loads((RESULTS / name / "conformance.json").read_text())["cases"]
    wanted = {
        one["name"]: one["verdict"]
        for one in committed
        if one["version"] == "5.0" and one["name"] in CASES
    }
    pairs = [(one, 5) for one in conformance.load("client") if one.name in CASES]
    with clients(name, None, 1, None, None) as target:
        outcomes = asyncio.run(run(pairs, target, Settings(target.times, at_once=2)))
    told = {one.case.name: one for one in outcomes if str(one.verdict) == "error"}
    assert not told  # says why: a machine too busy for the driver, most likely
    assert {one.case.name: str(one.verdict) for one in outcomes} == wanted
    assert len(wanted) == len(CASES)
