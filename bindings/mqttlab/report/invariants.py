"""What each invariant promises, in one line for a reader of the report."""

from __future__ import annotations

__all__ = ["MEANING"]

MEANING = {
    "NO-FABRICATION": "Every delivery stems from a publish, a will or a retained message.",
    "Q0-ATMOST": "A QoS 0 message reaches a subscription at most once.",
    "Q1-NOLOSS": "What the broker accepted at QoS 1 or 2 for a live session is delivered.",
    "Q1-RESUME": "After a resume, every open QoS 1 PUBLISH is sent again under its id.",
    "Q2-ONCE": "An accepted QoS 2 message is delivered exactly once.",
    "Q2-NO-REPUBLISH": "After PUBREL, the PUBLISH of that exchange is never sent again.",
    "Q2-RESUME": "After a resume, every open QoS 2 exchange goes on at its stage.",
    "DUP-RULE": "DUP is 0 on the first send of an exchange and 1 on every later one.",
    "PID-UNIQUE": "A packet id has at most one open exchange, and is never 0.",
    "ORD-TOPIC": "Messages of one publisher, topic and level arrive in order.",
    "SP-TRUTH": "CONNACK tells the truth about the session.",
    "ONE-CONN": "A client id has at most one live connection.",
    "WILL-IFF": "A will is published if, and only if, its connection ended without DISCONNECT.",
    "WILL-ONCE": "No will is published twice.",
    "RET-CONVERGE": "In the end the retained message of a topic is the last one published.",
    "KA-ENFORCE": "The broker closes a silent connection by 1.5 x keep alive.",
    "KA-FAIR": "The broker never closes for keep alive before that.",
    "KA-DETECT": "A client notices a dead link within keep alive and ping time-out.",
    "STREAM-OK": "Each byte stream is whole, valid packets, but for a tail that was cut.",
    "CONVERGE": "After the faults end, everything that is owed arrives, and then it is quiet.",
}
