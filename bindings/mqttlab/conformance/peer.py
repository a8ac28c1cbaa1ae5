"""The scriptable peer: a client that says what its script tells it to, and nothing more."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from mqttlab.conformance.connection import Connection
from mqttlab.conformance.verdicts import NotTested, TargetError, not_claimed, not_observable
from mqttlab.conformance.wire import Packet

if TYPE_CHECKING:
    from mqttlab.conformance.trial import Trial

__all__ = ["Peer"]

_RETAINED = "retained messages"
_RETAIN_NOT_SUPPORTED, _QOS_NOT_SUPPORTED = 0x9A, 0x9B


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

    def send(self, packet: str | bytes, /, **fields: Any) -> bytes:
        """As a Connection. What the target says that it does not take ends the case as not
        claimed; bytes, and what `offend` sends, go out in any case.
        """
        if isinstance(packet, str) and packet in ("CONNECT", "PUBLISH", "SUBSCRIBE"):
            for name, takes in self._beyond(packet, fields):
                if not takes:
                    not_claimed(name)
        return super().send(packet, **fields)

    def announced(self, limit: str, otherwise: int) -> int:
        """A limit by its name in CONNACK. 3.1.1 has none there: a profile's [announces] has it."""
        if not self.trial.v5:
            return int(self.trial.target.profile.get("announces", {}).get(limit, otherwise))
        value = self.connack.property(limit) if self.connack else None
        return otherwise if value is None else int(value)

    def _beyond(self, packet: str, fields: dict[str, Any]) -> Iterator[tuple[str, bool]]:
        """What this packet takes of the target, and whether that takes it."""
        if packet == "SUBSCRIBE":
            filters = [
                one.encode() if isinstance(one, str) else one for one, _ in fields["filters"]
            ]
            shared = any(one.startswith(b"$share/") for one in filters)
            wild = any(b"+" in one or b"#" in one for one in filters)
            known = "subscription_identifier" not in fields
            yield "wildcards", not wild or self._has("wildcard_subscription_available")
            yield "shared subscriptions", not shared or self._has("shared_subscription_available")
            yield (
                "subscription identifiers",
                known or self._has("subscription_identifiers_available"),
            )
        else:
            message = (fields.get("will") or {}) if packet == "CONNECT" else fields
            qos = message.get("qos", 0)
            yield f"QoS {qos}", qos <= self.announced("maximum_qos", 2)
            yield _RETAINED, not message.get("retain") or self._has("retain_available")
        size = len(self.make(packet, **fields))
        fits = size <= self.announced("maximum_packet_size", size)
        yield f"packets of {size} bytes", fits

    def _has(self, feature: str) -> bool:
        return self.announced(feature, 1) != 0

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

    async def subscribe(
        self, *filters: str, qos: int = 1, needs: int | None = None, **fields: Any
    ) -> list[int]:
        """SUBSCRIBE and its answer, with what is granted. `options`: instead of the QoS. A server
        may grant less: the case is not observable below `needs`, the QoS itself if not said.
        """
        packet_id = self.next_id
        options = fields.pop("options", qos)
        qos = options & 3
        pairs = [(one, options) for one in filters]
        self.send("SUBSCRIBE", packet_id=packet_id, filters=pairs, **fields)
        suback = await self.get("SUBACK", packet_id=packet_id)
        if any(code >= 0x80 for code in suback.codes):
            raise NotTested(f"{self.name}: SUBSCRIBE {filters} was refused: {suback.codes}")
        codes: list[int] = suback.codes
        if codes and min(codes) < (qos if needs is None else needs):
            if self.announced("maximum_qos", 2) < qos:
                not_claimed(f"QoS {qos}")
            not_observable(f"it grants QoS {min(codes)} for {qos}")
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
        will = fields.get("will") or {}
        if packet.reason == _QOS_NOT_SUPPORTED and will.get("qos"):
            not_claimed(f"QoS {will['qos']}")
        if packet.reason == _RETAIN_NOT_SUPPORTED and will.get("retain"):
            not_claimed(_RETAINED)
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
