"""Claim: a QoS 2 message is delivered exactly once, wherever its exchange is cut in two.

The connection is lost before and after each of PUBLISH, PUBREC, PUBREL and PUBCOMP, and one byte
before the end of the PUBLISH, in both directions and both versions, by reset, FIN and silence.
"""

from __future__ import annotations

import mqttlab
from mqttlab import Lab
from mqttlab.faults import Arrived, Before, Inside, Instant, Unread
from mqttlab.scenarios.exchanges import BACK, HOWS, Exchange, Way, opened
from mqttlab.scenarios.support import V3, spoken

BUGS = [
    "B11 a repeated QoS 2 PUBLISH is delivered again on PUBREL",
    "B12 the id of a QoS 2 message is forgotten with the connection",
    "B13 the sender goes back to PUBLISH after PUBREL",
    "B18 every QoS 2 PUBLISH with DUP is taken for known",
    "B19 PUBCOMP is given for messages that the broker does not have",
]
PAYLOAD_BYTES = 32  # of lab.stamp()


def instants(way: Way, publish_bytes: int) -> list[Instant]:
    """Before and after each packet of an exchange; and a PUBLISH that is one byte short."""
    packets = (("PUBLISH", way), ("PUBREC", BACK[way]), ("PUBREL", way), ("PUBCOMP", BACK[way]))
    halves = [
        kind(packet, way=its_way)
        for packet, its_way in packets
        for kind in (Before, Unread, Arrived)
    ]
    return [*halves, Inside("PUBLISH", way=way, byte=publish_bytes - 1)]


def publish_bytes(how: dict[str, object], way: Way) -> int:
    """Of a PUBLISH of this scenario: header, topic, packet id, properties, payload."""
    topic = f"{way}/device-000"
    return 2 + 2 + len(topic) + 2 + (how is not V3) + PAYLOAD_BYTES


@mqttlab.scenario(number="S03", bugs=BUGS, until="1h")
async def every_half_step(lab: Lab, *, version: str = "both") -> None:
    """QoS 2 cut before and after each packet of its exchange, both ways: delivered exactly once.

    version: of MQTT: 3.1.1, 5 or both.
    """
    ways: tuple[Way, Way] = ("up", "down")
    exchanges = [
        Exchange(how, 2, way, when, cut)
        for how in spoken(version)
        for way in ways
        for when in instants(way, publish_bytes(how, way))
        for cut in HOWS
    ]
    async with opened(lab, exchanges) as field:
        field.arm()
        field.publish()
        seen = await field.settle()
        field.expect_cuts()
        field.expect_messages(seen)
    lab.expect.observed("Q2-ONCE", "Q2-RESUME", "Q2-TOTAL", "Q2-NO-REPUBLISH", "Q2-HONEST")
    lab.expect.observed("DUP-RULE", "PID-STABLE", "CONVERGE")
