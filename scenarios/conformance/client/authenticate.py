"""3.15 AUTH and 4.12 enhanced authentication, as a client does it (5.0)."""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Callable
from typing import Any

from mqttlab.conformance import (
    ClientTrial,
    Packet,
    Served,
    change,
    check,
    invent,
    keep_open,
    patch,
)
from mqttlab.conformance.sabotage import Recipe

from .common import case

_METHOD = "SCRAM-SHA-256"
_HAS = {"authentication_method": _METHOD}
_USER = {"user_name": "ada", "password": "engine"}
_SALT, _ROUNDS = b"salt", 4096


class _Scram:
    """The server's side of RFC 7677, which believes everybody."""

    def __init__(self, opening: bytes) -> None:
        self._opening = opening.decode().removeprefix("n,,")
        nonce = self._opening.rpartition("r=")[2]
        salt = base64.b64encode(_SALT).decode()
        self.challenge = f"r={nonce}server,s={salt},i={_ROUNDS}"

    def signature(self, answer: bytes) -> str:
        salted = hashlib.pbkdf2_hmac("sha256", _USER["password"].encode(), _SALT, _ROUNDS)
        bare = answer.decode().rpartition(",p=")[0]
        message = f"{self._opening},{self.challenge},{bare}".encode()
        key = hmac.digest(salted, b"Server Key", "sha256")
        return "v=" + base64.b64encode(hmac.digest(key, message, "sha256")).decode()


def _data(packet: Packet) -> bytes:
    return bytes(packet.property("authentication_data") or b"")


async def _answered(peer: Served, opening: Packet) -> tuple[Packet, str]:
    """The client's answer to a challenge, and what proves that the server is who it is."""
    scram = _Scram(_data(opening))
    peer.send("AUTH", reason=0x18, authentication_data=scram.challenge, **_HAS)
    answer = await peer.expect("AUTH")
    return answer, scram.signature(_data(answer))


async def _opening(t: ClientTrial) -> tuple[Served, Packet]:
    peer = await t.open(scram=_USER)
    assert peer.connect
    return peer, peer.connect


async def _authenticated(t: ClientTrial, **connack: Any) -> Served:
    peer, opening = await _opening(t)
    _, proof = await _answered(peer, opening)
    return await t.accepted(peer, {"authentication_data": proof, **_HAS, **connack})


async def _again(t: ClientTrial, **connack: Any) -> tuple[Served, Packet]:
    """The first AUTH of another authentication."""
    await t.needs("reauthenticate")
    peer = await _authenticated(t, **connack)
    t.order("reauthenticate")
    return peer, await peer.expect("AUTH")


def _answer(
    name: str, *ids: str, what: str, sabotage: Recipe, holds: Callable[[Packet], object]
) -> None:
    """A case: the client's AUTH that answers a challenge."""

    @case(*ids, name=f"authenticate.{name}", expect=what, sabotage=sabotage)
    async def run(t: ClientTrial) -> None:
        answer, _ = await _answered(*await _opening(t))
        check(holds(answer), f"AUTH is {answer.raw.hex(' ')}")


_answer(
    "code",
    "5:MQTT-3.15.2-1",
    "5:MQTT-4.12.0-3",
    what="AUTH 0x18",
    sabotage=change("AUTH", reason=0x05),
    holds=lambda p: p.reason == 0x18,
)
_answer(
    "continues",
    "5:MQTT-4.12.0-3",
    what="AUTH 0x18",
    sabotage=change("AUTH", reason=0x19),
    holds=lambda p: p.reason == 0x18,
)
_answer(
    "method",
    "5:MQTT-4.12.0-5",
    "U-3.15-1",
    what="the method of CONNECT",
    sabotage=change("AUTH", authentication_method="OTHER"),
    holds=lambda p: p.property("authentication_method") == _METHOD.encode(),
)
_answer(
    "flags",
    "5:MQTT-3.15.1-1",
    what="flags 0000",
    sabotage=patch("AUTH", bytes=lambda raw: b"\xf1" + raw[1:]),
    holds=lambda p: p.raw[0] == 0xF0,
)
_answer(
    "has_method",
    "U-3.15.2.2.2-2",
    what="a method",
    sabotage=change("AUTH", authentication_method=None),
    holds=lambda p: p.property("authentication_method"),
)
for _id, _property, _least in (
    ("U-3.15.2.2.2-1", "authentication_method", 1),
    ("U-3.15.2.2.3-1", "authentication_data", 1),
    ("U-3.15.2.2.4-1", "reason_string", 0),
):
    _answer(
        f"once_{_property}",
        _id,
        what=f"{_property} once at most",
        sabotage=change("AUTH", **{_property: ["a", "a"]}),
        holds=lambda p, name=_property, least=_least: least <= len(p.all(name)) <= 1,
    )

