"""Somebody else's broker in asyncio at the site: its packets are in the trace and are judged."""

from __future__ import annotations

import asyncio
import contextlib

import pytest

import mqttlab
from mqttlab import Lab
from mqttlab.errors import UsageError
from mqttlab.trace import End, Kind, Packet

CONNACK, PINGRESP = b"\x20\x02\x00\x00", b"\xd0\x00"
FABRICATED = b"\x30\x05\x00\x01ab!"


async def serve(host: str, port: int) -> None:
    """A broker that lets everybody in, and tells them what nobody has published."""

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        assert (await reader.read(1000))[0] == 0x10
        writer.write(CONNACK + FABRICATED)
        while await reader.read(1000):
            writer.write(PINGRESP)
        writer.close()

    await asyncio.start_server(talk, host, port)


def test_it_is_seen_at_both_ends_and_judged() -> None:
    async def scenario(lab: Lab) -> None:
        await lab.guest_broker("theirs", serve)
        async with lab.device("a").client(keep_alive_s=2):
            await asyncio.sleep(5)

    result = mqttlab.run(scenario, until="1min")
    found = {(one.invariant, one.offender) for one in result.violations}
    assert found == {("NO-FABRICATION", "broker")}
    assert result.broker == "theirs"
    events = result.events
    connacks = events[events["packet"] == Packet.CONNACK]
    assert connacks["kind"].tolist() == [Kind.WRITTEN, Kind.ARRIVED]
    assert connacks["end"].tolist() == [End.BROKER, End.CLIENT]
    assert not result.gauges
    assert [one.what for one in result.not_applicable] == ["the broker's own account"]


@pytest.mark.parametrize(("gives_up_after_s", "found"), [(14.5, {"KA-FAIR"}), (15.0, set())])
def test_its_clock_is_the_virtual_one_and_excuses_nothing(
    gives_up_after_s: float, found: set[str]
) -> None:
    async def impatient(host: str, port: int) -> None:
        async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.read(1000)
            writer.write(CONNACK)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(gives_up_after_s):
                    await reader.read(1000)
            writer.close()

        await asyncio.start_server(talk, host, port)

    async def scenario(lab: Lab) -> None:
        await lab.guest_broker("theirs", impatient)
        device = lab.device("a")
        async with device.client(keep_alive_s=10), lab.partition(device):
            await asyncio.sleep(20)

    result = mqttlab.run(scenario, until="1min")
    assert {one.invariant for one in result.violations} == found
    assert any(one.invariant == "KA-FAIR" and one.checked for one in result.verdicts)


@pytest.mark.parametrize("what", ["crash", "pause", "gauges"])
def test_its_process_is_its_own(what: str) -> None:
    async def scenario(lab: Lab) -> None:
        broker = await lab.guest_broker("theirs", serve)
        getattr(broker, what)()

    result = mqttlab.run(scenario, until="1min")
    assert result.ending == "not_applicable"
    assert result.not_applicable[-1].what == f"broker.{what}()"


def test_there_is_one_broker_and_nobody_serves_for_it() -> None:
    async def silent(host: str, port: int) -> None: ...

    async def scenario(lab: Lab) -> None:
        await lab.guest_broker("theirs", silent)
        with pytest.raises(UsageError, match="this run has 'theirs' already"):
            lab.broker("ours")
        with pytest.raises(UsageError, match="this run has 'theirs' already"):
            await lab.guest_broker("others", serve)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(5), lab.device("a").client():
                pass

    mqttlab.run(scenario, until="1min")
