"""3.15 AUTH and 4.12 enhanced authentication (5.0)."""

from __future__ import annotations

import base64
import hashlib
import hmac
from typing import Any

from mqttlab.conformance import (
    Packet,
    Peer,
    Trial,
    case,
    change,
    check,
    keep_open,
)

from .common import refuses

_METHOD = "SCRAM-SHA-256"
_HAS = {"authentication_method": _METHOD}


class _Scram:
    """The client's side of RFC 7677, without channel binding."""

    def __init__(self, t: Trial, password: str | None = None) -> None:
        self._user = t.target.guard("scram_user")
        self._password = password or t.target.guard("scram_password")
        self._first = f"n={self._user},r={t.token}"

    @property
    def first(self) -> str:
        return f"n,,{self._first}"

    def final(self, challenge: bytes) -> str:
        said = dict(one.split("=", 1) for one in challenge.decode().split(","))
        bare = f"c=biws,r={said['r']}"
        salted = hashlib.pbkdf2_hmac(
            "sha256", self._password.encode(), base64.b64decode(said["s"]), int(said["i"])
        )
        key = hmac.digest(salted, b"Client Key", "sha256")
        message = f"{self._first},{challenge.decode()},{bare}".encode()
        signature = hmac.digest(hashlib.sha256(key).digest(), message, "sha256")
        proof = bytes(a ^ b for a, b in zip(key, signature, strict=True))
        return f"{bare},p={base64.b64encode(proof).decode()}"


async def _challenged(t: Trial, **fields: Any) -> tuple[Peer, _Scram, Packet]:
    """A CONNECT that names the method, and the server's challenge."""
    scram = _Scram(t, fields.pop("password", None))
    peer = await t.open(on="guarded")
    peer.send("CONNECT", client_id=t.client_id(), authentication_data=scram.first, **_HAS, **fields)
    return peer, scram, await peer.get("AUTH")


def _answer(peer: Peer, scram: _Scram, challenge: Packet, **fields: Any) -> None:
    data = scram.final(challenge.property("authentication_data"))
    peer.send("AUTH", authentication_data=data, **{"reason": 0x18} | _HAS | fields)


async def _authenticated(t: Trial) -> Peer:
    peer, scram, challenge = await _challenged(t)
    _answer(peer, scram, challenge)
    peer.connack = await peer.get("CONNACK", reason=0)
    return peer


# 3.15


refuses(
    "authenticate.flags",
    "MQTT-3.15.1-1",
    packet="AUTH",
    codes=(0x81, 0x82),
    fields={"flags": 1, "reason": 0x19} | _HAS,
    why="AUTH with flags 0001",
)
refuses(
    "authenticate.unasked",
    "U-3.15-1",
    "5:MQTT-4.12.0-7",
    packet="AUTH",
    codes=(0x82,),
    fields={"reason": 0x19} | _HAS,
    why="CONNECT named no method",
)


@case(
    "5:MQTT-3.15.2-1",
    "5:MQTT-4.12.0-2",
    expect="AUTH 0x18",
    sabotage=change("AUTH", lambda p: p.reason == 0x18, reason=0x19),
)
async def code(t: Trial) -> None:
    """The server's challenge."""
    _, _, challenge = await _challenged(t)
    check(challenge.reason == 0x18, f"AUTH 0x{challenge.reason:02X}")


def _size(name: str, id: str, most: int, **extra: Any) -> None:
    @case(
        id,
        name=f"authenticate.{name}_size",
        expect="AUTH within the Maximum Packet Size",
        sabotage=change("AUTH", **extra),
    )
    async def run(t: Trial) -> None:
        _, _, challenge = await _challenged(t, maximum_packet_size=most)
        check(len(challenge.raw) <= most, f"AUTH of {len(challenge.raw)} bytes")
        if challenge.property(name) is None:
            t.note("its AUTH has none")


_size("reason_string", "5:MQTT-3.15.2-2", 300, reason_string="x" * 300)
_size("user_property", "5:MQTT-3.15.2-3", 300, user_property=("x" * 150, "y" * 150))


def _breaks(name: str, id: str, why: str, **wrong: Any) -> None:
    @case(
        id,
        name=f"authenticate.{name}",
        expect="the connection is closed",
        why=why,
        sabotage=keep_open(),
    )
    async def run(t: Trial) -> None:
        peer, scram, challenge = await _challenged(t)
        data = scram.final(challenge.property("authentication_data"))
        fields: dict[str, Any] = {"reason": 0x18, "authentication_data": data} | _HAS | wrong
        if name == "data_twice":
            fields["authentication_data"] = [data, data]
        peer.offend("AUTH", **fields)
        await peer.dropped(0x82, 0x81)


