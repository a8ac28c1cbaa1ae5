"""What happens on the way: effects as scopes and as data."""

from __future__ import annotations

import asyncio
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import mqttlab
from mqttlab import faults, trace
from mqttlab.faults import At, Blackhole, DelaySpike, Fault, Partition, Roam
from mqttlab.faults.path import combined

DELAY_S = 0.02


def texts(result: mqttlab.Result, kind: str) -> list[tuple[float, str]]:
    """(seconds, text) of the events of a kind, in order."""
    rows = result.events[result.events["kind"] == trace.Kind[kind.upper()]]
    return [(row["at"] / 1e9, result.texts[row["text"]]) for row in rows]


def counted(result: mqttlab.Result, name: str) -> dict[str, int]:
    """A counter of the device "meter", by direction."""
    actor = next(device.actor for device in result.devices if device.name == "meter")
    rows = result.counters[result.counters["actor"] == actor]
    return {trace.Direction(row["direction"]).name.lower(): int(row[name]) for row in rows}


def deliveries(result: mqttlab.Result) -> list[float]:
    """When messages were handed over, in seconds."""
    rows = result.events[result.events["kind"] == trace.Kind.DELIVERED]
    return [float(at) for at in rows["at"] / 1e9]


def captured(path: Path) -> list[tuple[float, int, bytes]]:
    """(seconds, destination port, payload) of the packets of TCP over IPv4 in a capture."""
    data, found, at = path.read_bytes(), [], 24
    while at < len(data):
        s, ns, size, _ = struct.unpack_from("<IIII", data, at)
        packet = data[at + 16 : at + 16 + size]
        tcp = packet[(packet[0] & 15) * 4 :]
        found.append((s + ns / 1e9, int.from_bytes(tcp[2:4], "big"), tcp[(tcp[12] >> 4) * 4 :]))
        at += 16 + size
    return found


During = Callable[[mqttlab.Lab, mqttlab.Device, mqttlab.Client], Any]


def meter(during: During, **options: Any) -> Any:
    """A scenario of a device that listens to what it publishes, and does `during` from 1 s on."""

    async def scenario(lab: mqttlab.Lab) -> None:
        lab.broker()
        device = lab.device("meter", via=lab.link(delay=DELAY_S, **options))
        async with device.client(keep_alive_s=600, reconnect=True, clean_session=False) as client:
            await client.subscribe("t")
            await asyncio.sleep(1 - lab.now())
            await during(lab, device, client)

    return scenario


def run(during: During, until: str = "1min", pcap: Path | None = None, **link: Any) -> Any:
    """One run of it."""
    return mqttlab.run(meter(during, **link), until=until, pcap=pcap)


async def publish(client: mqttlab.Client, payload: str = "0123456789") -> None:
    """At QoS 0, so that nobody waits."""
    await client.publish("t", payload, qos=0)


# (scope, its words in the trace, what is lost by it)
DARK = [
    (lambda lab, device: lab.blackhole(device, "up"), "blackhole up", {"up"}),
    (lambda lab, device: lab.blackhole(device, "down"), "blackhole down", {"down"}),
    (lambda lab, device: lab.blackhole(device), "blackhole both", {"up", "down"}),
    (lambda lab, device: lab.partition(device), "partition", {"up", "down"}),
]


@pytest.mark.parametrize(("scope", "words", "ways"), DARK, ids=[words for _, words, _ in DARK])
def test_a_dark_way_loses_packets_for_as_long_as_it_is_dark(
    scope: Any, words: str, ways: set[str], tmp_path: Path
) -> None:
    async def during(lab: mqttlab.Lab, device: mqttlab.Device, client: mqttlab.Client) -> None:
        async with scope(lab, device):
            await publish(client)
            await asyncio.sleep(5)
        await asyncio.sleep(20)

    result = run(during, pcap=tmp_path / "it.pcap")
    assert texts(result, "fault") == [(1, words)]
    assert texts(result, "fault_over") == [(6, words)]
    lost = counted(result, "lost_blackhole")
    assert {way for way, packets in lost.items() if packets} >= (ways & {"up"} or {"down"})
    assert all(way in ways for way, packets in lost.items() if packets)
    assert len(deliveries(result)) == 1
    assert deliveries(result)[0] > 6
    to_broker = {at for at, port, _ in captured(tmp_path / "it.pcap") if port == 1883}
    dark = [at for at in to_broker if 1 + DELAY_S <= at < 6 + DELAY_S]
    assert bool(dark) == ("up" not in ways)


