"""The scriptable server: one connection that a client has opened."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from mqttlab.conformance.connection import Connection
from mqttlab.conformance.verdicts import Failed
from mqttlab.conformance.wire import Packet

if TYPE_CHECKING:
    from mqttlab.conformance.client_trial import ClientTrial

__all__ = ["Served"]

_FIRST_ID = 0x4000  # of what a server sends: packet ids of both ends are apart to the eye, too
_BARRIERS = "barrier"


class Served(Connection):
    """One connection of a client, to a server that keeps to nothing by itself.

    `acks`: it answers SUBSCRIBE and UNSUBSCRIBE, and completes the handshakes of QoS 1 and 2, its
    own and the client's. `pongs`: it answers PINGREQ. `barrier` and `deliver` prepare.
    """

    trial: ClientTrial
    hears_clients = True

    def __init__(self, *of_connection: Any, **options: Any) -> None:
        super().__init__(*of_connection, **options)
        self.connect: Packet | None = None
        self.pongs = True
        self._next_id = _FIRST_ID

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """See asyncio.Protocol."""
        super().connection_made(transport)
        self.trial.arrived(self)

    def _learn(self, packet: Packet) -> None:
        if packet.type == "CONNECT" and not packet.violation:
            self.link.client_id = packet.client_id

    def _answer(self, packet: Packet) -> None:
        if packet.type == "PINGREQ" and self.pongs:
            self.send("PINGRESP")
        if not self.acks:
            return
        if packet.type == "SUBSCRIBE":
            codes = [options & 3 for _, options in packet.filters]
            self.send("SUBACK", packet_id=packet.packet_id, codes=codes)
        elif packet.type == "UNSUBSCRIBE":
            codes = [0] * len(packet.filters) if self.trial.v5 else []
            self.send("UNSUBACK", packet_id=packet.packet_id, codes=codes)
        elif packet.type == "PUBREC":
            self.send("PUBREL", packet_id=packet.packet_id)
        else:
            super()._answer(packet)

    # Judging.

    async def stays(self) -> None:
        """The connection is not ended for what was sent: a message is acknowledged."""
        packet_id = self._mark()
        await self.expect("PUBACK", packet_id=packet_id)

    async def silent(self, type: str, **fields: Any) -> None:
        """No such packet comes within a quiet window; nothing is sent meanwhile."""
        await asyncio.sleep(self.trial.times.quiet_s)
        if self.find(type, None, fields, Failed):
            raise Failed(f"{self.name}: {type} came, which should not")

    # Preparing.

    async def barrier(self) -> None:
        """A message of QoS 1 and its PUBACK: what was sent before has been read."""
        packet_id = self._mark()
        await self.get("PUBACK", packet_id=packet_id)

    def _mark(self) -> int:
        packet_id = self.next_id
        self.send("PUBLISH", topic=self.trial.topic(_BARRIERS), qos=1, packet_id=packet_id)
        return packet_id

    def welcome(self, **fields: Any) -> None:
        """CONNACK; fields: wire.encode's."""
        self.send("CONNACK", **fields)

    async def deliver(
        self, topic: str, payload: bytes | str = b"m", qos: int = 1, **fields: Any
    ) -> int:
        """A message, and the whole handshake of its QoS. Returns its packet id."""
        packet_id = self.next_id
        data = payload.encode() if isinstance(payload, str) else payload
        self.send("PUBLISH", topic=topic, payload=data, qos=qos, packet_id=packet_id, **fields)
        if qos == 1:
            await self.get("PUBACK", packet_id=packet_id)
        elif qos == 2:
            await self.get("PUBREC", packet_id=packet_id)
            if not self.acks:
                self.send("PUBREL", packet_id=packet_id)
            await self.get("PUBCOMP", packet_id=packet_id)
        return packet_id
