"""Claim: a message whose acknowledgement never came is sent again, under its id and with DUP, is
delivered, and its call completes once.

Every QoS 1 and 2 PUBLISH, in both directions and both versions, is cut off before its first byte,
in its middle, when it has arrived and nobody has read it, when it has been read and its answer has
not left, and when the answer is on its way. The cut is a reset, an orderly end, or silence.
"""

from __future__ import annotations

import mqttlab
from mqttlab import Lab
from mqttlab.faults import Arrived, Before, Inside, Instant, Unread
from mqttlab.scenarios.exchanges import BACK, HOWS, Exchange, Way, opened
from mqttlab.scenarios.support import V5, spoken

BUGS = [
    "B21 a PUBLISH is sent again without DUP",
    "B49 the automatic reconnect repeats Clean Start, and wipes the session",
    "B101 a publish call completes twice, or never",
]


def instants(qos: int, way: Way) -> list[Instant]:
    """Where one PUBLISH can be cut off."""
    answer = {1: "PUBACK", 2: "PUBREC"}[qos]
    return [
        Before("PUBLISH", way=way),
        Inside("PUBLISH", way=way, byte=20),
        Unread("PUBLISH", way=way),
        Arrived("PUBLISH", way=way),
        Before(answer, way=BACK[way]),
        Unread(answer, way=BACK[way]),
    ]


@mqttlab.scenario(number="S01", bugs=BUGS, until="1h")
async def ack_that_never_came(lab: Lab, *, version: str = "both") -> None:
    """A PUBLISH cut off at every instant before its acknowledgement: sent again, delivered, done.

    version: of MQTT: 3.1.1, 5 or both.
    """
    speaks = spoken(version)
    # The first connection asks for a clean start, and the session outlives it.
    starts_clean = [{**V5, "clean_session": True, "session_expiry": "1h"}] * (V5 in speaks)
    ways: tuple[Way, Way] = ("up", "down")
    exchanges = [
        Exchange(how, qos, way, when, cut)
        for how in (*speaks, *starts_clean)
        for qos in (1, 2)
        for way in ways
        for when in instants(qos, way)
        for cut in HOWS
    ]
    async with opened(lab, exchanges) as field:
        field.arm()
        field.publish()
        seen = await field.settle()
        field.expect_cuts()
        field.expect_messages(seen)
        resent = field.resent(seen)
        lab.expect("exchanges with one PUBLISH sent again", resent.count(1), len(exchanges))
    lab.expect.observed("Q1-NOLOSS", "Q1-RESUME", "Q2-ONCE", "Q2-RESUME", "DUP-RULE", "PID-STABLE")
    lab.expect.observed("SESS-QUEUE", "SP-TRUTH", "CONVERGE")
