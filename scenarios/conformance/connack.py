"""3.2 CONNACK."""

from __future__ import annotations

from typing import Any

from mqttlab.conformance import (
    Packet,
    Trial,
    case,
    change,
    check,
    invent,
    keep_open,
    late,
    not_claimed,
    not_observable,
    only,
    patch,
    repeat,
)

from .common import announced, granted, limit, not_granted, offline

_SAYS_NO = "a refused CONNECT need not be answered in 5.0"


async def _refusal(t: Trial) -> tuple[Any, Packet | None]:
    """A CONNECT that must be refused, and the CONNACK that says so, if any does."""
    if "guarded" in t.target.endpoints and "user" in t.target.profile.get("guarded", {}):
        on, fields = "guarded", {"user_name": t.target.guard("user"), "password": "wrong"}
    else:
        on, fields = "plain", {"level": 0x63}
        t.any_form = True
    peer = await t.open(on=on)
    peer.offend("CONNECT", **{**t.connecting(on="plain"), **fields})
    await peer.dropped()
    return peer, next((p for p in peer.inbox if p.type == "CONNACK"), None)


@case(
    "MQTT-3.2.0-1",
    expect="CONNACK, then the queued message",
    sabotage=late("CONNACK", lambda p: p.session_present),
)
async def comes_first(t: Trial) -> None:
    """A session with a message that waits."""
    await offline(t, t.topic("queue"))
    other = await t.connect("b")
    await other.publish(t.topic("queue"))
    peer = await t.connect(session=True)
    await peer.get("PUBLISH", topic=t.topic("queue"))
    first = peer.heard[0]
    check(first == "CONNACK", f"{first} came first")


@case("5:MQTT-3.2.0-2", expect="one CONNACK", sabotage=only("once", repeat("CONNACK", once=True)))
async def comes_once(t: Trial) -> None:
    """A connection that goes on for a while."""
    peer = await t.connect("once")
    await peer.subscribe(t.topic())
    await peer.nothing("CONNACK")


@case(
    "5:MQTT-3.2.2-1",
    expect="bits 7 to 1 of the acknowledge flags are 0",
    sabotage=only(
        "flags", patch("CONNACK", once=True, bytes=lambda raw: raw[:2] + b"\x80" + raw[3:])
    ),
)
async def reserved_flags(t: Trial) -> None:
    """The acknowledge flags."""
    peer = await t.open()
    peer.send("CONNECT", **t.connecting("flags"))
    answer = await peer.expect("CONNACK")
    check(answer.raw[2] & 0xFE == 0, f"flags 0x{answer.raw[2]:02X}")


@case(
    "3:MQTT-3.2.2-1",
    "5:MQTT-3.2.2-2",
    expect="0x00 with Session Present 0",
    sabotage=only("cleaned", change("CONNACK", lambda p: not p.session_present, session_present=1)),
)
async def not_present_after_clean(t: Trial) -> None:
    """A clean start, with a session and without one."""
    for name in ("uncleaned", "cleaned"):
        if name == "cleaned":
            await offline(t, t.topic(), name=name)
        peer = await t.connect(name)
        assert peer.connack
        check(not peer.connack.session_present, "Session Present 1")


@case(
    "3:MQTT-3.2.2-2",
    "5:MQTT-3.2.2-3",
    expect="Session Present 1",
    sabotage=only("present", change("CONNACK", lambda p: p.session_present, session_present=0)),
)
async def present(t: Trial) -> None:
    """A session is gone on with."""
    await offline(t, t.topic(), name="present")
    peer = await t.connect("present", session=True)
    assert peer.connack
    check(peer.connack.session_present, "Session Present 0")


@case(
    "3:MQTT-3.2.2-3",
    "5:MQTT-3.2.2-3",
    expect="Session Present 0",
    sabotage=only("new", change("CONNACK", lambda p: not p.session_present, session_present=1)),
)
async def not_present_if_new(t: Trial) -> None:
    """No clean start, and no session."""
    peer = await t.connect("new", session=True)
    assert peer.connack
    check(not peer.connack.session_present, "Session Present 1")