_MOST = 400  # bytes: enough for SCRAM
for _id, _property, _wrong in (
    ("5:MQTT-3.15.2-2", "reason_string", "x" * _MOST),
    ("5:MQTT-3.15.2-3", "user_property", ("x" * 200, "y" * 200)),
):

    def _size(id: str, property: str, wrong: Any) -> None:
        @case(
            id,
            name=f"authenticate.{property}_size",
            expect=f"AUTH within the Maximum Packet Size of {_MOST} bytes",
            why="one that has no such property at any size keeps the rule",
            sabotage=change("AUTH", lambda p: p.reason == 0x19, **{property: wrong}),
        )
        async def run(t: ClientTrial) -> None:
            _, packet = await _again(t, maximum_packet_size=_MOST)
            check(len(packet.raw) <= _MOST, f"AUTH of {len(packet.raw)} bytes")

    _size(_id, _property, _wrong)


@case(
    "5:MQTT-4.12.1-1",
    expect="AUTH 0x19 with the method of CONNECT",
    sabotage=change("AUTH", lambda p: p.reason == 0x19, reason=0x18),
)
async def reauthenticates(t: ClientTrial) -> None:
    """The client proves who it is once more."""
    peer, packet = await _again(t)
    check(packet.reason == 0x19, f"AUTH 0x{packet.reason:02X}")
    check(packet.property("authentication_method") == _METHOD.encode(), "another method")
    _, proof = await _answered(peer, packet)
    peer.send("AUTH", reason=0, authentication_data=proof, **_HAS)
    await t.expect("acknowledged")


@case(
    "5:MQTT-4.12.1-2",
    expect="the client closes",
    sabotage=keep_open(),
)
async def reauthentication_fails(t: ClientTrial) -> None:
    """The server cannot prove that it knows the password."""
    peer, packet = await _again(t)
    await _answered(peer, packet)
    peer.offend("AUTH", reason=0, authentication_data="v=" + "A" * 43 + "=", **_HAS)
    await peer.dropped()


@case(
    "5:MQTT-4.12.0-7",
    expect="no AUTH",
    why="it has named no method",
    sabotage=invent("AUTH", "CONNECT", reason=0x18, authentication_method="x"),
)
async def without_method(t: ClientTrial) -> None:
    """The server asks a client that knows of no authentication."""
    peer = await t.open()
    peer.send("AUTH", reason=0x18, authentication_data="who?", **_HAS)
    await peer.silent("AUTH")


for _id, _property, _values in (
    ("U-3.15.2.2.2-1", "authentication_method", [_METHOD, _METHOD]),
    ("U-3.15.2.2.2-2", "authentication_method", None),
    ("U-3.15.2.2.3-1", "authentication_data", ["a", "a"]),
    ("U-3.15.2.2.4-1", "reason_string", ["a", "a"]),
):

    def _malformed(id: str, property: str, values: Any) -> None:
        @case(
            id,
            name=f"authenticate.received_{'twice' if values else 'without'}_{property}",
            expect="the client closes; it may say 0x82 before",
            why="4.13.1 says that a client should close",
            strength="SHOULD",
            sabotage=keep_open(),
        )
        async def run(t: ClientTrial) -> None:
            peer, opening = await _opening(t)
            challenge = {"authentication_data": _Scram(_data(opening)).challenge} | _HAS
            peer.offend("AUTH", **{"reason": 0x18} | challenge | {property: values})
            await peer.dropped(0x82)

    _malformed(_id, _property, _values)
