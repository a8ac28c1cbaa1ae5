"""An independent dissector agrees with the trace on every packet of a lossy run."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

pytest.importorskip("mqttlab._sim")

import mqttlab
from mqttlab.errors import UsageError
from mqttlab.figures import Analysis, figures
from mqttlab.report.capture import compare
from mqttlab.trace import End, Packet

needs_tshark = pytest.mark.skipif(shutil.which("tshark") is None, reason="tshark is not installed")


def captured(directory: Path, transport: str = "tcp") -> mqttlab.Result:
    pcap = directory / "capture.pcap"
    parameters = {"devices": 60, "transport": transport}
    chosen: dict = {"parameters": parameters, "pcap": pcap}
    return mqttlab.run("field_trial", seed=11, **chosen)


@needs_tshark
@pytest.mark.parametrize("transport", ["tcp", "wss", "mixed"])
def test_tshark_sees_the_packets_that_the_trace_says_arrived(
    tmp_path: Path, transport: str
) -> None:
    result = captured(tmp_path, transport)
    found = compare(result)
    assert found.differences == []
    assert found.malformed == 0
    counted = figures(Analysis(result))["packets"]
    for packet in Packet:
        assert found.tshark[packet, End.BROKER] == counted[packet.name]["to_broker"]["arrived"]
        assert found.tshark[packet, End.CLIENT] == counted[packet.name]["to_client"]["arrived"]
    assert found.tshark[Packet.PUBLISH, End.BROKER] > 1000
    lost = sum(int(result.counters[name].sum()) for name in ("lost_random", "lost_burst"))
    assert lost > 50  # so that segments did arrive out of order


@needs_tshark
def test_a_packet_missing_from_the_trace_is_noticed(tmp_path: Path) -> None:
    result = captured(tmp_path)
    events = result.events.copy()
    puback = events["packet"] == Packet.PUBACK
    victim = puback.nonzero()[0][-1]
    events["packet"][victim] = Packet.PUBREC
    object.__setattr__(result, "events", events)
    assert len(compare(result).differences) == 2


def test_a_senders_capture_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="receiver"):
        compare(mqttlab.run("field_trial", parameters={"devices": 3}, until="5s"))
