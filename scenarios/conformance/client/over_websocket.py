"""6 MQTT over WebSocket, as a client does it."""

from __future__ import annotations

from typing import cast

from mqttlab.conformance import ClientTrial, Served, check, drop, keep_open
from mqttlab.conformance.sabotage import websocket
from mqttlab.conformance.websocket import BINARY, TEXT, WebSocketServer

from .common import case


async def _over(t: ClientTrial) -> tuple[Served, WebSocketServer]:
    """A client that has connected over WebSocket, and what is beneath."""
    peer = await t.connect(acks=False, websocket=True)
    return peer, cast(WebSocketServer, peer.transport)


@case(
    "MQTT-6.0.0-1",
    expect="MQTT in binary frames",
    sabotage=websocket("opcode", str(TEXT)),
)
async def binary(t: ClientTrial) -> None:
    """What the client sends."""
    peer, beneath = await _over(t)
    await peer.barrier()
    check(set(beneath.opcodes) == {BINARY}, f"opcodes: {sorted(set(beneath.opcodes))}")


@case(
    "MQTT-6.0.0-1",
    expect="the client closes",
    sabotage=keep_open(),
)
async def text_frame(t: ClientTrial) -> None:
    """A packet in a text frame."""
    peer, beneath = await _over(t)
    peer.doom("a text frame")
    answer = peer.make("PINGRESP")
    beneath.write_frame(TEXT, answer)
    t.said(peer, answer, "in a text frame")
    await peer.dropped()


@case(
    "MQTT-6.0.0-2",
    expect="both messages are acknowledged",
    sabotage=drop("PUBACK", lambda p: p.packet_id == 102),
)
async def several_packets_in_a_frame(t: ClientTrial) -> None:
    """Two messages in one frame."""
    peer, _ = await _over(t)
    messages = (peer.make("PUBLISH", topic=t.topic(), qos=1, packet_id=n) for n in (101, 102))
    peer.send_all(*messages)
    for packet_id in (101, 102):
        await peer.expect("PUBACK", packet_id=packet_id)


@case(
    "MQTT-6.0.0-2",
    expect="the message is acknowledged",
    sabotage=drop("PUBACK", lambda p: p.packet_id == 103),
)
async def packet_over_several_frames(t: ClientTrial) -> None:
    """A message in frames of three bytes."""
    peer, beneath = await _over(t)
    message = peer.make("PUBLISH", topic=t.topic(), qos=1, packet_id=103)
    for at in range(0, len(message), 3):
        beneath.write_frame(BINARY, message[at : at + 3])
    t.said(peer, message, "in frames of three bytes")
    await peer.expect("PUBACK", packet_id=103)


@case(
    "MQTT-6.0.0-3",
    expect="mqtt among the subprotocols that the client lists",
    sabotage=websocket("sec-websocket-protocol", "chat"),
)
async def subprotocol(t: ClientTrial) -> None:
    """The upgrade."""
    await t.needs("websocket")
    peer = await t.arrives(websocket=True)
    offered = cast(WebSocketServer, peer.transport).offered
    check("mqtt" in offered, f"lists: {', '.join(offered)}")
