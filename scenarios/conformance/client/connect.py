"""3.1 CONNECT: its form, field by field, and the session that it asks for."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from mqttlab.conformance import (
    ClientTrial,
    Packet,
    change,
    check,
    drop,
    invent,
    not_observable,
)
from mqttlab.conformance.sabotage import Recipe
from mqttlab.conformance.wire import text

from .common import SURROGATE, case

_WILL = {"topic": "will/topic", "payload": "gone", "qos": 1, "retain": True}


def _connect(
    name: str,
    *ids: str,
    what: str,
    holds: Callable[[Packet], object],
    sabotage: Recipe,
    **options: Any,
) -> None:
    """A case: the CONNECT of a client with these options."""

    own_id = "client_id" not in options

    @case(*ids, name=f"connect.{name}", expect=what, sabotage=sabotage, own_id=own_id)
    async def run(t: ClientTrial) -> None:
        peer = await t.arrives(**options)
        assert peer.connect
        check(holds(peer.connect), f"CONNECT is {peer.connect.raw.hex(' ')}")


# 3.1.0, 3.1.2.1, 4.2


@case(
    "MQTT-3.1.0-1",
    expect="CONNECT",
    sabotage=invent("PINGREQ", "CONNECT", before=True),
)
async def first_packet(t: ClientTrial) -> None:
    """The first packet of a connection."""
    peer = await t.arrives()
    check(peer.heard[0] == "CONNECT", f"the first packet is {peer.heard[0]}")


@case(
    "3:MQTT-7.1.2-1",
    "5:MQTT-4.2.0-1",
    expect="a connection over TCP, and CONNECT on it",
    sabotage=drop("CONNECT"),
)
async def transport(t: ClientTrial) -> None:
    """TCP is a transport that the standard allows."""
    await t.arrives()


_connect(
    "protocol_name",
    "5:MQTT-3.1.2-1",
    what="the protocol name MQTT",
    holds=lambda p: p.raw[2:].startswith(b"\0\4MQTT"),
    sabotage=change("CONNECT", protocol_name="MQTX"),
)

# 3.1.2: the will

_connect(
    "will",
    "MQTT-3.1.2-9",
    what="topic and message of the will, its QoS and RETAIN",
    holds=lambda p: p.will and (p.will["topic"], p.will["payload"], p.will["qos"],
                                p.will["retain"]) == (b"will/topic", b"gone", 1, True),
    sabotage=change("CONNECT", will=lambda p, link: p.will | {"payload": b"other"}),
    will=_WILL,
)  # fmt: skip
_connect(
    "will_qos",
    "3:MQTT-3.1.2-14",
    "5:MQTT-3.1.2-12",
    what="Will QoS 2",
    holds=lambda p: p.will and p.will["qos"] == 2,
    sabotage=change("CONNECT", will=lambda p, link: p.will | {"qos": 3}),
    will=_WILL | {"qos": 2},
)
for _name, _ids, _flags in (
    ("no_will_fields", ("3:MQTT-3.1.2-11",), 0x2A),
    ("no_will_qos", ("3:MQTT-3.1.2-13", "5:MQTT-3.1.2-11"), 0x0A),
    ("no_will_retain", ("3:MQTT-3.1.2-15", "5:MQTT-3.1.2-13"), 0x22),
):
    _connect(
        _name,
        *_ids,
        what="no will, and no bit of one",
        holds=lambda p: p.will is None,
        sabotage=change("CONNECT", connect_flags=_flags),
    )

# 3.1.2: user name and password


def _flagged(flags: int) -> Recipe:
    """Flags that the payload does not keep."""
    return change("CONNECT", connect_flags=flags)


def _more(*fields: str) -> Recipe:
    """Payload fields that no flag names."""
    extra = b"".join(text(one) for one in fields)
    return change("CONNECT", tail=extra)


_connect(
    "no_user_name",
    "3:MQTT-3.1.2-18",
    "5:MQTT-3.1.2-16",
    what="no user name",
    holds=lambda p: p.user_name is None,
    sabotage=_more("ada"),
)
_connect(
    "no_password",
    "3:MQTT-3.1.2-20",
    "5:MQTT-3.1.2-18",
    what="no password",
    holds=lambda p: p.password is None and p.user_name == b"ada",
    sabotage=_more("engine"),
    user_name="ada",
)
_connect(
    "user_name",
    "3:MQTT-3.1.2-19",
    "5:MQTT-3.1.2-17",
    what="the user name",
    holds=lambda p: p.user_name == b"ada",
    sabotage=change("CONNECT", user_name=None),
    user_name="ada",
)
_connect(
    "password",
    "3:MQTT-3.1.2-21",
    "5:MQTT-3.1.2-19",
    what="user name and password",
    holds=lambda p: (p.user_name, p.password) == (b"ada", b"engine"),
    sabotage=change("CONNECT", password=None),
    user_name="ada",
    password="engine",
)


async def _permitted(t: ClientTrial, **options: Any) -> Packet:
    """CONNECT with options that the client may refuse; then without them."""
    peer = await t.attempt(**options)
    if peer:
        return await peer.expect("CONNECT")
    t.note("refused by the client")
    packet = (await t.open("b")).connect
    assert packet
    return packet


@case(
    "3:MQTT-3.1.2-22",
    expect="refused, or a CONNECT that is allowed",
    why="a password alone",
    sabotage=change("CONNECT", connect_flags=0x42, tail=text("engine")),
)
async def password_alone(t: ClientTrial) -> None:
    """The application names a password, and no user."""
    packet = await _permitted(t, password="engine")
    check(packet.password is None or packet.user_name is not None, "a password without a user")


# 3.1.3: the payload

_EVERYTHING = {"will": _WILL, "user_name": "ada", "password": "engine"}
_connect(
    "payload_order",
    "MQTT-3.1.3-1",
    what="client id, will, user name, password, in this order",
    holds=lambda p: (
        p.will and (p.will["topic"], p.user_name, p.password) == (b"will/topic", b"ada", b"engine")
    ),
    sabotage=change(
        "CONNECT", user_name=lambda p, link: p.password, password=lambda p, link: p.user_name
    ),
    **_EVERYTHING,
)
_connect(
    "client_id",
    "MQTT-3.1.3-3",
    what="the client id, at the beginning of the payload",
    holds=lambda p: p.client_id == b"only-client",
    sabotage=change("CONNECT", lambda p: p.client_id == b"only-client", payload=[]),
    client_id="only-client",
)
_connect(
    "client_id_utf8",
    "MQTT-3.1.3-4",
    what="the client id in UTF-8",
    holds=lambda p: p.client_id == "größe-✓".encode(),
    sabotage=change("CONNECT", lambda p: b"gr\xc3\xb6" in p.client_id, client_id=SURROGATE),
    client_id="größe-✓",
)
_connect(
    "will_topic_utf8",
    "3:MQTT-3.1.3-10",
    "5:MQTT-3.1.3-11",
    what="the will topic in UTF-8",
    holds=lambda p: p.will and p.will["topic"] == "größe/✓".encode(),
    sabotage=change("CONNECT", will=lambda p, link: p.will | {"topic": SURROGATE}),
    will=_WILL | {"topic": "größe/✓"},
)
_connect(
    "user_name_utf8",
    "3:MQTT-3.1.3-11",
    "5:MQTT-3.1.3-12",
    what="the user name in UTF-8",
    holds=lambda p: p.user_name == "größe✓".encode(),
    sabotage=change("CONNECT", user_name=SURROGATE),
    user_name="größe✓",
    password="x",
)
_connect(
    "empty_client_id",
    "3:MQTT-3.1.3-7",
    what="CleanSession 1",
    holds=lambda p: p.clean,
    sabotage=change("CONNECT", lambda p: not p.client_id, clean=False),
    client_id="",
)


@case(
    "3:MQTT-3.1.3-7",
    expect="refused, or CleanSession 1, or a client id of the client's own",
    sabotage=change("CONNECT", clean=False, client_id=b""),
)
async def empty_client_id_kept(t: ClientTrial) -> None:
    """No client id, and a session that is to be kept."""
    packet = await _permitted(t, client_id="", clean=False)
    check(packet.clean or packet.client_id, "an empty client id with CleanSession 0")


# 3.1.2.4 and 3.1.3.1: sessions


@case(
    "MQTT-3.1.3-2",
    expect="the same client id",
    sabotage=change("CONNECT", lambda p: not p.clean, client_id=lambda p, link: _other(p)),
)
async def same_client_id(t: ClientTrial) -> None:
    """A client that comes back to its session."""
    peer = await t.connect(session=True)
    again = await t.reconnect()
    assert peer.connect
    assert again.connect
    check(
        again.connect.client_id == peer.connect.client_id == t.client_id().encode(),
        f"{peer.connect.client_id!r}, then {again.connect.client_id!r}",
    )


def _other(packet: Packet) -> bytes:
    return bytes(packet.client_id) + b"x"


@case(
    "5:MQTT-3.1.3-2",
    expect="the client id that the server has assigned",
    strength="SHOULD",
    why="the session is kept under it (3.2.2.3.7)",
    sabotage=change("CONNECT", lambda p: p.client_id == b"assigned-1", client_id=b""),
    own_id=False,
)
async def assigned_client_id(t: ClientTrial) -> None:
    """A client without an id comes back to its session."""
    await t.needs("empty client id")
    peer = await t.attempt(session=True, client_id="")
    if peer is None:
        not_observable("it keeps no session without a client id")
    await peer.get("CONNECT")
    await t.accepted(peer, {"assigned_client_identifier": "assigned-1"})
    again = await t.reconnect()
    assert again.connect
    check(again.connect.client_id == b"assigned-1", f"{again.connect.client_id!r}")


@case(
    "5:MQTT-3.1.2-30",
    expect="nothing but AUTH or DISCONNECT before CONNACK",
    sabotage=invent("PINGREQ", "AUTH"),
)
async def only_auth(t: ClientTrial) -> None:
    """The application publishes while the client still proves who it is."""
    peer = await t.open(scram={"user_name": "ada", "password": "engine"})
    t.publish(t.topic("hasty"))
    peer.send("AUTH", reason=0x18, authentication_method="SCRAM-SHA-256",
              authentication_data=_challenge(peer.connect))  # fmt: skip
    await peer.get("AUTH")
    await t.sleep(t.times.quiet_s)
    others = [kind for kind in peer.heard[1:] if kind not in ("AUTH", "DISCONNECT")]
    check(not others, f"before CONNACK: {', '.join(others)}")


def _challenge(connect: Packet | None) -> str:
    assert connect
    first = bytes(connect.property("authentication_data")).decode()
    nonce = first.rpartition("r=")[2]
    return f"r={nonce}server,s=c2FsdA==,i=4096"


# 3.1.2.11 and 3.1.3.2: properties, each once

_CONNECT = {
    "session_expiry_interval": ("U-3.1.2.11.2-1", 100),
    "receive_maximum": ("U-3.1.2.11.3-1", 10),
    "maximum_packet_size": ("U-3.1.2.11.4-1", 10_000),
    "topic_alias_maximum": ("U-3.1.2.11.5-1", 5),
    "request_response_information": ("U-3.1.2.11.6-1", 1),
    "request_problem_information": ("U-3.1.2.11.7-1", 0),
}
for _property, (_id, _value) in _CONNECT.items():
    _connect(
        f"once_{_property}",
        _id,
        what=f"{_property} once, with its value",
        holds=lambda p, name=_property, value=_value: p.all(name) == [value],
        sabotage=change("CONNECT", **{_property: [_value, _value]}),
        **{_property: _value},
    )
for _property, _id in (
    ("authentication_method", "U-3.1.2.11.9-1"),
    ("authentication_data", "U-3.1.2.11.10-1"),
):
    _connect(
        f"once_{_property}",
        _id,
        what=f"{_property} once",
        holds=lambda p, name=_property: len(p.all(name)) == 1,
        sabotage=change("CONNECT", **{_property: ["a", "a"]}),
        scram={"user_name": "ada", "password": "engine"},
    )

_OF_WILL: dict[str, tuple[str, Any]] = {
    "will_delay_interval": ("U-3.1.3.2.2-1", 5),
    "payload_format_indicator": ("U-3.1.3.2.3-1", 1),
    "message_expiry_interval": ("U-3.1.3.2.4-1", 60),
    "content_type": ("U-3.1.3.2.5-1", "text/plain"),
    "response_topic": ("U-3.1.3.2.6-1", "answer"),
    "correlation_data": ("U-3.1.3.2.7-1", "7"),
}


def _of_will(packet: Packet, name: str, value: Any) -> bool:
    given = value.encode() if isinstance(value, str) else value
    return bool(packet.will) and [v for n, v in packet.will["properties"] if n == name] == [given]


def _doubled(name: str, value: Any) -> Recipe:
    return change(
        "CONNECT",
        will=lambda p, link: p.will | {"properties": [(name, value), (name, value)]},
    )


for _property, (_id, _value) in _OF_WILL.items():
    _connect(
        f"will_once_{_property}",
        _id,
        what=f"{_property} of the will once, with its value",
        holds=lambda p, n=_property, v=_value: _of_will(p, n, v),
        sabotage=_doubled(_property, _value),
        will=_WILL | {"properties": {_property: _value}},
    )
