"""One scenario against mosquitto on real sockets and simulated: packets byte for byte."""

from __future__ import annotations

from typing import Any, Literal

import pytest

pytest.importorskip("mqttlab._sim")

from mqttlab.validation import side_by_side
from peers import HOST, Broker

MESSAGES = 60
DELAY_S = 0.06  # of the link, one way, at the least
WITHIN_S = 0.02
"""A crossing, of the fastest message: others wait on a busy machine; results/validation has all."""


@pytest.mark.parametrize("transport", ["tcp", "tls"])
def test_live_and_simulated_are_alike(
    brokers: dict[str, Broker], transport: Literal["tcp", "tls"]
) -> None:
    mosquitto = brokers["mosquitto"]
    size: dict[str, Any] = {"messages": MESSAGES, "interval_s": 0.1, "transport": transport}
    ca_file = mosquitto.ca if transport == "tls" else None
    live = side_by_side.play(f"{HOST}:{mosquitto.ports[transport]}", ca_file=ca_file, **size)
    simulated = side_by_side.play(**size)
    assert side_by_side.packets(live) == side_by_side.packets(simulated)
    real = side_by_side.delays_s(live)
    ours = side_by_side.delays_s(simulated, on_pubrel=True)
    for qos, crossings in ((0, 2), (1, 2), (2, 4)):  # mosquitto waits for PUBREL
        assert len(real[qos]) == len(ours[qos]) == MESSAGES
        assert real[qos][0] > crossings * DELAY_S
        assert abs(min(real[qos]) - min(ours[qos])) < crossings * WITHIN_S
