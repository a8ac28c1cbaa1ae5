"""Claim: a delayed will goes out at the earlier of its delay and its session's end, once; and not
at all if its client is back in its session by then.

A connection with will delay d and session expiry e breaks, and its client returns after r: all
orders of d, e and r, into the same session or with a clean start, and never. And connections are
taken over while they stand.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from itertools import permutations
from typing import Any

import mqttlab
from mqttlab import Device, Lab
from mqttlab.scenarios.support import Raw, Seen, reset
from mqttlab.trace import Kind

BUGS = [
    "B60 a delayed will is sent twice",
    "B61 a return within the delay does not cancel the will",
    "B62 a session that ends before the delay does not release the will",
]


@dataclass(frozen=True)
class Break:
    """A connection's end: all in seconds after it."""

    delay: float
    expiry: float
    back: float | None  # None: never
    clean: bool = False
    takeover: bool = False  # the client does not break off: it connects a second time

    @property
    def due(self) -> float | None:
        """When the will is to be published; None: never."""
        end = min(self.delay, self.expiry)
        if self.back is None or self.back > end:
            return end
        if self.clean or (self.takeover and end == 0):
            return self.back
        return None


def breaks() -> list[Break]:
    """Every order, and equal delay and expiry; never back; clean start or not; takeovers."""
    orders = [*permutations((10.0, 20.0, 30.0)), (10.0, 10.0, 20.0), (20.0, 20.0, 10.0)]
    found = [Break(d, e, r, clean) for d, e, r in orders for clean in (False, True)]
    found += [Break(d, e, None) for d, e in ((0.0, 10.0), (10.0, 0.0), (10.0, 20.0), (20.0, 10.0))]
    return found + [
        Break(d, 60.0, 0.0, clean, takeover=True) for d in (0.0, 10.0) for clean in (False, True)
    ]


@mqttlab.scenario(number="S14", bugs=BUGS, until="10min")
async def delayed_will(lab: Lab, *, repeats: int = 2) -> None:
    """Will delay, session expiry and return in all orders: one will at the right time, or none.

    repeats: how often each session goes through it.
    """
    await lab.broker()
    desk = lab.device("desk")
    wire = lab.link(name="wire", delay="1ms")
    due: dict[str, float | None] = {}
    async with desk.client(clean_session=False, drain=True) as reader:
        await reader.subscribe("will/#", qos=1)
        async with asyncio.TaskGroup() as tasks:
            for number, one in enumerate(breaks()):
                device = lab.device(f"client-{number:02d}", via=wire)
                tasks.create_task(device.run(go_through(lab, device, one, repeats, due)))
        lab.settle("10s")
        await asyncio.sleep(15)
    seen = Seen(lab)
    came = {topic: seen.rows(Kind.DELIVERED, on=desk, text=topic)["at"] / 1e9 for topic in due}
    wanted = {topic for topic, at in due.items() if at is not None}
    lab.expect(
        "breaks after which a will was due", sum(len(came[one]) == 1 for one in wanted), len(wanted)
    )
    rest = due.keys() - wanted
    lab.expect("breaks after which none was", sum(len(came[one]) == 0 for one in rest), len(rest))
    late = [came[one][0] - (due[one] or 0) for one in sorted(wanted) if len(came[one])]
    lab.expect("earliest against its time, s", round(min(late, default=0.0), 3), least=0)
    lab.expect("latest against its time, s", round(max(late, default=0.0), 3), most=0.1)
    lab.expect.observed("WILL-IFF", "WILL-ONCE", "SESS-EXPIRY", "SP-TRUTH")


async def go_through(
    lab: Lab, device: Device, one: Break, repeats: int, due: dict[str, float | None]
) -> None:
    """Connects with a will, breaks off and returns; writes down when each will is due."""
    for turn in range(repeats):
        topic = f"will/{device.name}/{turn}"
        will = {"topic": topic, "will_delay_interval": int(one.delay)}
        await connected(lab, device, one, will)
        await asyncio.sleep(5)
        start = lab.now()
        due[topic] = None if one.due is None else start + one.due
        if not one.takeover:
            reset(lab, device)
        if one.back is not None:
            await asyncio.sleep(one.back)
            again = await connected(lab, device, one, None, clean=one.clean)
            await asyncio.sleep(30)
            again.send("DISCONNECT")
            again.close()
        await asyncio.sleep(60)


async def connected(
    lab: Lab, device: Device, one: Break, will: dict[str, Any] | None, clean: bool = False
) -> Raw:
    """A connection of MQTT 5.0."""
    peer = await Raw.open(5)
    if will is not None:
        will |= {"payload": lab.stamp(), "qos": 1}
    await peer.connect(
        client_id=device.name, clean=clean, will=will, session_expiry_interval=int(one.expiry)
    )
    return peer
