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

SMALL = {"devices": 8, "lasting": "500ms"}


def test_a_crowded_cell_keeps_its_claim_and_one_seed_is_one_run() -> None:
    first, again = (mqttlab.run(crowded_cell, seed=7, parameters=SMALL) for _ in range(2))
    first.check("SCENARIO", "Q1-NOLOSS")
    first.check()
    assert first.fingerprint == again.fingerprint
    hall: Any = first.links["hall"]
    assert hall["radio"] == {"model": "80211n", "radius_m": 30}
    assert hall["up"]["rate_bps"] == hall["up"]["loss"] == 0, "the radio has its own"
    assert hall["up"]["delay_s"] == 0.001, "wifi's"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"radio": "5g"}, "radio.model is 5g, must be 80211n"),
        ({"radio": 5}, "radio: 5 is no text"),
        ({"radio": "80211n", "radius": "far"}, "radius: 'far' is no number of metres"),
        ({"radio": "80211n", "radius": 0}, "radio.radius_m is 0.0*, must be in 1..1000"),
        ({"radius": 5}, "radius= is of a radio's cell; give radio= as well"),
    ],
)
def test_wrong_radios_are_one_line(options: dict[str, object], message: str) -> None:
    async def scenario(lab: Lab) -> None:
        lab.link("wifi", **options)  # type: ignore[arg-type]

    with pytest.raises(UsageError, match=message):
        mqttlab.run(scenario, until="1s")


def test_on_real_sockets_there_is_none() -> None:
    async def scenario(lab: Lab) -> None:
        await lab.broker()
        async with lab.device("d", via=lab.link("wifi", radio="80211n")).client():
            await asyncio.sleep(1)

    result = mqttlab.run(scenario, until="5s", target="live")
    assert result.ending == "not_applicable"
    assert re.search("radio", result.not_applicable[0].what)
