"""Claim: what the clock on the wall says is nobody's business. It leaps by hours and by 49.7 days,
and no packet comes at another time.

The clocks of all machines are set forward and back while clients are connected, while one is trying
to reconnect, and while the timers of a session, a will and a message run. (That two runs with and
without leaps have the same packets is for a test to compare: `--set steps=none` is the other one.)
"""

from __future__ import annotations

import asyncio

import mqttlab
from mqttlab import Duration, Lab, Will
from mqttlab.scenarios.support import V5, Raw, Seen
from mqttlab.trace import DropReason, Kind

EXPIRY_S, DELAY_S, GOOD_FOR_S = 60, 30, 40
BUGS = ["timers that run on the wall clock"]


@mqttlab.scenario(number="S17", bugs=BUGS, until="1h")
async def clock_step(
    lab: Lab, *, steps: str = "+1h,-1h,+49.7103d,-2h", interval: Duration = Duration("9s")
) -> None:
    """Wall clocks leap by hours and by 49.7 days: every timer goes off when it should.

    steps: of all wall clocks, one after the other; none: they do not leap.
    interval: between them.
    """
    await lab.broker(store="disk")
    leaps = [] if steps == "none" else steps.split(",")
    phone, away = lab.device("phone", via="lte"), lab.device("away", via="lte")
    sleeper, absent = lab.device("sleeper"), lab.device("absent")
    pulse = {**V5, "keep_alive_s": 5, "clean_session": False}
    async with (
        lab.device("desk").client(**pulse) as desk,
        phone.client(**pulse, drain=True) as reader,
        away.client(**pulse, will=Will("will/away", "gone", 1, delay=DELAY_S)),
    ):
        await desk.subscribe("will/#", qos=1)
        await reader.subscribe("to/phone", qos=1)
        gone = await sleeper.run(leave(lab, sleeper.name))
        async with absent.client(**V5, clean_session=False, session_expiry="1h") as other:
            await other.subscribe("to/absent", qos=1)
        await desk.publish("to/absent", lab.stamp(), qos=1, expiry=GOOD_FOR_S)
        leaping = asyncio.create_task(leap(lab, leaps, interval))
        async with lab.outage(away):
            start = lab.now()
            while lab.now() < gone + EXPIRY_S - 2:
                await desk.publish("to/phone", lab.stamp(), qos=1)
                await asyncio.sleep(1)
            early = await sleeper.run(is_present(sleeper.name))
        await leaping
        lab.settle("30s")
        await asyncio.sleep(10)
        late = Seen(lab).rows(Kind.DELIVERED, text="will/away")["at"] / 1e9 - start
        lab.expect("leaps", len(leaps))
        lab.expect("session still there before its end", early, True)
        lab.expect("wills that came", len(late), 1)
        lab.expect("will after the link was lost, s", round(float(late.max(initial=0)), 3),
                   least=DELAY_S + 2.5, most=DELAY_S + 7.5)  # fmt: skip
        async with absent.client(**V5, clean_session=False, session_expiry="1h") as other:
            lab.expect("session that lasts an hour still there", other.session_present, True)
            await asyncio.sleep(5)
            lab.expect("messages that had expired by then, delivered", len(other.messages), 0)
        codes = Seen(lab).rows(Kind.DROPPED)["code"].tolist()
        lab.expect("and dropped for it", codes.count(DropReason.EXPIRED), 1)
        await asyncio.sleep(20)
    lab.expect.observed("KA-FAIR", "KA-ENFORCE", "WILL-IFF", "SESS-EXPIRY", "SP-TRUTH")


async def leap(lab: Lab, leaps: list[str], interval: float) -> None:
    """One after the other."""
    for by in leaps:
        await asyncio.sleep(interval)
        lab.step_clock(by)


async def leave(lab: Lab, client_id: str) -> float:
    """Begins a session that ends EXPIRY_S after this; when."""
    peer = await Raw.open(5)
    await peer.connect(client_id=client_id, clean=False, session_expiry_interval=EXPIRY_S)
    peer.send("DISCONNECT")
    peer.close()
    return lab.now()


async def is_present(client_id: str) -> bool:
    """Whether the session is still there."""
    peer = await Raw.open(5)
    connack = await peer.connect(client_id=client_id, clean=False)
    peer.send("DISCONNECT")
    peer.close()
    return bool(connack.session_present)
