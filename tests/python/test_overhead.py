"""What QoS costs: the closed forms that must come out exactly."""

from __future__ import annotations

from typing import Any

import pytest

from mqttlab.overhead.cell import LAYERS, Cell, measure

HOP = 0.05  # s, one way, of the publisher's link; the desk's takes no time
A_PACKET = 5e-9  # s: links keep packets of one instant a nanosecond apart


def rows(**changes: Any) -> list[dict[str, Any]]:
    return measure(Cell(link="", delay_ms=HOP * 1e3, messages=4, **changes), seed=1)


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
    for row in rows(payload_bytes=payload_bytes, version=version):
        answers = {0: 0, 1: 4, 2: 12}[row["qos"]]
        assert row["mqtt"] == publish_bytes(payload_bytes, row["qos"], version) + answers
        assert row["delivered"] == row["published"] == 4
        assert row["copies"] == 0


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


def test_loss_costs_repeats_and_nothing_else_of_mqtt() -> None:
    clean = measure(Cell(messages=100), seed=1)
    lossy = measure(Cell(messages=100, loss=0.05), seed=1)
    for before, after in zip(clean, lossy, strict=True):
        assert before["retransmitted"] == 0 < after["retransmitted"]
        assert before["mqtt"] == after["mqtt"]
        assert before["delivered_s"][-1] < after["delivered_s"][-1]
