"""Scenarios in the real simulated world: what a lab offers, and how it refuses."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import mqttlab
from mqttlab import (
    ConnectionLostError,
    Error,
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
from mqttlab.host import WorldHost
from mqttlab.loop import VirtualTimeError
from mqttlab.trace import Kind, Packet

Scenario = Callable[[Lab], Any]
LOST_RANDOM = (trace.COUNTERS.names or ()).index("lost_random") - 2


def run(scenario: Scenario, until: str = "10min", **options: Any) -> Result:
    return mqttlab.run(scenario, until=until, **options)


def kinds(result: Result, kind: Kind) -> np.ndarray:
    return result.events[result.events["kind"] == kind]


async def chat(lab: Lab, *, count: int = 5, loss: float = 0.05) -> None:
    """Two devices on a lossy link, one message of each QoS per round."""
    await lab.broker()
    lossy = lab.link(name="lossy", rate="1Mbit/s", delay="20ms", jitter="5ms", loss=loss)
    alice, bob = lab.devices(2, "peer-{}", via=lossy)
    async with bob.client() as listener:
        await listener.subscribe("chat/#", qos=2)
        async with alice.client() as speaker:
            for _ in range(count):
                for qos in (0, 1, 2):
                    await speaker.publish("chat/a", lab.stamp(), qos=qos)
                await asyncio.sleep(lab.random.uniform(0, 2))
        await asyncio.sleep(5)


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
        "import mqttlab, test_lab\n"
        "print(mqttlab.run(test_lab.chat, seed=7, until='10min').fingerprint)"
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
    assert result.source == Path(__file__)


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

    with pytest.raises(RefusedError, match=r"'desk'.*return code [45]") as caught:
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


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda lab: lab.link("4g"), "unknown profile '4g'; known are gprs, "),
        (lambda lab: lab.link(bandwidth="1Mbit/s"), "unknown option 'bandwidth'; known are burst,"),
        (lambda lab: lab.link(delay="-60ms"), "link 'link-1': delay: '-60ms' is not a finite"),
        (lambda lab: lab.link(loss=2), "link 'link-1': loss: 2 is over 1"),
        (lambda lab: lab.link(up={"rate": "fast"}), "link 'link-1', up: rate: cannot read 'fast'"),
        (lambda lab: lab.link(up={"speed": 1}), "link 'link-1', up: unknown option 'speed'"),
        (lambda lab: lab.link(up=3), "up=3 is no mapping"),
        (lambda lab: lab.link(queue=0), "queue: must be 1 or more, got 0"),
        (lambda lab: lab.link(burst={"good": 1}), "burst: .*see mqttlab.Burst"),
        (lambda lab: lab.link(cycle=mqttlab.Cycle(0, 1)), "cycle: up and down must both be over 0"),
        (lambda lab: lab.link(trace="/no/such/file"), "trace: cannot read '/no/such/file'"),
        (lambda lab: lab.devices(-3), "devices: count: must be 1 or more, got -3"),
        (lambda lab: lab.devices(3, "meter"), "'meter' gives equal names"),
        (lambda lab: lab.devices(3, "{x}"), "bad name '{x}'"),
        (lambda lab: lab.device("broker"), "device 'broker': this name is taken"),
        (lambda lab: lab.device("a", via=3), "via=3 is no link"),
        (lambda lab: lab.device("a", via="5g"), "unknown profile '5g'"),
        (lambda lab: lab.broker("b"), "has 'broker' already; one broker per run"),
        (lambda lab: lab.device("a").client(keepalive=3), "'a': unknown option 'keepalive'"),
        (lambda lab: lab.device("a").client(keep_alive_s=70_000), "keep_alive_s: must be at most"),
        (lambda lab: lab.device("a").client(will="bye"), "'bye' is no mqttlab.Will"),
        (lambda lab: lab.device("a").client(will=Will("a/#")), "will"),
        (lambda lab: lab.device("a").client(will=Will("a", qos=3)), "QoS is 0, 1 or 2, got 3"),
        (lambda lab: lab.device("a").client(client_id="", clean_session=False), "client"),
        (lambda lab: lab.device("a").die("loudly"), "'loudly' is none of 'fin', 'reset', 'silent'"),
        (lambda lab: lab.fleet([]), "fleet 'fleet-1': needs a device"),
        (lambda lab: lab.fleet([lab.device("a")], qos=4), "fleet 'fleet-1': qos: QoS is 0, 1 or 2"),
        (lambda lab: lab.fleet([lab.device("a")], interval=0), "an interval over 0"),
        (lambda lab: lab.fleet([lab.device("a")], payload_bytes=-1), "payload_bytes: must be 0"),
        (lambda lab: lab.fleet(["a"]), "fleet 'fleet-1': 'a' is no device"),
        (lambda lab: lab.fleet([lab.device("a")], name=5), "fleet: the name: 5 is no text"),
        (lambda lab: lab.fleet([lab.device("a")], qos=None), "QoS is 0, 1 or 2, got None"),
        (lambda lab: lab.fleet([lab.device("a")], topic=5), "fleet-1': topic: 5 is no text"),
        (lambda lab: lab.fleet([lab.device("a")], topic="a/#"), "topic: 'a/#' is no topic name"),
        (lambda lab: lab.fleet([lab.device("a")], retain="no"), "retain: 'no' is neither True"),
        (lambda lab: lab.stamp(-1), "stamp: size"),
        (lambda lab: lab.stamp(name="\ud800"), "stamp: name: .* has a lone surrogate"),
        (lambda lab: lab.link(5), "link: the profile: 5 is no text"),
        (lambda lab: lab.link(name="\ud800"), "link: the name: .* has a lone surrogate"),
        (lambda lab: lab.device("\ud800"), "device: the name: .* has a lone surrogate"),
        (lambda lab: lab.phase(5), "phase: the name: 5 is no text"),
        (lambda lab: lab.device("a").client(will=Will("a", retain=3)), "retain: 3 is neither"),
    ],
)  # fmt: skip
def test_wrong_calls_name_value_place_and_remedy(call: Callable[[Lab], Any], message: str) -> None:
    async def scenario(lab: Lab) -> None:
        await lab.broker()
        call(lab)

    with pytest.raises(UsageError, match=message) as caught:
        run(scenario)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"max_conections": 3}, "broker 'b': unknown option 'max_conections'; known are"),
        ({"window": 0}, "broker 'b': window: must be 1 or more, got 0"),
        ({"keep_alive_factor": 0.5}, "keep_alive_factor: 0.5 is outside 1..1000"),
        ({"queue_bytes": "lots"}, "queue_bytes: cannot read 'lots'"),
        ({"passwords": "/no/such/file"}, "passwords: cannot read '/no/such/file': No such file"),
    ],
)
def test_wrong_broker_options_are_named(options: dict[str, Any], message: str) -> None:
    async def scenario(lab: Lab) -> None:
        await lab.broker("b", **options)

    with pytest.raises(UsageError, match=message):
        run(scenario)


@pytest.mark.parametrize(
    ("content", "message"),
    [("0\n5\nfive\n", "3"), ("10\n5\n", "2"), ("", "")],
)
def test_a_bad_line_of_a_recording_is_named(tmp_path: Path, content: str, message: str) -> None:
    recording = tmp_path / "bad.up"
    recording.write_text(content)

    async def scenario(lab: Lab) -> None:
        lab.link(trace=recording)

    with pytest.raises(UsageError, match=rf"bad\.up.*{message}"):
        run(scenario)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda c: c.publish("a/#", "x"), UsageError, "publish by 'a' to 'a/#': not a valid topic"),
        (lambda c: c.publish("a", 3), UsageError, "payload 3 is neither bytes nor text"),
        (lambda c: c.publish("a", qos=3), UsageError, "QoS is 0, 1 or 2, got 3"),
        (lambda c: c.publish(3), UsageError, "3 is no text"),
        (lambda c: c.subscribe("a/#/b"), UsageError, "not a valid topic"),
        (lambda c: c.subscribe([("a", 7)]), UsageError, "QoS is 0, 1 or 2, got 7"),
        (lambda c: c.subscribe([]), UsageError, "names no filter"),
        (lambda c: c.unsubscribe(["a", 3]), UsageError, "3 is no text"),
        (lambda c: c.publish("\ud800"), UsageError, "lone surrogate"),
        (lambda c: c.publish("a", "\ud800"), UsageError, "payload: .* lone surrogate"),
        (lambda c: c.publish("a", retain=1), UsageError, "retain: 1 is neither True nor False"),
        (lambda c: c.subscribe(3), UsageError, "3 is neither a filter nor a list of filters"),
        (lambda c: c.subscribe(("a", 1)), UsageError, "1 is no filter and no pair"),
        (lambda c: c.subscribe([("a",)]), UsageError, "is no filter and no pair such as"),
        (lambda c: c.unsubscribe(3), UsageError, "3 is neither a filter nor a list of filters"),
    ],
)  # fmt: skip
def test_wrong_client_calls_are_named(
    call: Callable[[mqttlab.Client], Any], error: type[Exception], message: str
) -> None:
    async def scenario(lab: Lab) -> None:
        await lab.broker()
        async with lab.device("a").client() as client:
            await call(client)

    with pytest.raises(error, match=message):
        run(scenario)


@pytest.mark.parametrize("hit", ["a", 5, ["a"]])
def test_an_outage_is_of_devices(hit: Any) -> None:
    async def scenario(lab: Lab) -> None:
        async with lab.outage(hit):
            pass

    with pytest.raises(UsageError, match=r"outage: .* is no device"):
        run(scenario)


def test_a_client_is_used_inside_its_scope() -> None:
    async def scenario(lab: Lab) -> None:
        await lab.broker()
        client = lab.device("a").client()
        with pytest.raises(UsageError, match="not open; use `async with"):
            await client.publish("a")
        async with client:
            with pytest.raises(UsageError, match="open already"):
                await client.__aenter__()

    run(scenario)


def test_devices_need_a_broker_first() -> None:
    async def scenario(lab: Lab) -> None:
        lab.device("a")

    with pytest.raises(UsageError, match="make the broker first"):
        run(scenario)


def test_a_lab_without_anything_runs() -> None:
    async def scenario(lab: Lab) -> None:
        await asyncio.sleep(60)

    result = run(scenario)
    assert result.virtual_s == 60
    assert len(result.events) == 0
    assert result.broker is None
    assert {v.status for v in result.verdicts} == {"not_observable"}


def test_until_ends_a_scenario_that_goes_on() -> None:
    cleaned: list[float] = []

    async def scenario(lab: Lab) -> None:
        await lab.broker()
        try:
            async with lab.device("a").client():
                await asyncio.get_running_loop().create_future()
        finally:
            with pytest.raises(Error, match="the run is over"):
                lab.device("late")
            cleaned.append(lab.now())

    result = run(scenario, until="90s")
    assert (result.ending, result.virtual_s) == ("until", 90.0)
    assert cleaned == [90.0]
    assert Packet.DISCONNECT not in result.events["packet"]


def test_what_a_scenario_raises_comes_out_and_the_next_run_is_fine() -> None:
    class MineError(Exception):
        pass

    async def scenario(lab: Lab) -> None:
        await lab.broker()
        async with lab.device("a").client():
            raise MineError("hello")

    for _ in range(2):
        with pytest.raises(MineError, match="hello"):
            run(scenario)
    run(chat)


def test_one_world_at_a_time() -> None:
    async def scenario(lab: Lab) -> None:
        run(chat)

    with pytest.raises(Error, match="world"):
        run(scenario)
    run(chat)


def test_a_lab_is_of_no_use_after_its_run() -> None:
    kept: list[Lab] = []

    async def scenario(lab: Lab) -> None:
        await lab.broker()
        kept.append(lab)

    run(scenario)
    for call in (lambda: kept[0].device("late"), kept[0].now, kept[0].settle):
        with pytest.raises(Error, match="the run is over"):
            call()


def test_ctrl_c_leaves_a_valid_partial_result() -> None:
    async def scenario(lab: Lab) -> None:
        await lab.broker()
        lab.fleet(lab.devices(3), interval="1s")
        await asyncio.sleep(30)
        os.kill(os.getpid(), signal.SIGINT)
        await asyncio.sleep(600)

    before = signal.getsignal(signal.SIGINT)
    result = run(scenario, until="1h")
    assert signal.getsignal(signal.SIGINT) is before
    assert result.interrupted
    assert 30 <= result.virtual_s <= 31.5
    assert len(result.events) > 100
    assert result.passed


def test_ctrl_c_inside_the_simulator_is_seen() -> None:
    def progress(now: float, until: float) -> None:
        seen.append((now, until))
        if now > 100:
            os.kill(os.getpid(), signal.SIGINT)

    async def scenario(lab: Lab) -> None:
        await lab.broker()
        lab.fleet(lab.devices(3), interval="1s")
        await asyncio.sleep(600)

    seen: list[tuple[float, float]] = []
    result = run(scenario, until="1h", progress=progress)
    assert result.interrupted
    assert 100 < result.virtual_s <= 102
    assert {until for _, until in seen} == {3600.0}
    assert len(seen) >= 100


def test_an_exception_of_the_progress_hook_comes_out() -> None:
    def progress(now: float, until: float) -> None:
        raise RuntimeError("no terminal")

    with pytest.raises(RuntimeError, match="no terminal"):
        run(chat, progress=progress)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"seed": -1}, "run: seed: must be 0 or more, got -1"),
        ({"until": "0s"}, "run: until=0 leaves no time"),
        ({"until": "soon"}, "run: until: cannot read 'soon'"),
        ({"until": None}, "run: until= is missing"),
        ({"tcp": "quick"}, "quick"),
        ({"pcap_side": "middle"}, "pcap_side='middle' is neither"),
        ({"pcap": "/no/such/directory/a.pcap"}, "/no/such/directory/a.pcap"),
        ({"parameters": {"count": "x"}}, "parameter count: 'x' is no int"),
        ({"parameters": 5}, "parameters: 5 is no mapping"),
        ({"tcp": 5}, "run: tcp: 5 is no text"),
        ({"pcap": 5}, "run: pcap=5 is no path"),
        ({"pcap_devices": "desk"}, "run: pcap_devices='desk' is no list of names"),
        ({"pcap": "/dev/null", "pcap_devices": ["nobody"]}, "pcap_devices names 'nobody'"),
    ],
)
def test_wrong_arguments_of_run_are_named(options: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError, match=message) as caught:
        mqttlab.run(chat, **{"until": "1min", **options})
    assert "\n" not in str(caught.value)


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


def test_a_spinning_scenario_is_an_error() -> None:
    async def scenario(lab: Lab) -> None:
        while True:
            await asyncio.sleep(0)

    with pytest.raises(VirtualTimeError, match="virtual time stands still"):
        run(scenario)


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
