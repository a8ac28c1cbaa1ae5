"""Claim: when a client id connects a second time, the new connection has the session, whatever is
still to come of the old one. Nothing is lost, and the will of the old connection goes out once.

The old connection's FIN, RST, last bytes or keep-alive timeout come a millisecond before the new
CONNECT, within two nanoseconds of it, and a millisecond or five seconds after it; and two CONNECTs
do; and some old connections end by nothing at all. Which of two in one nanosecond is first, the
seed draws. Messages are published all the time.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import Any

import mqttlab
from mqttlab import Client, Device, Lab
from mqttlab.faults import Blackhole
from mqttlab.scenarios.support import Raw, Seen, reset
from mqttlab.trace import CloseCause, End, Kind, Packet

DELAY_S = 0.01
KEEP_ALIVE_S, ENDLESS_S = 10, 60  # by which an old connection ends in the run, and by which not
LATE_S = 5.0
MEETING_S = (-2e-9, -1e-9, 0.0, 1e-9, 2e-9)  # as close as it gets, in either order
OFFSETS_S = (-0.001, *MEETING_S, 0.001, LATE_S)
ENDINGS = ("fin", "reset", "late bytes", "keep alive", "connect")
CAUSES = {"fin": CloseCause.FIN, "reset": CloseCause.RESET}
KEPT_DARK = ("fin", "reset", "late bytes", "nothing")  # so that they do not hear of the takeover
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
    kinds += [("nothing", LATE_S, version) for version in (4, 5)]
    names = [f"me-{number:02d}" for number in range(len(kinds))]
    sent: dict[str, list[bytes]] = {name: [] for name in names}
    got: dict[str, list[bytes]] = {name: [] for name in names}
    async with desk.client(clean_session=False) as writer:
        await writer.subscribe("will/#", qos=1)
        meet = lab.now() + seconds / 2
        peers = []
        for name, (end, offset, version) in zip(names, kinds, strict=True):
            old, new = (lab.device(f"{name}-{which}", via=wire) for which in ("old", "new"))
            if offset == LATE_S and end in KEPT_DARK:
                lab.at(meet - 0.1, Blackhole("down"), on=old, for_=LATE_S + 1)
            keep_alive_s = ENDLESS_S if end == "nothing" else KEEP_ALIVE_S
            me = Me(lab, name, version, keep_alive_s, got[name])
            peers.append(asyncio.create_task(old.run(me.be_old(old, end, meet + offset))))
            peers.append(asyncio.create_task(new.run(me.be_new(meet))))
        await publish_to(lab, writer, sent, seconds)
        lab.settle("10s")
        await asyncio.sleep(15)
        lost = {name for name in names if set(sent[name]) - set(got[name])}
        lab.expect("client ids that lost nothing", len(names) - len(lost), len(names))
        wills = [Seen(lab).count(Kind.DELIVERED, text=f"will/{name}") for name in names]
        lab.expect("old connections with a will that came once", wills.count(1), len(names))
        expect_meetings(lab, list(zip(names, kinds, strict=True)))
    lab.expect.observed(
        "ONE-CONN", "TAKEOVER-TERM", "WILL-IFF", "WILL-ONCE", "Q1-NOLOSS", "SP-TRUTH"
    )


def expect_meetings(lab: Lab, cases: list[tuple[str, tuple[str, float, int]]]) -> None:
    """Ends that were to be apart from the new CONNECT were; where they met, both were first."""
    seen = Seen(lab)
    devices = {device.name: device for device in lab.devices_made}
    orders: dict[str, set[bool]] = {ending: set() for ending in ENDINGS}
    right = later = 0
    for name, (ending, offset, _) in cases:
        old, new = devices[f"{name}-old"], devices[f"{name}-new"]
        at = int(seen.rows(Kind.ARRIVED, Packet.CONNECT, on=new, end=End.BROKER)["at"][0])
        is_first = was_first(seen, old, ending, at)
        if offset in MEETING_S:
            orders[ending].add(is_first)
        else:
            right += is_first == (offset < 0)
        closed = seen.rows(Kind.CLOSED, on=old, end=End.CLIENT)["at"][:1] / 1e9
        later += offset == LATE_S and bool((closed > at / 1e9 + LATE_S - 2 * DELAY_S).any())
    apart = sum(offset not in MEETING_S for _, (_, offset, _) in cases)
    lab.expect("old ends that came before or after CONNECT as meant", right, apart)
    lab.expect("endings that came first, and second, in that instant",
               sum(len(one) == 2 for one in orders.values()), len(ENDINGS))  # fmt: skip
    late = sum(offset == LATE_S and ending in KEPT_DARK for _, (ending, offset, _) in cases)
    lab.expect("old connections that ended long after they were taken over", later, late)


def was_first(seen: Seen, old: Device, ending: str, at: int) -> bool:
    """Whether the broker heard of the old connection's end before the CONNECT at this time, ns."""
    if ending in CAUSES:
        return seen.count(Kind.CLOSED, on=old, end=End.BROKER, cause=CAUSES[ending]) > 0
    if ending == "late bytes":  # after it, nobody reads them
        return seen.count(Kind.ARRIVED, Packet.PUBLISH, on=old, end=End.BROKER) > 0
    if ending == "keep alive":
        heard = seen.rows(Kind.CLOSED, on=old, end=End.BROKER)
    else:
        heard = seen.rows(Kind.ARRIVED, Packet.CONNECT, on=old, end=End.BROKER)[1:]
    return bool((heard["at"] < at).any())


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

    def __init__(
        self, lab: Lab, name: str, version: int, keep_alive_s: int, got: list[bytes]
    ) -> None:
        self.lab, self.name, self.version, self.got = lab, name, version, got
        own: dict[str, Any] = {"session_expiry_interval": 3600} if version == 5 else {}
        self.connect = {"client_id": name, "clean": False, "keep_alive_s": keep_alive_s, **own}

    async def be_old(self, device: Device, ending: str, at: float) -> None:
        """The first connection; how it ends reaches the broker at this time."""
        peer = await Raw.open(self.version)
        will = {"topic": f"will/{self.name}", "payload": self.lab.stamp(), "qos": 1}
        await peer.connect(**self.connect, will=will)
        peer.send("SUBSCRIBE", packet_id=1, filters=[(f"to/{self.name}", 1)])
        before = {"keep alive": 1.5 * KEEP_ALIVE_S, "connect": 2}  # it is silent by then
        silent = at - before.get(ending, 0)
        with suppress(TimeoutError):
            async with asyncio.timeout(silent - DELAY_S - self.lab.now()):
                await self.take(peer)
        match ending:
            case "fin":
                peer.close()
            case "reset":
                await asyncio.sleep(at - self.lab.now())
                reset(self.lab, device)
            case "connect":
                await self.be_new(at)
            case "late bytes" | "keep alive":
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
                try:
                    found = await asyncio.wait_for(peer.get("PUBLISH"), KEEP_ALIVE_S / 2)
                except TimeoutError:
                    peer.send("PINGREQ")
                    continue
                self.got.append(found.payload)
                peer.send("PUBACK", packet_id=found.packet_id)