@case(
    "3:MQTT-3.2.2-4",
    "5:MQTT-3.2.2-6",
    expect="Session Present 0",
    sabotage=change("CONNACK", lambda p: p.reason != 0, session_present=1),
)
async def not_present_if_refused(t: Trial) -> None:
    """A refused CONNECT of a client that has a session."""
    await offline(t, t.topic())
    _, answer = await _refusal(t)
    if answer is None:
        not_observable(_SAYS_NO)
    check(not answer.raw[2] & 1, "Session Present 1")


@case(
    "3:MQTT-3.2.2-5",
    "5:MQTT-3.2.2-7",
    "5:MQTT-4.13.2-1",
    expect="the connection is closed",
    sabotage=keep_open(),
)
async def refusal_closes(t: Trial) -> None:
    """A refused CONNECT."""
    await _refusal(t)


@case(
    "3:MQTT-3.2.2-6",
    "5:MQTT-3.2.2-8",
    expect="a code that CONNACK has, or no CONNACK",
    sabotage=change("CONNACK", lambda p: p.reason != 0, reason=0x7F),
)
async def codes(t: Trial) -> None:
    """The code of a refusal."""
    _, answer = await _refusal(t)
    if answer is not None and not t.any_form:
        check(not answer.violation, f"CONNACK {answer.raw.hex(' ')}")


@case(
    "5:MQTT-3.14.0-1",
    expect="no DISCONNECT",
    sabotage=invent("DISCONNECT", "CONNACK", lambda p: p.reason != 0, reason=0x87),
)
async def no_disconnect_after_refusal(t: Trial) -> None:
    """A connection that was refused says nothing more."""
    peer, _ = await _refusal(t)
    check("DISCONNECT" not in peer.heard, ", ".join(peer.heard))


# What CONNACK announces.

_ONCE: tuple[tuple[str, str, Any], ...] = (
    ("session_expiry_interval", "U-3.2.2.3.2-1", 100),
    ("receive_maximum", "U-3.2.2.3.3-1", 100),
    ("maximum_qos", "U-3.2.2.3.4-1", 1),
    ("retain_available", "U-3.2.2.3.5-1", 1),
    ("maximum_packet_size", "U-3.2.2.3.6-1", 1000),
    ("assigned_client_identifier", "U-3.2.2.3.7-1", "x"),
    ("topic_alias_maximum", "U-3.2.2.3.8-1", 1),
    ("reason_string", "U-3.2.2.3.9-1", "x"),
    ("wildcard_subscription_available", "U-3.2.2.3.11-1", 1),
    ("subscription_identifiers_available", "U-3.2.2.3.12-1", 1),
    ("shared_subscription_available", "U-3.2.2.3.13-1", 1),
    ("server_keep_alive", "U-3.2.2.3.14-1", 1),
    ("response_information", "U-3.2.2.3.15-1", "x"),
    ("server_reference", "U-3.2.2.3.16-1", "x"),
    ("authentication_method", "U-3.2.2.3.17-1", "x"),
    ("authentication_data", "U-3.2.2.3.18-1", "x"),
)
_RANGES: tuple[tuple[str, str, int], ...] = (
    ("receive_maximum", "U-3.2.2.3.3-2", 0),
    ("maximum_qos", "U-3.2.2.3.4-2", 2),
    ("retain_available", "U-3.2.2.3.5-2", 2),
    ("maximum_packet_size", "U-3.2.2.3.6-2", 0),
    ("wildcard_subscription_available", "U-3.2.2.3.11-2", 2),
    ("subscription_identifiers_available", "U-3.2.2.3.12-2", 2),
    ("shared_subscription_available", "U-3.2.2.3.13-2", 2),
)


def _beside(property: str) -> dict[str, str]:
    """What CONNACK needs if it has this property."""
    return {"authentication_method": "x"} if property == "authentication_data" else {}


