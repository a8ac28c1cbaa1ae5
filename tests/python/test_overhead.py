"""What QoS costs: the closed forms that must come out exactly."""

from __future__ import annotations

import asyncio
import itertools
from typing import Any

import pytest

import amqtt_broker
import mqttlab
from mqttlab.figures.view import TraceView
from mqttlab.overhead import keep_alive
from mqttlab.overhead.cell import LAYERS, Cell, measure
from mqttlab.overhead.keep_alive import Standby
from mqttlab.trace import Kind, Packet

ANSWERS_AT = ((), (Packet.PUBACK,), (Packet.PUBREC, Packet.PUBREL, Packet.PUBCOMP))
ANSWERS = sum(ANSWERS_AT, ())
HOP = 0.05  # s, one way, of the publisher's link; the desk's takes no time
A_PACKET = 5e-9  # s: links keep packets of one instant a nanosecond apart


def rows(**changes: Any) -> list[dict[str, Any]]:
    return measure(Cell(link="", rtt_ms=2 * HOP * 1e3, **{"messages": 4, **changes}), seed=1)


def publish_bytes(payload_bytes: int, qos: int, version: str) -> int:
    """1 + v(R) + R: topic "s/N", a packet id over QoS 0, an empty block of properties in 5.0."""
    remaining = 2 + 3 + (2 if qos else 0) + (version == "5") + payload_bytes
    length_bytes = next(n for n in range(1, 5) if remaining < 128**n)
    return 1 + length_bytes + remaining


@pytest.mark.parametrize("version", ["3.1.1", "5"])
@pytest.mark.parametrize("payload_bytes", [32, 119, 120, 121, 122, 123, 16376, 16377, 16379])
def test_a_message_takes_its_publish_and_the_answers_of_its_level(
    payload_bytes: int, version: str
) -> None:
    assert_costs(payload_bytes, version, messages=4)


# The fourth byte of the length comes with QoS 1 and 2, with all, and long before 2 MiB of payload.
@pytest.mark.parametrize("payload_bytes", [2_097_145, 2_097_147, 2_097_152])
def test_the_length_of_a_large_message_takes_four_bytes(payload_bytes: int) -> None:
    assert_costs(payload_bytes, "3.1.1", messages=1)


def assert_costs(payload_bytes: int, version: str, messages: int) -> None:
    for row in rows(payload_bytes=payload_bytes, version=version, messages=messages):
        answers = {0: 0, 1: 4, 2: 12}[row["qos"]]
        assert row["mqtt"] == publish_bytes(payload_bytes, row["qos"], version) + answers
        assert row["delivered"] == row["published"] == messages
        assert row["copies"] == 0


@pytest.mark.parametrize("version", ["3.1.1", "5"])
def test_on_each_hop_a_message_is_answered_by_as_many_bytes(version: str) -> None:
    async def scenario(lab: mqttlab.Lab) -> None:
        lab.broker("broker")
        async with lab.device("desk").client(version=version) as reader:
            await reader.subscribe("#", qos=2)
            for qos in (0, 1, 2):
                async with lab.device(f"sensor-{qos}").client(version=version) as writer:
                    await writer.publish("t", lab.stamp(), qos=qos)
                    await asyncio.sleep(1)

    result = mqttlab.run(scenario, until="1min")
    view, actors = TraceView(result), {one.name: one.actor for one in result.devices}
    calls = [*view.of(Kind.PUBLISH_CALLED).tolist(), view.size]
    for qos, (call, next_call) in enumerate(itertools.pairwise(calls)):
        written = view.of(Kind.WRITTEN)
        written = written[(written > call) & (written < next_call)]
        for hop in (f"sensor-{qos}", "desk"):
            events = view.events[written[view.device(written) == actors[hop]]]
            sizes = [(one["packet"], one["bytes"]) for one in events if one["packet"] in ANSWERS]
            assert sizes == [(packet, 4) for packet in ANSWERS_AT[qos]]


def test_layers_add_up_to_the_bytes_of_the_ip_packets() -> None:
    for transport in ("tcp", "tls", "ws", "wss"):
        for row in rows(transport=transport):
            assert sum(row[layer] for layer in LAYERS) == row["bytes"]
            assert (row["tls"] > 0) == (transport in ("tls", "wss"))
            assert (row["web_socket"] > 0) == (transport in ("ws", "wss"))


def test_delivery_takes_both_hops_and_completion_two_or_four_times_the_first() -> None:
    for row in rows():
        assert row["delivered_s"] == pytest.approx([HOP] * 4, abs=A_PACKET)
        hops = {0: 0, 1: 2, 2: 4}[row["qos"]]
        assert row["acknowledged_s"] == pytest.approx([hops * HOP] * 4, abs=A_PACKET)


