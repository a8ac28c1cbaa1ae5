"""The scriptable peer: a client that says what its script tells it to, and nothing more."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mqttlab.conformance.connection import Connection
from mqttlab.conformance.verdicts import NotTested, TargetError
from mqttlab.conformance.wire import Packet

if TYPE_CHECKING:
    from mqttlab.conformance.trial import Trial

__all__ = ["Peer"]


class Peer(Connection):
    """One connection to a broker, as a client that keeps to nothing by itself.

    `acks`: it completes the handshakes of QoS 1 and 2, its own and the target's. Of its own verbs
    `stays` judges; `subscribe`, `publish` and others prepare.
    """

    trial: Trial
    hears_clients = False

    def __init__(self, *of_connection: Any, **options: Any) -> None:
        super().__init__(*of_connection, **options)
        self.connack: Packet | None = None
        self.takes: int | None = None  # the Maximum Packet Size that it announced, if a case says

    # Judging.

    def _ending_s(self) -> float:
        times, welcomed = self.trial.times, self.connack or "CONNACK" in self.heard
        return times.patience_s if welcomed else max(times.patience_s, times.welcome_s)

    def _tolerated(self) -> str:
        fresh = self.connack is None and [raw[0] >> 4 for raw in self.link.sent] == [1]
        return "accepted with CONNACK 0x00" if fresh and self._welcomed() else ""

    def _welcomed(self) -> bool:
        return any(p.type == "CONNACK" and p.fields.get("reason") == 0 for p in self.inbox)

    async def stays(self) -> None:
        """The connection is not ended for what was sent: PINGREQ is answered."""
        self.send("PINGREQ")
        await self.expect("PINGRESP")

    # Preparing.

    async def barrier(self) -> None:
        """PINGREQ and its answer: what was sent before has been read."""
        self.send("PINGREQ")
        await self.get("PINGRESP")

    async def subscribe(self, *filters: str, qos: int = 1, **fields: Any) -> list[int]:
        """SUBSCRIBE and its answer, with what is granted. `options`: instead of the QoS."""
        packet_id = self.next_id
        options = fields.pop("options", qos)
        pairs = [(one, options) for one in filters]
        self.send("SUBSCRIBE", packet_id=packet_id, filters=pairs, **fields)
        suback = await self.get("SUBACK", packet_id=packet_id)
        if any(code >= 0x80 for code in suback.codes):
            raise NotTested(f"{self.name}: SUBSCRIBE {filters} was refused: {suback.codes}")
        codes: list[int] = suback.codes
        return codes

    async def unsubscribe(self, *filters: str) -> Packet:
        """UNSUBSCRIBE and its answer."""
        packet_id = self.next_id
        self.send("UNSUBSCRIBE", packet_id=packet_id, filters=filters)
        return await self.get("UNSUBACK", packet_id=packet_id)

    async def publish(
        self, topic: str, payload: bytes | str = b"m", qos: int = 1, **fields: Any
    ) -> None:
        """A message and the whole handshake of its QoS; at QoS 0 a barrier."""
        packet_id = self.next_id if qos else None
        data = payload.encode() if isinstance(payload, str) else payload
        if fields.get("retain"):
            self.trial.retained.add(topic)
        self.send("PUBLISH", topic=topic, payload=data, qos=qos, packet_id=packet_id, **fields)
        if qos == 0:
            await self.barrier()
        elif qos == 1:
            self._taken(await self.get("PUBACK", packet_id=packet_id))
        else:
            self._taken(await self.get("PUBREC", packet_id=packet_id))
            self.send("PUBREL", packet_id=packet_id)
            await self.get("PUBCOMP", packet_id=packet_id)

    def _taken(self, answer: Packet) -> None:
        if answer.reason >= 0x80:
            raise NotTested(f"{self.name}: PUBLISH was refused: 0x{answer.reason:02X}")

    async def admitted(self) -> bool:
        """What became of CONNECT: a CONNACK of 0; or another one, or the end."""
        await self.until(lambda: self.ended or "CONNACK" in self.heard, self.trial.times.patience_s)
        return self._welcomed()

    async def accepted(self, **fields: Any) -> Packet:
        """CONNECT, and the CONNACK that accepts it."""
        self.send("CONNECT", **fields)
        packet = await self.until(
            lambda: self.find("CONNACK", None, {}) or self.ended, self.trial.times.patience_s
        )
        if not isinstance(packet, Packet):
            if self.ended or self.inbox:
                raise NotTested(f"{self.name}: CONNECT was not accepted{self._why(0)}")
            raise TargetError("the target takes connections and answers no CONNECT")
        if packet.reason:
            raise NotTested(f"{self.name}: CONNECT was refused: 0x{packet.reason:02X}")
        self.inbox.remove(packet)
        self.connack = packet
        return packet

    async def disconnect(self, **fields: Any) -> None:
        """DISCONNECT, then the link is closed, and the target has seen it."""
        self.send("DISCONNECT", **fields)
        if parting_s := self.trial.times.parting_s:
            await self.until(lambda: self.ended, parting_s)
        await self.close()
