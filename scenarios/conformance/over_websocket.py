"""6 MQTT over WebSocket."""

from __future__ import annotations

from typing import cast

from mqttlab.conformance import Peer, Trial, case, check, drop, keep_open
from mqttlab.conformance.sabotage import websocket
from mqttlab.conformance.websocket import BINARY, TEXT, WebSocketClient


async def _connected(t: Trial) -> tuple[Peer, WebSocketClient]:
    peer = await t.connect(on="websocket")
    return peer, cast(WebSocketClient, peer.transport)


@case("MQTT-6.0.0-1", expect="the connection is closed", sabotage=keep_open())
async def text_frame(t: Trial) -> None:
    """A PINGREQ in a text frame."""
    peer, socket = await _connected(t)
    peer.doom("text frame")
    t.said(peer, b"\xc0\x00")
    socket.write_frame(TEXT, b"\xc0\x00")
    await peer.dropped()


@case("MQTT-6.0.0-1", expect="binary frames", sabotage=websocket("opcode", str(TEXT)))
async def binary_frames(t: Trial) -> None:
    """What the server sends."""
    peer, socket = await _connected(t)
    await peer.subscribe(t.topic())
    await peer.publish(t.topic(), qos=2)
    await peer.get("PUBLISH")
    kinds = {opcode for opcode in socket.opcodes if opcode < 8}
    check(kinds <= {0, BINARY}, f"opcodes {sorted(kinds)}")


@case(
    "MQTT-6.0.0-2",
    expect="an answer to each",
    sabotage=drop("SUBACK", lambda p: p.packet_id == 1901),
)
async def many_in_one_frame(t: Trial) -> None:
    """Three packets in one frame."""
    peer, _ = await _connected(t)
    peer.send_all(
        peer.make("SUBSCRIBE", packet_id=1901, filters=[(t.topic(), 1)]),
        peer.make("PUBLISH", topic=t.topic(), qos=1, packet_id=1902),
        peer.make("PINGREQ"),
    )
    await peer.expect("SUBACK", packet_id=1901)
    await peer.expect("PUBACK", packet_id=1902)
    await peer.expect("PINGRESP")


@case("MQTT-6.0.0-2", expect="PUBACK", sabotage=drop("PUBACK", lambda p: p.packet_id == 1903))
async def one_in_many_frames(t: Trial) -> None:
    """A packet of which each byte has its own frame."""
    peer, socket = await _connected(t)
    data = peer.make("PUBLISH", topic=t.topic(), qos=1, packet_id=1903, payload=b"12345")
    t.said(peer, data)
    for byte in data:
        socket.write_frame(BINARY, bytes([byte]))
    await peer.expect("PUBACK", packet_id=1903)


@case("MQTT-6.0.0-2", expect="PUBACK", sabotage=drop("PUBACK", lambda p: p.packet_id == 1904))
async def fragments(t: Trial) -> None:
    """A packet in one message of two frames, as WebSocket lets any sender fragment one."""
    peer, socket = await _connected(t)
    data = peer.make("PUBLISH", topic=t.topic(), qos=1, packet_id=1904, payload=b"12345")
    t.said(peer, data)
    socket.write_frame(BINARY, data[:-1], final=False)
    socket.write_frame(0, data[-1:])
    await peer.expect("PUBACK", packet_id=1904)


@case(
    "MQTT-6.0.0-4",
    expect="Sec-WebSocket-Protocol: mqtt",
    sabotage=websocket("sec-websocket-protocol", "mqttv3.1"),
)
async def subprotocol(t: Trial) -> None:
    """The server's answer to the upgrade."""
    _, socket = await _connected(t)
    said = socket.headers.get("sec-websocket-protocol")
    check(said == "mqtt", f"Sec-WebSocket-Protocol: {said}")
