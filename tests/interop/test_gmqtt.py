"""gmqtt, unmodified, in virtual time: it stays connected, and conformance is as on real sockets."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import gmqtt
import pytest

pytest.importorskip("mqttlab._sim")

import mqttlab
from mqttlab import conformance
from mqttlab.conformance.clients import clients
from mqttlab.conformance.runner import Settings, run

HERE = Path(__file__).parent
LIVE = HERE.parents[1] / "results/conformance/clients/gmqtt/conformance.json"
KEEP_ALIVE_S, KEEP_ALIVES = 10, 10


def test_an_idle_client_lives_over_ten_keep_alives() -> None:
    lived: list[bool] = []

    async def idle() -> None:
        client = gmqtt.Client("idle")
        await client.connect("broker", 1883, keepalive=KEEP_ALIVE_S)
        first = client._connection  # another one would be a reconnect
        await asyncio.sleep((KEEP_ALIVES + 1) * KEEP_ALIVE_S)
        lived.append(client.is_connected and client._connection is first)
        await client.disconnect()

    async def scenario(lab: mqttlab.Lab) -> None:
        lab.broker("broker")
        await lab.device("idle").run(idle())

    result = mqttlab.run(scenario, seed=1, until="5min")
    assert lived == [True]
    assert not result.violations


def test_conformance_in_virtual_time_ends_as_on_real_sockets() -> None:
    on_sockets = {
        (one["name"], one["version"]): one["verdict"]
        for one in json.loads(LIVE.read_text())["cases"]
    }
    cases = [one for one in conformance.load("client") if not one.takes_s]
    pairs = [(one, version) for one in cases for version in one.versions]
    with clients("sim", HERE / "gmqtt.toml", 1, None, None) as target:
        outcomes = target.complete(run(pairs, target, Settings(target.times)))
    found = {(one.case.name, one.version): str(one.verdict) for one in outcomes}
    assert found == {key: verdict for key, verdict in on_sockets.items() if key in found}