def test_one_connection_per_message_pays_for_the_connection_each_time() -> None:
    long, each = rows(), rows(session="per-message")
    for row, dear in zip(long, each, strict=True):
        # CONNECT 10 + 2 + "sensor-N", CONNACK, DISCONNECT, each with its two bytes of header.
        assert dear["mqtt"] - row["mqtt"] == (2 + 10 + 2 + 8) + 4 + 2
        assert dear["packets"] > row["packets"] + 6  # SYN, SYN ACK, ..., FIN both ways


def test_a_connection_takes_a_round_trip_for_each_of_its_layers() -> None:
    for transport, round_trips in (("tcp", 2), ("tls", 3), ("ws", 3), ("wss", 4)):
        for row in rows(transport=transport):
            assert row["setup_s"] == pytest.approx(round_trips * 2 * HOP, abs=10 * A_PACKET)


def test_broken_connections_lose_at_qos_0_repeat_at_qos_1_and_do_neither_at_qos_2() -> None:
    none, once, exactly = measure(
        Cell(link="", rtt_ms=2 * HOP * 1e3, messages=40, cuts=1.0), seed=1
    )
    assert none["published"] == once["delivered"] == exactly["delivered"] == 40
    assert none["delivered"] < 40
    assert (none["copies"], exactly["copies"]) == (0, 0)
    assert once["copies"] > 0


def test_a_message_that_stands_alone_wakes_the_radio_and_keeps_it_awake() -> None:
    radio = mqttlab.radios()["lte"]
    (tail,) = radio.tails
    for row in measure(Cell(link="lte", messages=4), seed=1):
        awake_s = radio.promotion_s + tail.duration_s
        alone_j = radio.promotion_j + tail.duration_s * tail.power_w - awake_s * radio.idle_w
        # Exchanges take 0.15 s at most, at the power of the tail.
        assert alone_j < row["joules"] < alone_j + 0.15 * (tail.power_w + radio.active_w)
        assert row["idle_w"] == radio.idle_w
    assert "joules" not in rows()[0]


def test_loss_costs_repeats_and_nothing_else_of_mqtt() -> None:
    clean = measure(Cell(messages=100), seed=1)
    lossy = measure(Cell(messages=100, loss=0.05), seed=1)
    for before, after in zip(clean, lossy, strict=True):
        assert before["retransmitted"] == 0 < after["retransmitted"]
        assert before["mqtt"] == after["mqtt"]
        assert before["delivered_s"][-1] < after["delivered_s"][-1]


def standby(**changes: Any) -> list[dict[str, Any]]:
    options = {"link": "", "rtt_ms": 2 * HOP * 1e3, "keep_alives_s": (30, 60), "phones": 3}
    return keep_alive.measure(Standby(**{**options, "hours": 1, **changes}), seed=1)


def test_a_keep_alive_takes_four_bytes_in_three_packets() -> None:
    for row in standby(every_s=1e9):
        # PINGREQ and PINGRESP, each of the least length there is, and what acknowledges the second.
        each_day = 86_400 / row["keep_alive_s"]
        assert row["packets_per_day"] == pytest.approx(3 * each_day)
        assert row["bytes_per_day"] == pytest.approx((2 + 2 + 3 * 40) * each_day)
        assert row["pushes"] == 0


def test_a_dead_link_is_noticed_a_ping_timeout_after_the_next_ping_or_at_one_and_a_half() -> None:
    ping_timeout_s = 10
    for row in standby(every_s=1e9):
        keep_alive_s = row["keep_alive_s"]
        client, broker = row["client_noticed_s"], row["broker_noticed_s"]
        assert len(client) == len(broker) == 3
        for by_client, by_broker in zip(client, broker, strict=True):
            assert ping_timeout_s < by_client <= keep_alive_s + ping_timeout_s
            # Both count from the last packet, which the broker has a hop later.
            apart = 0.5 * keep_alive_s - ping_timeout_s + HOP
            assert by_broker - by_client == pytest.approx(apart, abs=1e-6)


def test_pushes_come_at_once_or_when_the_next_ping_shows_that_the_nat_has_forgotten() -> None:
    short, long = standby(keep_alives_s=(60, 1800), nat_s=90, every_s=600, hours=6)
    assert short["pushes"] == long["pushes"] == 3 * 6 * 6
    assert short["missed"] == 0
    assert short["waits_s"] == pytest.approx([HOP] * short["pushes"], abs=A_PACKET)
    assert long["missed"] > long["pushes"] / 2
    assert max(long["waits_s"]) <= 1800 + keep_alive.LATE_S


def test_an_end_that_nobody_closes_is_an_error_and_no_time() -> None:
    with pytest.raises(mqttlab.Error, match="keep alive of 0 s does not watch"):
        standby(keep_alives_s=(0,), every_s=1e9)


def test_who_has_given_up_before_the_link_goes_dark_has_not_noticed_that() -> None:
    # A push to a phone that the NAT has forgotten ends a connection at the broker, now and then.
    (row,) = standby(link="lte", keep_alives_s=(1800,), phones=20, every_s=1800, hours=6)
    assert 0 < len(row["client_noticed_s"]) < 20
    for noticed in row["client_noticed_s"] + row["broker_noticed_s"]:
        assert 0 <= noticed <= 1.5 * row["keep_alive_s"] + 1