_breaks("method_twice", "U-3.15.2.2.2-1", "two methods", authentication_method=[_METHOD, _METHOD])
_breaks("method_missing", "U-3.15.2.2.2-2", "no method", authentication_method=None)
_breaks("data_twice", "U-3.15.2.2.3-1", "two data")
_breaks("reason_twice", "U-3.15.2.2.4-1", "two Reason Strings", reason_string=["a", "b"])
_breaks("other_method", "5:MQTT-4.12.0-5", "another method", authentication_method="OTHER")


# 4.12


@case("5:MQTT-4.12.0-1", expect="closed, after CONNACK 0x8C or 0x87 or none", sabotage=keep_open())
async def unknown_method(t: Trial) -> None:
    """A method that nobody has."""
    peer = await t.open()
    peer.offend("CONNECT", **t.connecting(), authentication_method="MQTTLAB-NO-SUCH-METHOD")
    await peer.dropped(0x8C, 0x87)


@case("5:MQTT-3.1.2-30", expect="the connection is closed", sabotage=keep_open())
async def other_packet_before_connack(t: Trial) -> None:
    """PINGREQ in answer to the challenge."""
    peer, _, _ = await _challenged(t)
    peer.offend("PINGREQ")
    await peer.dropped(0x82)


@case(
    "5:MQTT-4.12.0-4",
    expect="closed, after a CONNACK of 0x80 or more or none",
    sabotage=keep_open(),
)
async def rejected(t: Trial) -> None:
    """A proof from the wrong password."""
    peer, scram, challenge = await _challenged(t, password="wrong")
    data = scram.final(challenge.property("authentication_data"))
    peer.offend("AUTH", reason=0x18, authentication_data=data, **_HAS)
    await peer.dropped(0x86, 0x87)
    check(not any(p.type == "CONNACK" and p.reason < 0x80 for p in peer.inbox), "CONNACK 0x00")


@case(
    "5:MQTT-4.12.0-5",
    expect="the method of CONNECT in AUTH and in CONNACK",
    sabotage=change(
        "CONNACK", lambda p: p.property("authentication_method"), authentication_method="OTHER"
    ),
)
async def method_is_repeated(t: Trial) -> None:
    """A whole authentication."""
    peer, scram, challenge = await _challenged(t)
    _answer(peer, scram, challenge)
    accepted = await peer.get("CONNACK", reason=0)
    for packet in (challenge, accepted):
        said = packet.property("authentication_method")
        check(said == _METHOD.encode(), f"{packet.type} names {said!r}")


@case(
    "5:MQTT-4.12.0-6",
    expect="no AUTH, no method in CONNACK",
    sabotage=change("CONNACK", authentication_method="OTHER"),
)
async def no_method_no_auth(t: Trial) -> None:
    """A CONNECT that names no method."""
    peer = await t.connect()
    assert peer.connack
    check(peer.connack.property("authentication_method") is None, "CONNACK names a method")
    await peer.nothing("AUTH")


@case(
    "5:MQTT-4.12.1-1",
    expect="AUTH 0x18, then AUTH 0x00, and the connection goes on",
    sabotage=change("AUTH", lambda p: p.reason == 0, reason=0x18),
)
async def again(t: Trial) -> None:
    """Re-authentication with the right password."""
    peer = await _authenticated(t)
    scram = _Scram(t)
    peer.send("AUTH", reason=0x19, authentication_data=scram.first, **_HAS)
    challenge = await peer.expect("AUTH", reason=0x18)
    _answer(peer, scram, challenge)
    answer = await peer.expect("AUTH")
    check(answer.reason == 0, f"AUTH 0x{answer.reason:02X}")
    await peer.stays()


@case("5:MQTT-4.12.1-2", expect="the connection is closed", sabotage=keep_open())
async def again_and_fails(t: Trial) -> None:
    """Re-authentication with the wrong password."""
    peer = await _authenticated(t)
    scram = _Scram(t, "wrong")
    peer.send("AUTH", reason=0x19, authentication_data=scram.first, **_HAS)
    challenge = await peer.get("AUTH", reason=0x18)
    data = scram.final(challenge.property("authentication_data"))
    peer.offend("AUTH", reason=0x18, authentication_data=data, **_HAS)
    await peer.dropped(0x86, 0x87)