SPELLS: list[tuple[Any, str, Callable[[mqttlab.Result], bool]]] = [
    (
        lambda lab, device: lab.delay_spike(device, "2s", "up"),
        "delay spike 2s up",
        lambda result: deliveries(result)[0] == pytest.approx(3 + 2 * DELAY_S, abs=1e-6),
    ),
    (  # 15 bytes of PUBLISH and 40 of headers, at 55 bytes a second
        lambda lab, device: lab.throttle(device, "440bit/s", "up"),
        "throttle 440bit/s up",
        lambda result: deliveries(result)[0] == pytest.approx(2 + 2 * DELAY_S, abs=1e-6),
    ),
    (
        lambda lab, device: lab.reorder(device, 1.0, "3s", "up"),
        "reorder 1.0 3s up",
        lambda result: deliveries(result)[0] == pytest.approx(4 + 2 * DELAY_S, abs=1e-6),
    ),
    (
        lambda lab, device: lab.duplicate(device, "100%"),
        "duplicate 100%",
        lambda result: counted(result, "duplicated")["up"] >= 2 and len(deliveries(result)) == 2,
    ),
    (
        lambda lab, device: lab.corrupt(device, 1.0, "up"),
        "corrupt 1.0 up",
        lambda result: counted(result, "lost_corrupt")["up"] >= 3 and deliveries(result)[0] > 6,
    ),
    (
        lambda lab, device: lab.coalesce(device, "1s", "up"),
        "coalesce 1s up",
        lambda result: deliveries(result)[0] == pytest.approx(2 + 2 * DELAY_S, abs=1e-6),
    ),
]


@pytest.mark.parametrize(("scope", "words", "shows"), SPELLS, ids=[words for _, words, _ in SPELLS])
def test_a_spell_is_seen_at_its_instant_and_ends(scope: Any, words: str, shows: Any) -> None:
    async def during(lab: mqttlab.Lab, device: mqttlab.Device, client: mqttlab.Client) -> None:
        async with scope(lab, device):
            await publish(client)
            await asyncio.sleep(5)
        await asyncio.sleep(20)
        await publish(client, "after")
        await asyncio.sleep(1)

    result = run(during)
    assert texts(result, "fault") == [(1, words)]
    assert texts(result, "fault_over") == [(6, words)]
    assert shows(result)
    assert deliveries(result)[-1] == pytest.approx(26 + 2 * DELAY_S, abs=1e-6)


@pytest.mark.parametrize(
    ("scope", "sizes"),
    [
        (lambda lab, device: lab.segments(device, 4, "up"), [4, 4, 4, 3]),
        (lambda lab, device: lab.short_writes(device, 4, "device"), [4, 4, 4, 3]),
        (lambda lab, device: lab.short_writes(device, 4, "broker"), [15]),
    ],
    ids=["segments", "short writes of the device", "short writes of the broker"],
)
def test_payloads_come_in_pieces(scope: Any, sizes: list[int], tmp_path: Path) -> None:
    async def during(lab: mqttlab.Lab, device: mqttlab.Device, client: mqttlab.Client) -> None:
        async with scope(lab, device):
            await publish(client)
            await asyncio.sleep(1)

    result = run(during, pcap=tmp_path / "it.pcap")
    up = [
        (at, len(payload))
        for at, port, payload in captured(tmp_path / "it.pcap")
        if port == 1883 and payload and 1 < at < 1.5
    ]
    pieces = [size for at, size in up if at == pytest.approx(1 + DELAY_S, abs=1e-6)]
    assert pieces == sizes
    assert len(deliveries(result)) == 1


