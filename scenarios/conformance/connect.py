"""3.1 CONNECT: who is let in, and what ends a connection before it begins."""

from __future__ import annotations

from mqttlab.conformance import (
    Trial,
    case,
    change,
    check,
    drop,
    ends,
    keep_open,
    message,
    not_observable,
    only,
    patch,
)
from mqttlab.conformance.wire import V5, encode, text

from .common import SURROGATE, offline, refuses, refuses_connect

# 3.1.0


@case(
    "MQTT-3.1.0-1",
    expect="the connection is closed",
    sabotage=keep_open(),
    why="a first packet other than CONNECT is a protocol violation (4.8, 4.13); "
    "a server that ends it only with its time for CONNECT keeps the rule, too",
)
async def first_packet(t: Trial) -> None:
    """PINGREQ before CONNECT."""
    peer = await t.open()
    peer.offend("PINGREQ")
    if not await t.until(lambda: peer.ended):
        peer.send("CONNECT", **t.connecting())
        check(not await peer.admitted(), "CONNECT is accepted after PINGREQ")
    await peer.dropped(0x82)


refuses(
    "connect.second_connect",
    "MQTT-3.1.0-2",
    packet="CONNECT",
    codes=(0x82,),
    fields=lambda t: t.connecting(),
    why="one connection, one CONNECT",
)

# 3.1.2: protocol name, level, flags

refuses_connect(
    "connect.protocol_name",
    "MQTT-3.1.2-1",
    codes=(0x84, 0x81, 0x82),
    fields={"protocol_name": "MQTX"},
    why="no protocol has this name",
)


async def _unknown_level(t: Trial) -> bytes:
    """The answer to a protocol level that nobody has; b"" if there is none."""
    t.any_form = True
    peer = await t.open()
    peer.offend("CONNECT", level=0x63, **t.connecting())
    await peer.dropped(0x84)
    return next((p.raw for p in peer.inbox if p.type == "CONNACK"), b"")


@case(
    "3:MQTT-3.1.2-2",
    expect="CONNACK 0x01, or 0x84 in the form of 5.0",
    why="which of both rules a server of both versions keeps for an unknown one is not said, and "
    "3.1.2.2 of 5.0 lets it close without an answer",
    sabotage=patch(
        "CONNACK",
        lambda p: p.reason in (1, 0x84),
        bytes=lambda raw: raw[:3] + b"\x05" + raw[4:],
    ),
)
async def level_answer(t: Trial) -> None:
    """Protocol level 99 is answered."""
    answer = await _unknown_level(t)
    if not answer:
        peer = await t.open("five")
        peer.send(encode("CONNECT", V5, **t.connecting("five")))
        await peer.answered()
        if any(p.raw[:1] == b"\x20" and p.raw[3:4] == b"\x00" for p in peer.inbox):
            not_observable("as a server of 5.0 it may close without an answer")
    check(answer[:1] == b"\x20" and answer[3] in (0x01, 0x84), f"answered by {answer.hex(' ')!r}")


@case(
    "3:MQTT-3.1.2-2",
    "5:MQTT-3.1.2-2",
    "3:MQTT-3.2.2-5",
    expect="the connection is closed",
    sabotage=keep_open(),
)
async def level_closes(t: Trial) -> None:
    """Protocol level 99 ends the connection."""
    await _unknown_level(t)


refuses_connect(
    "connect.reserved_flag",
    "MQTT-3.1.2-3",
    "5:U-3.1.2.3-1",
    codes=(0x81, 0x82),
    fields={"connect_flags": 0x03},
    why="bit 0 of the connect flags is 1",
)


@case(
    "3:MQTT-3.1.2-4",
    "5:MQTT-3.1.2-5",
    "MQTT-4.1.0-1",
    "5:MQTT-3.1.2-23",
    expect="subscription and QoS 1 message are there when the client returns",
    sabotage=drop("PUBLISH", ends("continued")),
)
async def continues_session(t: Trial) -> None:
    """A session that is kept has what it had."""
    await offline(t, t.topic("continued"))
    other = await t.connect("b")
    await other.publish(t.topic("continued"), qos=1)
    peer = await t.connect(session=True)
    await peer.expect("PUBLISH", topic=t.topic("continued"))


@case(
    "3:MQTT-3.1.2-4",
    "5:MQTT-3.1.2-6",
    expect="a session that works",
    sabotage=drop("PUBLISH", ends("fresh")),
)
async def opens_session(t: Trial) -> None:
    """A client id that the server has never seen, and no clean start."""
    peer = await t.connect(session=True)
    await peer.subscribe(t.topic("fresh"))
    await peer.publish(t.topic("fresh"))
    await peer.expect("PUBLISH", topic=t.topic("fresh"))


