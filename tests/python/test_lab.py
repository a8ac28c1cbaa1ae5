"""Scenarios in the real simulated world: what a lab offers, and how it refuses."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import mqttlab
from chat import chat, run
from mqttlab import (
    ConnectionLostError,
    Lab,
    PublishError,
    RefusedError,
    Result,
    SubscribeError,
    UsageError,
    Will,
    _core,
    trace,
)
from mqttlab.figures import Analysis, figures
from mqttlab.host import WorldHost
from mqttlab.trace import Kind, Packet

LOST_RANDOM = (trace.COUNTERS.names or ()).index("lost_random") - 2


def kinds(result: Result, kind: Kind) -> np.ndarray:
    return result.events[result.events["kind"] == kind]


def test_messages_go_from_one_device_to_another() -> None:
    async def scenario(lab: Lab) -> None:
        await lab.broker()
        desk, meter = lab.device("desk"), lab.device("meter", via="lte")
        async with desk.client() as reader, meter.client(client_id="m1") as writer:
            assert await reader.subscribe(["kwh/+", ("alarm", 2)], qos=1) == (1, 2)
            await writer.publish("kwh/m", b"17", qos=2)
            await writer.publish("alarm", "fire", qos=1, retain=True)
            first, second = await anext(reader.messages), await anext(reader.messages)
            seen.extend([first, second])
            await reader.unsubscribe("alarm")
            await writer.publish("alarm", qos=1)
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(anext(reader.messages), 5)
            assert reader.connected
            assert writer.client_id == "m1"

    seen: list[mqttlab.Message] = []
    result = run(scenario)
    assert seen == [
        mqttlab.Message("kwh/m", b"17", 1, False),
        mqttlab.Message("alarm", b"fire", 1, False),
    ]
    assert result.ending == "returned"
    assert result.virtual_s < 10
    result.check("NO-FABRICATION", "Q1-NOLOSS")


def test_iteration_over_messages_ends_when_the_client_is_closed() -> None:
    async def scenario(lab: Lab) -> None:
        await lab.broker()
        client = lab.device("desk").client()

        async def collect() -> None:
            payloads.extend([message.payload async for message in client.messages])

        async with asyncio.TaskGroup() as tasks, client:
            await client.subscribe("#")
            tasks.create_task(collect())
            for payload in (b"1", b"2"):
                await client.publish("a", payload)
            await asyncio.sleep(1)

    payloads: list[bytes] = []
    run(scenario)
    assert payloads == [b"1", b"2"]


def test_equal_seeds_give_equal_runs_in_one_process() -> None:
    first, second = run(chat, seed=7), run(chat, seed=7)
    assert first.fingerprint == second.fingerprint
    assert first.events.tobytes() == second.events.tobytes()
    assert run(chat, seed=8).fingerprint != first.fingerprint


def test_equal_seeds_give_equal_runs_in_every_process(
    in_process: Callable[..., str], request: pytest.FixtureRequest
) -> None:
    code = (
        f"import sys; sys.path.insert(0, {str(request.path.parent)!r})\n"
        "import chat, mqttlab\n"
        "print(mqttlab.run(chat.chat, seed=7, until='10min').fingerprint)"
    )
    here = run(chat, seed=7).fingerprint
    assert {in_process(code, hash_seed=seed).strip() for seed in (0, 12345)} == {here}


def test_the_tables_agree_with_each_other() -> None:
    result = run(chat, seed=7, parameters={"count": "3"})
    events = result.events
    assert events.dtype == trace.EVENT
    assert not events.flags.writeable
    assert np.all(np.diff(events["at"]) >= 0)
    assert result.parameters == {"count": 3, "loss": 0.05}
    assert result.actors == ("broker", "peer-0", "peer-1")
    assert [(d.name, d.link, result.actors[d.actor]) for d in result.devices] == [
        ("peer-0", "lossy", "peer-0"),
        ("peer-1", "lossy", "peer-1"),
    ]
    called = kinds(result, Kind.PUBLISH_CALLED)
    assert len(called) == 9
    assert {result.texts[text] for text in called["text"]} == {"chat/a"}
    assert set(kinds(result, Kind.DELIVERED)["message"]) <= set(called["message"])
    connects = events[result.connects["event"]]
    assert set(connects["packet"]) == {Packet.CONNECT}
    assert {result.texts[text] for text in connects["text"]} == {"peer-0", "peer-1"}
    asked = result.filters[result.filters["packet"] == Packet.SUBSCRIBE]
    assert {result.texts[text] for text in asked["filter"]} == {"chat/#"}
    assert set(asked["code"]) == {2}
    assert len(result.counters) == 4
    assert np.all(result.counters["delivered"] <= result.counters["packets"])
    assert result.links["lossy"]["up"]["rate_bps"] == 1e6  # type: ignore[index]
    assert {v.invariant for v in result.verdicts} == set(_core.invariants())
    assert result.gauges["messages_received"] >= 6
    assert result.simulator_events > 100
    assert set(result.versions) == {"mqttlab", "python", "numpy", "ns3"}
    assert result.origin is not None
    assert Path(result.origin.file).name == "chat.py"


def test_a_fleet_publishes_without_python() -> None:
    async def scenario(lab: Lab) -> None:
        await lab.broker()
        desk = lab.device("desk")
        async with desk.client(drain=True) as reader:
            await reader.subscribe("fleet/#", qos=1)
            meters = lab.devices(10, "meter-{:02d}", via="wifi")
            will = Will("gone/{name}", qos=1)
            fleet = lab.fleet(meters, qos=[0, 1], interval="10s", stop_at="60s", will=will)
            await asyncio.sleep(120)
            assert fleet.published > 0
            assert len(reader.messages) == 0

    result = run(scenario)
    fleet = result.fleets[0]
    assert fleet.clients == tuple(f"meter-{n:02d}" for n in range(10))
    assert 40 <= fleet.published <= 80
    assert len(kinds(result, Kind.PUBLISH_CALLED)) == fleet.published
    called, delivered = kinds(result, Kind.PUBLISH_CALLED), kinds(result, Kind.DELIVERED)
    assert set(delivered["message"]) <= set(called["message"])
    sure = called[called["flags"] & 6 == 2]
    assert set(sure["message"]) <= set(delivered["message"])
    wills = {result.texts[text] for text in result.connects["will_topic"]}
    assert wills - {""} == {f"gone/meter-{n:02d}" for n in range(10)}
    assert [c.fleet for c in result.clients].count("fleet-1") == 10


def test_a_draining_client_wakes_python_only_while_something_is_awaited(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def scenario(lab: Lab) -> None:
        await lab.broker()
        async with lab.device("desk").client(drain=True) as reader:
            await reader.subscribe("fleet/#")
            lab.fleet(lab.devices(10), interval="1s")
            wakes.clear()
            await asyncio.sleep(100)

    def deliver(host: WorldHost) -> None:
        wakes.append(host.now())
        original(host)

    wakes: list[int] = []
    original = WorldHost.deliver
    monkeypatch.setattr(WorldHost, "deliver", deliver)
    result = run(scenario)
    assert len(kinds(result, Kind.DELIVERED)) > 500
    assert len(wakes) < 5


def test_an_outage_is_a_scope_and_the_client_comes_back() -> None:
    async def scenario(lab: Lab) -> None:
        await lab.broker()
        meter = lab.device("meter", via="lte")
        async with meter.client(keep_alive_s=5, clean_session=False) as client:
            await client.subscribe("a", qos=1)
            async with lab.outage(meter), lab.outage([meter]):
                await asyncio.sleep(60)
                assert not client.connected
                sending = asyncio.ensure_future(client.publish("a", "late", qos=1))
                await asyncio.sleep(60)
                assert not sending.done()
            await asyncio.wait_for(sending, 120)
            assert client.connected

    result = run(scenario)
    assert [len(kinds(result, kind)) for kind in (Kind.LINK_DOWN, Kind.LINK_UP)] == [1, 1]
    result.check("KA-DETECT", "Q1-NOLOSS")


def test_settle_ends_all_faults() -> None:
    async def scenario(lab: Lab) -> None:
        await lab.broker()
        on_and_off = lab.link("wifi", cycle=mqttlab.Cycle("20s", "20s"), loss="30%")
        meters = lab.devices(5, via=on_and_off)
        cut = lab.device("cut", via="lte")
        lab.fleet([*meters, cut], interval="5s", stop_at="100s", clean_session=False)
        async with lab.device("desk").client(drain=True) as desk:
            await desk.subscribe("#", qos=1)
            async with lab.outage(cut):
                await asyncio.sleep(100)
                lab.settle()
                lost.append(sum(lab.world.counters(m.actor, True)[LOST_RANDOM] for m in meters))
                await asyncio.sleep(200)

    lost: list[int] = []
    result = run(scenario)
    settled = kinds(result, Kind.PHASE)
    assert [result.texts[text] for text in settled["text"]] == ["settle"]
    downs = kinds(result, Kind.LINK_DOWN)
    assert len(downs) > 5
    assert downs["at"].max() <= settled["at"][0]
    lifted = kinds(result, Kind.LINK_UP)
    actor = result.actors.index("cut")
    assert list(lifted["at"][lifted["actor"] == actor]) == [settled["at"][0]]
    assert 0 < lost[0] == result.counters["lost_random"][:10:2].sum()
    result.check("CONVERGE", "Q1-NOLOSS")


@pytest.mark.parametrize("how", ["fin", "reset", "silent"])
def test_a_dead_device_leaves_its_will(how: Any) -> None:
    async def scenario(lab: Lab) -> None:
        await lab.broker()
        desk, meter = lab.device("desk"), lab.device("meter")
        async with desk.client() as reader:
            await reader.subscribe("will", qos=2)
            client = meter.client(keep_alive_s=10, will=Will("will", "gone", qos=2))
            async with client:
                meter.die(how)
                meter.die(how)  # once is enough
                message = await asyncio.wait_for(anext(reader.messages), 30)
                wills.append(message.payload)

    wills: list[bytes] = []
    result = run(scenario)
    assert wills == [b"gone"]
    assert [trace.Death(code).name for code in kinds(result, Kind.DIED)["code"]] == [how.upper()]
    result.check("WILL-ONCE")


def test_a_wrong_password_is_refused(tmp_path: Path) -> None:
    passwords = tmp_path / "passwords"
    passwords.write_text("")

    async def scenario(lab: Lab) -> None:
        await lab.broker(passwords=passwords)
        async with lab.device("desk").client(user_name="eve", password="x"):
            pytest.fail("connected")

    with pytest.raises(RefusedError, match=r"'desk'.*code 0x0[45]") as caught:
        run(scenario)
    assert caught.value.code in (4, 5)


def test_a_forbidden_filter_is_refused(tmp_path: Path) -> None:
    acl = tmp_path / "acl"
    acl.write_text("topic read public/#\n")

    async def scenario(lab: Lab) -> None:
        await lab.broker(acl=acl)
        async with lab.device("desk").client() as client:
            await client.subscribe("public/a")
            await client.subscribe(["public/b", "private"])

    with pytest.raises(SubscribeError, match="refused private"):
        run(scenario)


def test_without_reconnect_a_lost_link_is_an_error() -> None:
    async def scenario(lab: Lab) -> None:
        await lab.broker()
        meter = lab.device("meter")
        async with meter.client(reconnect=False, keep_alive_s=5) as client, lab.outage(meter):
            await anext(client.messages)

    with pytest.raises(ConnectionLostError, match="'meter' lost its link"):
        run(scenario)


def test_a_full_offline_queue_is_an_error() -> None:
    async def scenario(lab: Lab) -> None:
        await lab.broker()
        meter = lab.device("meter")
        client = meter.client(queue_messages=1, window=1, keep_alive_s=2)
        async with client, lab.outage(meter):
            await asyncio.sleep(30)
            async with asyncio.TaskGroup() as tasks:
                for _ in range(3):
                    tasks.create_task(client.publish("a", qos=1))

    with pytest.raises(ExceptionGroup) as caught:
        run(scenario)
    assert caught.group_contains(PublishError, match="offline queue is full")


def test_a_lab_without_anything_runs() -> None:
    async def scenario(lab: Lab) -> None:
        await asyncio.sleep(60)

    result = run(scenario)
    assert result.virtual_s == 60
    assert len(result.events) == 0
    assert result.broker is None
    assert {v.status for v in result.verdicts} == {"not_observable"}


def test_a_capture_is_written(tmp_path: Path) -> None:
    capture = tmp_path / "chat.pcap"
    result = run(chat, seed=7, pcap=capture)
    assert result.pcap == capture
    assert capture.stat().st_size > 5_000
    assert result.fingerprint == run(chat, seed=7).fingerprint


def test_ipv6_works() -> None:
    result = run(chat, seed=7, ipv6=True)
    result.check("NO-FABRICATION")
    assert len(kinds(result, Kind.DELIVERED)) >= 10


def test_messages_that_nobody_takes_are_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mqttlab.client._MOST_WAITING", 10)

    async def scenario(lab: Lab) -> None:
        await lab.broker()
        async with lab.device("a").client() as client:
            await client.subscribe("a")
            for _ in range(20):
                await client.publish("a", qos=1)

    with pytest.raises(UsageError, match="11 messages wait that nobody takes"):
        run(scenario)


def test_the_module_random_repeats_and_is_given_back() -> None:
    import random

    drawn: list[float] = []

    async def scenario(lab: Lab) -> None:
        drawn.append(random.random() + lab.random.random())

    random.seed(1)
    before = random.getstate()
    run(scenario, seed=3)
    assert random.getstate() == before
    random.seed(2)
    run(scenario, seed=3)
    run(scenario, seed=4)
    assert drawn[0] == drawn[1] != drawn[2]


async def twice(lab: Lab) -> None:
    """Two clients of one device subscribe to the same topic, one of them publishes to it."""
    await lab.broker()
    desk = lab.device("desk")
    async with (
        desk.client(client_id="first", clean_session=False, drain=True) as first,
        desk.client(client_id="second", drain=True) as second,
    ):
        await first.subscribe("#", qos=1)
        await second.subscribe("#", qos=2)
        for qos in (0, 1, 2):
            await second.publish("a", lab.stamp(), qos=qos)
        await asyncio.sleep(5)


def test_two_clients_of_one_device_are_two_subscribers() -> None:
    found = figures(Analysis(run(twice)))
    assert (found["subscriber"], found["clean_subscriber"]) == ("desk", "desk")
    for levels in (found["qos"], found["qos_clean_subscriber"]):
        for level in levels.values():
            assert (level["delivered"], level["duplicates"], level["lost"]) == (1, 0, 0)
