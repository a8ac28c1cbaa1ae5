"""Claim: when a client id connects a second time, the new connection has the session, whatever is
still to come of the old one. Nothing is lost, and the will of the old connection goes out once.

The old connection's FIN, RST, last bytes or keep-alive timeout come a millisecond before the new
CONNECT, in the same instant, and a millisecond or five seconds after it; and two CONNECTs do.
Which of two in one instant is first, the seed draws. Messages are published all the time.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import Any

import mqttlab
from mqttlab import Client, Lab
from mqttlab.scenarios.support import Raw, Seen
from mqttlab.trace import End, Kind, Packet

DELAY_S = 0.01
KEEP_ALIVE_S = 10
OFFSETS_S = (-0.001, 0.0, 0.001, 5.0)
ENDINGS = ("fin", "reset", "late bytes", "keep alive", "connect")
BUGS = [
    "B53 closing the old connection deletes the session of the new one",
    "B54 messages that arrive in the middle of a takeover are lost",
    "B56 a takeover never completes",
]


@mqttlab.scenario(number="S06", bugs=BUGS, until="1h")
async def two_of_me(lab: Lab, *, seconds: int = 40) -> None:
    """A client id connects again as its old connection ends: one session, nothing lost, one will.

    seconds: how long messages are published.
    """
    await lab.broker()
    lab.shuffle_ties()
    desk = lab.device("desk")
    wire = lab.link(name="wire", delay=DELAY_S)
    kinds = [
        (end, offset, version) for end in ENDINGS for offset in OFFSETS_S for version in (4, 5)
    ]
    names = [f"me-{number:02d}" for number in range(len(kinds))]
    sent: dict[str, list[bytes]] = {name: [] for name in names}
    got: dict[str, list[bytes]] = {name: [] for name in names}
    async with desk.client(clean_session=False) as writer:
        await writer.subscribe("will/#", qos=1)
        meet = lab.now() + seconds / 2
        peers = []
        for name, (end, offset, version) in zip(names, kinds, strict=True):
            old, new = (lab.device(f"{name}-{which}", via=wire) for which in ("old", "new"))
            me = Me(lab, name, version, got[name])
            peers.append(asyncio.create_task(old.run(me.be_old(end, meet + offset))))
            peers.append(asyncio.create_task(new.run(me.be_new(meet))))
        await publish_to(lab, writer, sent, seconds)
        lab.settle("10s")
        await asyncio.sleep(15)
        for peer in peers:
            peer.cancel()
        lost = {name for name in names if set(sent[name]) - set(got[name])}
        lab.expect("client ids that lost nothing", len(names) - len(lost), len(names))
        wills = [Seen(lab).count(Kind.DELIVERED, text=f"will/{name}") for name in names]
        lab.expect("old connections with a will that came once", wills.count(1), len(names))
        met = Seen(lab).count(
            Kind.ARRIVED, Packet.CONNECT, end=End.BROKER, since=meet - 0.0005, before=meet + 0.0005
        )
        lab.expect("CONNECT that came in that instant", met, least=len(names))
    lab.expect.observed(
        "ONE-CONN", "TAKEOVER-TERM", "WILL-IFF", "WILL-ONCE", "Q1-NOLOSS", "SP-TRUTH"
    )


async def publish_to(lab: Lab, writer: Client, sent: dict[str, list[bytes]], seconds: int) -> None:
    """To everybody, twice a second."""
    await asyncio.sleep(2)
    for _ in range(2 * seconds):
        for name, stamps in sent.items():
            stamps.append(lab.stamp())
            await writer.publish(f"to/{name}", stamps[-1], qos=1)
        await asyncio.sleep(0.5)


class Me:
    """A client id with two connections."""

    def __init__(self, lab: Lab, name: str, version: int, got: list[bytes]) -> None:
        self.lab, self.name, self.version, self.got = lab, name, version, got
        own: dict[str, Any] = {"session_expiry_interval": 3600} if version == 5 else {}
        self.connect = {"client_id": name, "clean": False, "keep_alive_s": KEEP_ALIVE_S, **own}

    async def be_old(self, ending: str, at: float) -> None:
        """The first connection; how it ends reaches the broker at this time."""
        peer = await Raw.open(self.version)
        will = {"topic": f"will/{self.name}", "payload": self.lab.stamp(), "qos": 1}
        await peer.connect(**self.connect, will=will)
        peer.send("SUBSCRIBE", packet_id=1, filters=[(f"to/{self.name}", 1)])
        silent = at - 1.5 * KEEP_ALIVE_S if ending == "keep alive" else at
        with suppress(TimeoutError):
            async with asyncio.timeout(silent - DELAY_S - self.lab.now()):
                await self.take(peer)
        match ending:
            case "fin":
                peer.close()
            case "reset":
                peer.abort()
            case "connect":
                await self.be_new(at)
            case _:
                peer.send("PUBLISH", topic="late", payload=self.lab.stamp())

    async def be_new(self, at: float) -> None:
        """Another connection, whose CONNECT reaches the broker at this time."""
        await asyncio.sleep(at - 1 - self.lab.now())
        peer = await Raw.open(self.version)
        await asyncio.sleep(at - DELAY_S - self.lab.now())
        with suppress(ConnectionError):
            await peer.connect(**self.connect)
            await self.take(peer)

    async def take(self, peer: Raw) -> None:
        """Takes and acknowledges messages until the connection ends."""
        with suppress(ConnectionError):
            while True:
                found = await peer.get("PUBLISH")
                self.got.append(found.payload)
                peer.send("PUBACK", packet_id=found.packet_id)