def _announces(kind: str, property: str, id: str, legal: Any, wrong: Any, expect: str) -> None:
    assigned = property == "assigned_client_identifier"
    client = "" if assigned else f"{kind}{id.split('.')[-1].partition('-')[0]}"

    @case(
        id,
        name=f"connack.{kind}_{property}",
        expect=expect,
        why="seen in every CONNACK of the case",
        sabotage=only(client, change("CONNACK", once=True, **{property: wrong})),
        occasion=only(
            client, change("CONNACK", once=True, **_beside(property), **{property: legal})
        ),
    )
    async def run(t: Trial) -> None:
        for on in ("plain", "limited", "guarded"):
            if on not in t.target.endpoints or (on == "guarded" and not t.target.login(on)):
                continue
            peer = await t.connect(
                "n" + on[0],
                client_id="" if assigned else t.client_id(client),
                on=on,
                session_expiry_interval=2**32 - 1,
                request_response_information=1,
            )
            assert peer.connack
            if peer.connack.property(property) is not None:
                return
        not_observable("not announced")


for _property, _id, _value in _ONCE:
    _announces("once", _property, _id, _value, [_value, _value], "at most one of this property")
for _property, _id, _value in _RANGES:
    _announces("range", _property, _id, 1, _value, "a value in range")


@case(
    "5:MQTT-3.2.2-9",
    expect="Maximum QoS in CONNACK is what is taken",
    sabotage=change("CONNACK", lambda p: p.property("maximum_qos") is not None, maximum_qos=None),
)
async def maximum_qos(t: Trial) -> None:
    """A server that takes less than QoS 2 says so."""
    for on in ("plain", "limited"):
        if on not in t.target.endpoints:
            continue
        peer = await t.connect(on[0], on=on)
        assert peer.connack
        said = peer.connack.property("maximum_qos")
        peer.send(peer.make("PUBLISH", topic=t.topic(), qos=2, packet_id=7))
        await peer.answered()
        taken = any(p.type == "PUBREC" and p.reason < 0x80 for p in peer.inbox)
        if not taken:
            check(said in (0, 1), f"QoS 2 is not taken, and Maximum QoS is {said}")
            return
    not_claimed("a Maximum QoS below 2")


_LESS_QOS = "a Maximum QoS below 2"
_NO_RETAIN = "servers without retained messages"


@case(
    "5:MQTT-3.2.2-10",
    expect="the subscription is granted",
    sabotage=change("SUBACK", lambda p: p.packet_id == 707, codes=[0x9B]),
)
async def subscribe_above_maximum_qos(t: Trial) -> None:
    """SUBSCRIBE with QoS 2 where less is taken."""
    peer, _ = await announced(t, "maximum_qos", 0, 1, feature=_LESS_QOS)
    peer.send("SUBSCRIBE", packet_id=707, filters=[(t.topic(), 2)])
    answer = await peer.expect("SUBACK")
    check(answer.codes[0] < 0x80, f"SUBACK 0x{answer.codes[0]:02X}")


@case("5:MQTT-3.2.2-12", expect="refused, with 0x9B or without a word", sabotage=keep_open())
async def will_above_maximum_qos(t: Trial) -> None:
    """A will of QoS 2 where less is taken."""
    _, on = await announced(t, "maximum_qos", 0, 1, feature=_LESS_QOS)
    peer = await t.open(on=on)
    peer.offend("CONNECT", **t.connecting(on=on, will={"topic": t.topic(), "qos": 2}))
    await peer.dropped(0x9B)


@case("5:MQTT-3.2.2-13", expect="refused, with 0x9A or without a word", sabotage=keep_open())
async def will_retain_not_available(t: Trial) -> None:
    """A retained will where nothing is retained."""
    _, on = await announced(t, "retain_available", 0, feature=_NO_RETAIN)
    peer = await t.open(on=on)
    peer.offend("CONNECT", **t.connecting(on=on, will={"topic": t.topic(), "retain": True}))
    await peer.dropped(0x9A)


