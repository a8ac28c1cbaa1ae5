"""Wrong values, wherever a scenario can put one: a UsageError of one line, before C++ sees it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("mqttlab._sim")

import mqttlab
from mqttlab import Lab, UsageError, Will


def run(scenario: Callable[[Lab], Any]) -> None:
    mqttlab.run(scenario, until="10min")


async def chat(lab: Lab, *, count: int = 5) -> None:
    await lab.broker()
    await asyncio.sleep(count)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda lab: lab.link("4g"), "unknown profile '4g'; known are gprs, "),
        (lambda lab: lab.link(bandwidth="1Mbit/s"), "unknown option 'bandwidth'; known are base_"),
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
        ({"max_retained_bytes": "lots"}, "max_retained_bytes: cannot read 'lots'"),
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


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"seed": -1}, "run: seed: must be 0 or more, got -1"),
        ({"until": "0s"}, "run: until=0 leaves no time"),
        ({"until": "soon"}, "run: until: cannot read 'soon'"),
        ({"until": None}, "run: until= is missing"),
        ({"tcp": "quick"}, "quick"),
        ({"pcap_side": "middle"}, "pcap_side='middle' is none of"),
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