def test_the_end_of_a_stream_is_heard_when_a_slow_close_is_over() -> None:
    async def scenario(lab: mqttlab.Lab) -> None:
        lab.broker()
        device = lab.device("meter", via=lab.link(delay=DELAY_S))
        async with device.client(reconnect=False):
            await asyncio.sleep(1 - lab.now())
            async with lab.slow_close(device, "up"):
                device.die("fin")
                await asyncio.sleep(4)
            await asyncio.sleep(1)

    result = mqttlab.run(scenario, until="1min")
    rows = result.events[result.events["kind"] == trace.Kind.CLOSED]
    at_broker = rows[rows["end"] == trace.End.BROKER]
    assert [int(at) for at in at_broker["at"]] == [5 * 10**9]
    assert at_broker["code"][0] == trace.CloseCause.FIN


def closes(result: mqttlab.Result) -> list[tuple[float, str]]:
    """When and why the device lost connections."""
    rows = result.events[result.events["kind"] == trace.Kind.CLOSED]
    mine = rows[rows["end"] == trace.End.CLIENT]
    return [(row["at"] / 1e9, trace.CloseCause(row["code"]).name) for row in mine]


def test_a_phone_that_roams_dials_again_and_its_session_goes_on() -> None:
    async def during(lab: mqttlab.Lab, device: mqttlab.Device, client: mqttlab.Client) -> None:
        lab.roam(device)
        await asyncio.sleep(10)
        await publish(client)
        await asyncio.sleep(1)

    result = run(during)
    assert texts(result, "fault") == [(1, "roam")]
    assert closes(result)[0] == (1, "RESET")
    assert len(deliveries(result)) == 1


def test_a_device_that_does_not_notice_that_it_moved_speaks_from_the_old_address() -> None:
    async def during(lab: mqttlab.Lab, device: mqttlab.Device, client: mqttlab.Client) -> None:
        lab.roam(device, knows=False)
        await publish(client)
        await asyncio.sleep(10)

    result = run(during)
    assert texts(result, "fault") == [(1, "roam unnoticed")]
    assert counted(result, "lost_moved")["up"] > 3
    assert deliveries(result) == []


def test_a_rebound_port_is_refused_by_the_brokers_host() -> None:
    async def during(lab: mqttlab.Lab, device: mqttlab.Device, client: mqttlab.Client) -> None:
        lab.rebind(device)
        await client.publish("t", "x", qos=1)
        await asyncio.sleep(1)

    result = run(during)
    assert closes(result)[0] == (pytest.approx(1 + 2 * DELAY_S, abs=1e-6), "RESET")
    assert len(deliveries(result)) == 1, "the session goes on over another connection"


def test_all_of_it_is_data() -> None:
    effects = [
        faults.Blackhole("up"), faults.Partition(), faults.DelaySpike("2s"),
        faults.Throttle("8kbit/s", "down"), faults.Reorder("1%", "30ms"), faults.Duplicate(0.1),
        faults.Corrupt(0.01), faults.Segments(), faults.Coalesce("1s"), faults.SlowClose("down"),
        faults.ShortWrites(7, "broker"), faults.Rebind(), faults.Roam(knows=False),
    ]  # fmt: skip
    for effect in effects:
        assert faults.Effect.from_data(effect.to_data()) == effect


def test_overlapping_effects_add_up() -> None:
    both = [DelaySpike("1s"), DelaySpike("2s", "up"), faults.Duplicate(0.5), faults.Duplicate(0.5)]
    assert combined(both, "up") == {"delay": 3 * 10**9, "duplicate": 0.75}
    assert combined(both, "down") == {"delay": 10**9, "duplicate": 0.75}
    assert combined([faults.Throttle("2kbit/s"), faults.Throttle("1kbit/s")], "up") == {
        "rate_bps": 1000.0
    }
    assert combined([Partition(), Blackhole("down")], "up") == {"blackhole": True}


def test_the_end_of_one_blackhole_is_not_that_of_the_other_and_settle_ends_all() -> None:
    async def during(lab: mqttlab.Lab, device: mqttlab.Device, client: mqttlab.Client) -> None:
        await publish(client)
        await asyncio.sleep(10)
        lab.settle()
        await asyncio.sleep(15)

    plan = [
        Fault(At("1s"), Blackhole("up"), "meter", "1s"),
        Fault(At("1s"), Partition(), "meter"),
        Fault(At("20s"), Roam(), "meter"),
    ]
    result = mqttlab.run(meter(during), until="1min", faults=plan)
    assert [at for at, _ in texts(result, "fault")] == [1, 1]
    assert [at for at, _ in texts(result, "fault_over")] == [2, 11]
    assert len(deliveries(result)) == 1
    assert deliveries(result)[0] > 11