def _beyond(
    name: str,
    id: str,
    code: int,
    announces: str,
    feature: str,
    values: tuple[int, ...],
    packet: str,
    **fields: Any,
) -> None:
    subscribes = packet == "SUBSCRIBE"  # SUBACK has codes of its own for such a refusal

    @case(
        id,
        name=f"connack.{name}",
        expect=f"closed, with DISCONNECT 0x{code:02X} or none"
        + (f"; or SUBACK 0x{code:02X}" if subscribes else ""),
        sabotage=granted() if subscribes else keep_open(),
    )
    async def run(t: Trial) -> None:
        peer, _ = await announced(t, announces, *values, feature=feature)
        made = {k: v(t) if callable(v) else v for k, v in fields.items()}
        peer.offend(packet, **made)
        await (not_granted(peer, code) if subscribes else peer.dropped(code))


_beyond(
    "publish_above_maximum_qos",
    "U-3.2.2.3.4-3",
    0x9B,
    "maximum_qos",
    _LESS_QOS,
    (0, 1),
    "PUBLISH",
    topic=lambda t: t.topic(),
    qos=2,
    packet_id=7,
)
_beyond(
    "publish_retained",
    "U-3.2.2.3.5-3",
    0x9A,
    "retain_available",
    _NO_RETAIN,
    (0,),
    "PUBLISH",
    topic=lambda t: t.topic(),
    retain=True,
)
_beyond(
    "subscribe_wildcard",
    "U-3.2.2.3.11-3",
    0xA2,
    "wildcard_subscription_available",
    "servers without wildcards",
    (0,),
    "SUBSCRIBE",
    packet_id=7,
    filters=lambda t: [(t.topic("#"), 0)],
)
_beyond(
    "subscribe_identified",
    "U-3.2.2.3.12-3",
    0xA1,
    "subscription_identifiers_available",
    "servers without subscription identifiers",
    (0,),
    "SUBSCRIBE",
    packet_id=7,
    filters=lambda t: [(t.topic(), 0)],
    subscription_identifier=7,
)
_beyond(
    "subscribe_shared",
    "U-3.2.2.3.13-3",
    0x9E,
    "shared_subscription_available",
    "servers without shared subscriptions",
    (0,),
    "SUBSCRIBE",
    packet_id=7,
    filters=lambda t: [("$share/s/" + t.topic(), 0)],
)


@case("U-3.2.2.3.6-3", expect="closed, with DISCONNECT 0x95 or none", sabotage=keep_open())
async def packet_too_large(t: Trial) -> None:
    """A PUBLISH above the Maximum Packet Size of CONNACK."""
    peer, _, most = await limit(
        t, "maximum_packet_size", 1 << 20, feature="a Maximum Packet Size of 1 MiB or less"
    )
    peer.offend("PUBLISH", topic=t.topic(), payload=bytes(most))
    await peer.dropped(0x95)


def _short(name: str, id: str, **extra: Any) -> None:
    @case(
        id,
        name=f"connack.{name}",
        expect="CONNACK within the client's Maximum Packet Size",
        sabotage=change("CONNACK", lambda p: p.reason != 0, **extra),
    )
    async def run(t: Trial) -> None:
        t.target.endpoint("guarded")
        most = 40
        peer = await t.open(on="guarded")
        peer.send(
            "CONNECT",
            client_id=t.client_id(),
            user_name=t.target.guard("user"),
            password="wrong",
            maximum_packet_size=most,
        )
        await peer.ends()
        for packet in peer.inbox:
            check(len(packet.raw) <= most, f"{packet.type} of {len(packet.raw)} bytes")


_short("reason_string_size", "5:MQTT-3.2.2-19", reason_string="x" * 50)
_short("user_property_size", "5:MQTT-3.2.2-20", user_property=("x" * 25, "y" * 25))
