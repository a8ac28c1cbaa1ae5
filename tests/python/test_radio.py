"""Links whose devices share one of ns-3's radios."""

from __future__ import annotations

import asyncio
import re
from typing import Any

import pytest

pytest.importorskip("mqttlab._sim")

import mqttlab
from mqttlab import Lab, UsageError
from mqttlab.scenarios.crowded_cell import crowded_cell

SMALL = {"devices": 12, "lasting": "500ms"}


def test_a_crowded_cell_keeps_its_claim_and_one_seed_is_one_run() -> None:
    first, again = (mqttlab.run(crowded_cell, seed=7, parameters=SMALL) for _ in range(2))
    first.check("SCENARIO", "Q1-NOLOSS")
    first.check()
    assert first.fingerprint == again.fingerprint
    hall: Any = first.links["hall"]
    assert (hall["radio"]["model"], hall["radio"]["radius_m"]) == ("80211n", 30)
    assert hall["up"]["rate_bps"] == hall["up"]["loss"] == 0, "the radio has its own"
    assert hall["up"]["delay_s"] == 0.001, "wifi's"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"radio": "5g"}, "radio.model is 5g, must be 80211n, 802154 or lte"),
        ({"radio": 5}, "radio: 5 is no text"),
        ({"radio": "80211n", "radius": "far"}, "radius: 'far' is not a finite number"),
        ({"radio": "80211n", "radius": 0}, "radio.radius_m is 0.0*, must be in 1..1000"),
        ({"radio": "lte", "speed": -1}, "speed: -1 is outside 0"),
        ({"radio": "lte", "speed": 300}, r"radio.speed_mps is 300.0*, must be in 0..100"),
        ({"radio": "lte", "base_stations": 2}, "base_stations: 2 is no list of places in m"),
        ({"radio": "lte", "base_stations": []}, "of length 0, must be of 1..8 places"),
        ({"radio": "lte", "base_stations": [9, 0]}, r"is 9\.0* before 0\.0*, must be rising"),
        ({"radio": "lte", "base_stations": [0, 9]}, r"is 0\.0* before 9\.0*, must be rising"),
        ({"radio": "lte", "base_stations": [1e6]}, "is 1000000.0*, must be in -20000..20000"),
        ({"radio": "802154", "base_stations": [0, 9]}, "of one place, for its model is 802154"),
        ({"radio": "lte", "corrupt": "1%"}, "corrupt is 0.01.*, must be 0, for the frames of its"),
        ({"speed": 5}, "speed= is of a radio's cell; give radio= as well"),
        ({"radius": 5}, "radius= is of a radio's cell; give radio= as well"),
    ],
)
def test_wrong_radios_are_one_line(options: dict[str, object], message: str) -> None:
    async def scenario(lab: Lab) -> None:
        lab.link("wifi", **options)  # type: ignore[arg-type]

    with pytest.raises(UsageError, match=message):
        mqttlab.run(scenario, until="1s")


def test_802154_wants_ipv6_and_a_scenario_may_ask_for_it() -> None:
    async def publish(lab: Lab) -> None:
        await lab.broker()
        things = lab.link("6lowpan", radio="802154")
        async with lab.device("thing", via=things).client() as thing:
            await thing.publish("t", "1", qos=1)

    with pytest.raises(UsageError, match="carries IPv6 alone, and the network has IPv4"):
        mqttlab.run(publish, until="10s")
    assert mqttlab.run(publish, until="10s", ipv6=True).ending == "returned"
    result = mqttlab.run(mqttlab.scenario(until="10s", ipv6=True)(publish))
    assert result.ipv6
    assert result.ending == "returned"


def test_corrupt_is_refused_where_frames_have_checksums() -> None:
    async def scenario(lab: Lab) -> None:
        lab.broker()
        device = lab.device("rider", via=lab.link("lte", radio="lte"))
        async with lab.corrupt(device, "10%"):
            await asyncio.sleep(1)

    with pytest.raises(UsageError, match="corrupt: device 'rider' has a radio whose frames"):
        mqttlab.run(scenario, until="10s")


def test_on_real_sockets_there_is_none() -> None:
    async def scenario(lab: Lab) -> None:
        await lab.broker()
        async with lab.device("d", via=lab.link("wifi", radio="80211n")).client():
            await asyncio.sleep(1)

    result = mqttlab.run(scenario, until="5s", target="live")
    assert result.ending == "not_applicable"
    assert re.search("radio", result.not_applicable[0].what)