@case(
    "3:MQTT-3.1.2-5",
    expect="messages of QoS 1 and 2 are delivered on return",
    sabotage=drop("PUBLISH", lambda p: p.topic.endswith(b"/away") and p.qos == 2),
)
async def queues_while_away(t: Trial) -> None:
    """Messages for a session without a connection."""
    await offline(t, t.topic("away"))
    other = await t.connect("b")
    await other.publish(t.topic("away"), b"1", qos=1)
    await other.publish(t.topic("away"), b"2", qos=2)
    peer = await t.connect(session=True)
    got = {(await peer.expect("PUBLISH", topic=t.topic("away"))).payload for _ in range(2)}
    check(got == {b"1", b"2"}, f"delivered: {sorted(got)}")


@case(
    "3:MQTT-3.1.2-6",
    "5:MQTT-3.1.2-4",
    expect="nothing of the earlier session is left",
    sabotage=message("wiped-b"),
)
async def clean_wipes(t: Trial) -> None:
    """A clean start ends a session: its subscription is gone, its messages are."""
    await offline(t, t.topic("wiped"))
    other = await t.connect("b")
    await other.publish(t.topic("wiped"), b"queued", qos=1)
    peer = await t.connect()
    await peer.subscribe(t.topic("wiped-b"))
    await other.publish(t.topic("wiped"), b"later", qos=1)
    await peer.nothing("PUBLISH")


@case(
    "3:MQTT-3.1.2-6",
    expect="Session Present 0 after a clean session",
    sabotage=only("unused", change("CONNACK", lambda p: not p.session_present, session_present=1)),
)
async def clean_is_not_reused(t: Trial) -> None:
    """A clean session dies with its connection."""
    peer = await t.connect("unused")
    await peer.subscribe(t.topic())
    await peer.disconnect()
    peer = await t.connect("unused", session=True)
    assert peer.connack
    check(not peer.connack.session_present, "Session Present 1")


@case(
    "3:MQTT-3.1.2-7",
    expect="the retained message is delivered after its publisher's session",
    sabotage=drop("PUBLISH", ends("outlives")),
)
async def retained_outlives_session(t: Trial) -> None:
    """Retained messages are no part of a session."""
    peer = await t.connect()
    await peer.publish(t.topic("outlives"), retain=True)
    await peer.disconnect()
    peer = await t.connect()
    await peer.subscribe(t.topic("outlives"))
    await peer.expect("PUBLISH", topic=t.topic("outlives"))


# 3.1.2.6 to 3.1.2.9: flags and fields that belong together

for _name, _ids, _fields, _why in (
    (
        "will_qos_without_will",
        ("3:MQTT-3.1.2-11", "3:MQTT-3.1.2-13", "5:MQTT-3.1.2-11"),
        {"connect_flags": 0x0A},
        "Will QoS 1 and Will Flag 0",
    ),
    (
        "will_retain_without_will",
        ("3:MQTT-3.1.2-11", "3:MQTT-3.1.2-15", "5:MQTT-3.1.2-13"),
        {"connect_flags": 0x22},
        "Will Retain 1 and Will Flag 0",
    ),
    (
        "will_qos_3",
        ("3:MQTT-3.1.2-14", "5:MQTT-3.1.2-12", "5:U-3.1.2.6-1"),
        {"will": {"topic": "w", "qos": 3}},
        "Will QoS 3",
    ),
    (
        "will_fields_missing",
        ("MQTT-3.1.2-9",),
        {"connect_flags": 0x06},
        "Will Flag 1, and no will in the payload",
    ),
    (
        "user_name_unflagged",
        ("3:MQTT-3.1.2-18", "5:MQTT-3.1.2-16"),
        {"user_name": "ada", "connect_flags": 0x02},
        "a field that no flag announces",
    ),
    (
        "user_name_missing",
        ("3:MQTT-3.1.2-19", "5:MQTT-3.1.2-17"),
        {"user_name": None, "password": None, "connect_flags": 0x82},
        "User Name Flag 1, and no user name",
    ),
    (
        "password_unflagged",
        ("3:MQTT-3.1.2-20", "5:MQTT-3.1.2-18"),
        {"user_name": "ada", "password": "x", "connect_flags": 0x82},
        "a field that no flag announces",
    ),
    (
        "password_missing",
        ("3:MQTT-3.1.2-21", "5:MQTT-3.1.2-19"),
        {"user_name": "ada", "password": None, "connect_flags": 0xC2},
        "Password Flag 1, no password",
    ),
    (
        "password_without_user",
        ("3:MQTT-3.1.2-22",),
        {"user_name": None, "password": "x"},
        "Password Flag 1 and User Name Flag 0",
    ),
    ("client_id_missing", ("MQTT-3.1.3-3",), {"payload": []}, "a payload of nothing"),
    (
        "client_id_ill_formed",
        ("MQTT-3.1.3-4", "3:MQTT-1.5.3-1"),
        {"client_id": b"c" + SURROGATE},
        "a surrogate in the client id",
    ),
    (
        "will_topic_ill_formed",
        ("3:MQTT-3.1.3-10", "5:MQTT-3.1.3-11"),
        {"will": {"topic": b"w/" + SURROGATE}},
        "a surrogate in the will topic",
    ),
    (
        "user_name_ill_formed",
        ("3:MQTT-3.1.3-11", "5:MQTT-3.1.3-12"),
        {"user_name": b"a" + SURROGATE},
        "a surrogate in the user name",
    ),
):
    refuses_connect(f"connect.{_name}", *_ids, fields=_fields, why=_why)