def test_a_link_may_reorder_repeat_and_corrupt_for_good() -> None:
    async def during(lab: mqttlab.Lab, device: mqttlab.Device, client: mqttlab.Client) -> None:
        for number in range(4_500):
            await client.publish("t", f"{number:04d}", qos=2)
        await asyncio.sleep(5)

    shares = {"reorder": "5%", "reorder_by": "50ms", "duplicate": "3%", "corrupt": "4%"}
    result = run(during, until="2h", **shares)
    assert len(deliveries(result)) == 4_500
    packets = counted(result, "packets")["up"]
    assert packets > 10_000
    for name, share in (("reordered", 0.05), ("duplicated", 0.03), ("lost_corrupt", 0.04)):
        error = (share * (1 - share) / packets) ** 0.5
        assert counted(result, name)["up"] / packets == pytest.approx(share, abs=4 * error)
    assert result.passed


# What is wrong is said in one line.

WRONG: list[tuple[Callable[[], object], str]] = [
    (lambda: Blackhole("sideways"), "'sideways'"),  # type: ignore[arg-type]
    (lambda: DelaySpike(0), "must be over 0"),
    (lambda: faults.Throttle(0), "a rate of 0"),
    (lambda: faults.Reorder(2), "is over 1"),
    (lambda: faults.Segments(0), "1 or more"),
    (lambda: faults.ShortWrites(1, "desk"), "none of device, broker"),  # type: ignore[arg-type]
    (lambda: Roam(knows=1), "neither True nor False"),  # type: ignore[arg-type]
]


@pytest.mark.parametrize(("make", "told"), WRONG, ids=[told for _, told in WRONG])
def test_wrong_values_are_named(make: Callable[[], object], told: str) -> None:
    with pytest.raises(mqttlab.UsageError, match=r"\A[^\n]+\Z") as caught:
        make()
    assert told in str(caught.value)


LIVE: list[tuple[Callable[[mqttlab.Lab, mqttlab.Device], Any], str]] = [
    (lambda lab, device: lab.partition(device), "partition"),
    (lambda lab, device: lab.short_writes(device, 3), "short writes 3"),
]


@pytest.mark.parametrize(("scope", "what"), LIVE, ids=[what for _, what in LIVE])
def test_on_real_sockets_it_is_not_applicable_by_name(scope: Any, what: str) -> None:
    async def scenario(lab: mqttlab.Lab) -> None:
        lab.broker()
        async with scope(lab, lab.device("meter")):
            pass

    result = mqttlab.run(scenario, until="1s", target="live")
    assert [one.what for one in result.not_applicable] == [what]


def test_a_repeated_syn_tells_no_round_trip_time() -> None:
    """Karn's algorithm: what is lost after a long dial is repeated as soon as after a short one."""
    took: list[float] = []

    async def scenario(lab: mqttlab.Lab) -> None:
        lab.broker()
        device = lab.device("meter", via=lab.link(delay=DELAY_S))
        lab.at(At(0), faults.Outage(), on=device, for_="5s")
        async with device.client() as client:
            dialled = lab.now()
            async with lab.blackhole(device, "up"):
                call = asyncio.create_task(client.publish("t", b"x", qos=1))
                await asyncio.sleep(0.01)
            await call
            took.extend((dialled, lab.now() - dialled))

    mqttlab.run(scenario, until="1min").check()
    assert took[0] == pytest.approx(7, abs=0.2)  # SYNs at 0, 1, 3 and 7 s
    assert (
        took[1] < 0.2 + 4 * DELAY_S + 0.1
    )  # a round trip, the floor of its variance, a round trip


def test_a_round_trip_of_two_seconds_is_measured_although_the_syn_was_repeated() -> None:
    async def scenario(lab: mqttlab.Lab) -> None:
        lab.broker()
        device = lab.device("meter", via=lab.link(delay=1.0))
        async with device.client() as client:
            for _ in range(3):
                await client.publish("t", b"x", qos=1)

    result = mqttlab.run(scenario, until="1min")
    assert sum(counted(result, "retransmitted_bytes").values()) == 0