def exchange(
    qos: int, up: float, down: float, *, dark_s: float = 0, before: int = 0, theirs: bool = False
) -> dict[str, float]:
    """Seconds from the publish call until the message is delivered, and until its publisher knows.

    `up`, `down`: one way, of the publisher's link and of the subscriber's. `dark_s`: from the call
    on nothing comes through. `before`: messages at this level that went well, one by one. `theirs`:
    by amqtt's broker, which hands a message of QoS 2 on when PUBREL has come.
    """
    took: dict[str, float] = {}

    async def scenario(lab: mqttlab.Lab) -> None:
        if theirs:
            await lab.guest_broker("broker", amqtt_broker.serve)
        else:
            lab.broker("broker")
        sensor = lab.device("sensor", via=lab.link(delay=up, name="up"))
        desk = lab.device("desk", via=lab.link(delay=down, name="down"))
        async with (
            desk.client(user_name="desk") as reader,
            sensor.client(user_name="sensor", keep_alive_s=0) as writer,
        ):
            await reader.subscribe("t", qos=qos)
            for _ in range(before):
                await writer.publish("t", lab.stamp(), qos=qos)
                await anext(reader.messages)
                await asyncio.sleep(30)
            start = lab.now()

            async def publish() -> None:
                await writer.publish("t", lab.stamp(), qos=qos)
                took["acknowledged"] = lab.now() - start

            async with asyncio.TaskGroup() as tasks:
                async with lab.blackhole(sensor, "up"):
                    tasks.create_task(publish())
                    await asyncio.sleep(dark_s)
                await anext(reader.messages)
                took["delivered"] = lab.now() - start

    mqttlab.run(scenario, until="1h").check()
    return took


@pytest.mark.parametrize(("up", "down"), [(0.05, 0.02), (0.3, 0.7)])
def test_without_loss_a_message_takes_both_links_and_its_exchange_the_first_only(
    up: float, down: float
) -> None:
    for qos, hops in ((0, 0), (1, 2), (2, 4)):
        took = exchange(qos, up, down)
        # At QoS 2, too: our broker hands a message on with PUBLISH, our client as well.
        assert took["delivered"] == pytest.approx(up + down, abs=2 * A_PACKET)
        assert took["acknowledged"] == pytest.approx(hops * up, abs=4 * A_PACKET)


@pytest.mark.parametrize(("up", "down"), [(0.05, 0.02), (0.3, 0.7)])
def test_a_broker_that_waits_for_pubrel_delivers_two_hops_later_at_qos_2_alone(
    up: float, down: float
) -> None:
    for qos, waited, hops in ((0, 0, 0), (1, 0, 2), (2, 2, 4)):
        took = exchange(qos, up, down, theirs=True)
        assert took["delivered"] == pytest.approx((1 + waited) * up + down, abs=4 * A_PACKET)
        assert took["acknowledged"] == pytest.approx(hops * up, abs=4 * A_PACKET)


def rto_s(rtt_s: float, samples: int) -> float:
    """Linux's, after so many equal round trips: RTTVAR begins at half, and each takes a quarter of
    it away (RFC 6298); what is added to SRTT is 200 ms at least.
    """
    return rtt_s + max(4 * rtt_s / 2 * 0.75 ** (samples - 1), 0.2)


@pytest.mark.parametrize("qos", [0, 1, 2])
@pytest.mark.parametrize("up", [0.025, 0.05, 0.2, 0.3])
def test_the_first_loss_costs_a_retransmission_timeout(up: float, qos: int) -> None:
    # SYN and CONNECT have been answered.
    timeout = rto_s(2 * up, samples=2)
    took = exchange(qos, up, 0.01, dark_s=0.001)
    assert took["delivered"] == pytest.approx(timeout + up + 0.01, abs=1e-6)
    # The second one costs twice as much.
    took = exchange(qos, up, 0.01, dark_s=timeout + 0.001)
    assert took["delivered"] == pytest.approx(3 * timeout + up + 0.01, abs=1e-6)
    hops = {0: 0, 1: 2, 2: 4}[qos]
    if qos:
        assert took["acknowledged"] == pytest.approx(3 * timeout + hops * up, abs=1e-6)


def test_the_timeout_comes_down_to_its_floor_with_the_round_trips_that_were_measured() -> None:
    up = 0.3
    found = [exchange(1, up, 0, dark_s=0.001, before=n)["delivered"] - up for n in range(7)]
    assert found == pytest.approx([rto_s(2 * up, 2 + n) for n in range(7)], abs=1e-6)
    assert found[-1] == pytest.approx(2 * up + 0.2, abs=1e-6)
    assert found[0] > 2 * up + 0.8