@case("3:MQTT-3.1.4-1", expect="the connection is closed without a CONNACK", sabotage=keep_open())
async def malformed_closes(t: Trial) -> None:
    """A CONNECT that ends in the middle of its keep alive."""
    peer = await t.open()
    peer.offend(bytes([0x10, 9]) + text("MQTT") + bytes([t.version, 2, 0]))
    await peer.dropped(0x81)


@case("5:MQTT-3.1.4-1", expect="the connection is closed", sabotage=keep_open())
async def malformed_closes_5(t: Trial) -> None:
    """A CONNECT that ends in the middle of its keep alive."""
    peer = await t.open()
    peer.offend(bytes([0x10, 9]) + text("MQTT") + bytes([t.version, 2, 0]))
    await peer.dropped(0x81)


@case(
    "MQTT-3.1.3-1",
    "3:MQTT-3.1.2-21",
    expect="the will goes out under its topic and payload",
    sabotage=change("PUBLISH", ends("order"), payload=b"?"),
    why="client id, will, user name, password: read in another order, they are others",
)
async def payload_order(t: Trial) -> None:
    """All fields of the payload at once, in their order."""
    watcher = await t.connect("b")
    await watcher.subscribe(t.topic("order"))
    fields = {"user_name": "ada", "password": "engine"} | t.target.login("plain")
    peer = await t.connect(will={"topic": t.topic("order"), "payload": b"last words"}, **fields)
    await peer.cut()
    will = await watcher.get("PUBLISH", topic=t.topic("order"))
    check(will.payload == b"last words", f"the will says {will.payload!r}")


# 3.1.4: what an accepted CONNECT does


@case(
    "3:MQTT-3.1.4-2",
    "5:MQTT-3.1.4-3",
    expect="the older connection is closed",
    sabotage=keep_open(),
)
async def takeover_closes(t: Trial) -> None:
    """A second connection of one client id."""
    older = await t.connect()
    older.doom("taken over")
    await t.connect()
    await older.dropped(0x8E)


@case(
    "5:MQTT-3.1.4-3",
    expect="DISCONNECT 0x8E to the older connection",
    strength="SHOULD",
    why="it is sent as 4.13 describes: a server SHOULD; that it closes is the MUST",
    sabotage=change("DISCONNECT", lambda p: p.reason == 0x8E, reason=0x98),
)
async def takeover_code(t: Trial) -> None:
    """The older connection is told why."""
    older = await t.connect()
    await t.connect()
    word = await older.expect("DISCONNECT")
    check(word.reason == 0x8E, f"DISCONNECT 0x{word.reason:02X}")


@case(
    "5:MQTT-3.1.4-2",
    expect="the connection is closed, after a CONNACK of 0x80 or more or none",
    sabotage=keep_open(),
)
async def wrong_password(t: Trial) -> None:
    """A CONNECT that is well formed and fails a check of the server's own."""
    user = t.target.guard("user")
    t.target.endpoint("guarded")
    peer = await t.open(on="guarded")
    peer.offend("CONNECT", client_id=t.client_id(), user_name=user, password="wrong")
    await peer.dropped(0x86, 0x87)


@case(
    "3:MQTT-3.1.4-3",
    "5:MQTT-3.1.4-4",
    expect="Session Present 0 and nothing delivered",
    sabotage=only("applied", change("CONNACK", lambda p: True, session_present=1)),
)
async def clean_start_is_applied(t: Trial) -> None:
    """A clean start where a session was."""
    await offline(t, t.topic(), name="applied")
    peer = await t.connect("applied")
    assert peer.connack
    check(not peer.connack.session_present, "Session Present 1")


@case(
    "3:MQTT-3.1.4-4",
    "5:MQTT-3.1.4-5",
    expect="CONNACK 0x00",
    sabotage=only("plain", drop("CONNACK", once=True)),
)
async def accepted(t: Trial) -> None:
    """A plain CONNECT."""
    peer = await t.open()
    peer.send("CONNECT", **t.connecting("plain"))
    answer = await peer.expect("CONNACK")
    check(answer.reason == 0, f"CONNACK 0x{answer.reason:02X}")


@case(
    "3:MQTT-3.1.4-5",
    "5:MQTT-3.1.4-6",
    expect="the message is not published",
    sabotage=message("refused"),
)
async def refused_is_not_acted_on(t: Trial) -> None:
    """A CONNECT that is refused, and a PUBLISH behind it in one piece."""
    watcher = await t.connect("b")
    await watcher.subscribe(t.topic("refused"))
    t.any_form = True
    peer = await t.open()
    peer.send_all(
        peer.make("CONNECT", level=0x63, **t.connecting()),
        peer.make("PUBLISH", topic=t.topic("refused"), payload=b"from nobody"),
    )
    await peer.ends()
    await watcher.nothing("PUBLISH")
