"""The simulator against what others have measured: the figures in `results/validation`."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("mqttlab._sim")

import mqttlab
from mqttlab.errors import Error
from mqttlab.fit.captures import ACK, SYN, Segment
from mqttlab.validation import comparison, frames, seoane, side_by_side, tail
from mqttlab.validation.__main__ import main
from mqttlab.validation.records import PARTS, records

RESULTS = Path(__file__).resolve().parents[2] / "results/validation"
FOUND = json.loads((RESULTS / "simulated/validation.json").read_text())
WITHIN = 0.02
ALERT_BYTES = 2


def deviations(by: str, reading: str) -> dict[tuple[str, int], float]:
    """Predicted against published, by transport and level, as shares."""
    return {
        (one["transport"], one["qos"]): one["deviation_percent"] / 100
        for one in FOUND["published"]["predictions"]
        if (one["by"], one["reading"]) == (by, reading)
    }


def test_published_bytes_are_met_or_what_deviates_has_a_name() -> None:
    predicted = deviations(comparison.SIMULATED, "both")
    beyond = [place for place, share in predicted.items() if abs(share) > WITHIN]
    assert (len(predicted), beyond) == (4, [("tcp", 1)])
    (row,) = [
        one
        for one in FOUND["published"]["deviations"]
        if [(one["transport"], one["qos"])] == beyond
    ]
    named = row["by_name"]
    assert named["opening"] == named["payload"] == named["data"] + named["closing"] == 0
    assert -frames.FRAME_BYTES <= named["acknowledgements"] < -0.9 * frames.FRAME_BYTES
    at_qos_0 = {
        one["by"]: one["acknowledgements"]
        for one in FOUND["published"]["frames"]
        if (one["transport"], one["leg"], one["qos"]) == ("tcp", "publisher", 0)
    }
    assert at_qos_0 == {comparison.SIMULATED: 4, comparison.MEASURED: 5}


def test_a_quantile_that_no_exchange_has_reached_is_no_time() -> None:
    took = np.array([0.2, 0.1, math.inf, 0.3])
    assert [tail.quantile_s(took, share) for share in (0.5, 0.75, 0.99)] == [0.2, 0.3, None]
    lossy = json.loads((RESULTS / "tail/tail.json").read_text())
    assert [one["not_over"] for one in lossy["profiles"].values()] == [0, 0]
    connections = lossy["profiles"]["ns3-default"]["connections"]
    said = f"{lossy['parameters']['devices']} devices need {connections} connections"
    assert said in chapter()


def test_the_subscribers_leg_counts() -> None:
    """By the publisher's leg alone most figures are missed, whoever's frames these are."""
    missed = {
        (by, reading): sum(abs(share) > WITHIN for share in deviations(by, reading).values())
        for by in (comparison.SIMULATED, comparison.MEASURED)
        for reading in seoane.READINGS
    }
    assert missed == {
        (comparison.SIMULATED, "publisher"): 3,
        (comparison.SIMULATED, "both"): 1,
        (comparison.MEASURED, "publisher"): 4,
        (comparison.MEASURED, "both"): 0,
    }


@pytest.mark.parametrize(
    ("text", "why"), [(None, "No such file"), ("{", "Expecting"), ("{}", "it has no 'exchanges'")]
)
def test_what_is_no_record_is_told_in_one_line(
    text: str | None, why: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "recorded.json"
    if text is not None:
        path.write_text(text)
    assert main(["compare", "--recorded", str(path), "--out", str(tmp_path)]) == 2
    said = capsys.readouterr().err
    assert why in said
    assert said.count("\n") == 1


@pytest.mark.parametrize("over", ["tcp", "tls"])
def test_live_and_simulated_packets_are_the_same_bytes(over: str) -> None:
    rows = FOUND["live"][over]["packets"]
    assert {row["device"] for row in rows} == {"desk", "sensor-0", "sensor-1", "sensor-2"}
    for row in rows:
        for key in ("count", "bytes"):
            assert row[f"simulated_{key}"] == row[f"live_{key}"] > 0, row
    for layer in FOUND["live"][over]["layers"]:
        assert layer["rest_bytes"] == 0
        if over == "tcp":
            assert layer["simulated"]["tls_bytes"] == layer["live"]["tls_bytes"] == 0


def test_packets_that_are_live_alone_are_acknowledgements() -> None:
    """Nine of ten at least, by their headers."""
    named = [layer["by_name_bytes"] for over in FOUND["live"].values() for layer in over["layers"]]
    every = sum(abs(more) for kinds in named for more in kinds.values())
    assert sum(kinds["acknowledgements"] for kinds in named) > 0.9 * every


def test_tls_differs_by_the_records_that_were_counted() -> None:
    """All of TLS is in records; what those carry beyond MQTT is an alert from each end, at most."""
    rows = FOUND["live"]["tls"]["tls"]
    assert len(rows) == 4
    for row in rows:
        for side in ("simulated", "live"):
            assert row[f"{side}_rest_bytes"] in (0, ALERT_BYTES, 2 * ALERT_BYTES), row
        named = row["by_name_bytes"]
        assert named["server_hello"] == named["change_cipher_spec"] == 0, row
    for part in PARTS:
        parts = [row["by_name_bytes"][part] for row in rows]
        if part != "data":  # an ECDSA signature's DER varies by some bytes
            assert max(parts) - min(parts) <= (3 if part == "certificate_verify" else 0), part


CLIENT, SERVER = ("10.0.0.1", 5000), ("10.0.0.2", 8883)


def sent(source: tuple[str, int], sequence: int, payload: bytes, flags: int = ACK) -> Segment:
    other = SERVER if source == CLIENT else CLIENT
    size = len(payload)
    return Segment(0.0, source, other, sequence, None, flags, size, size + 40, payload)


def record(kind: int, carries: int) -> bytes:
    """As long as one on the wire that carries so many bytes, after the handshake's plain ones."""
    length = carries + (17 if kind == 23 else 0)
    return bytes((kind, 3, 3)) + length.to_bytes(2, "big") + bytes(length)


def test_records_are_counted_by_what_they_are_of() -> None:
    """Sequence numbers wrap, and segments come twice and out of order."""
    up = record(22, 200) + record(20, 1) + record(23, 36) + record(23, 20) + record(23, 2)
    down = record(22, 120) + record(20, 1)
    down += b"".join(record(23, size) for size in (10, 400, 80, 52, 250, 250, 4, 4))
    start = 2**32 - 50
    segments = [
        sent(CLIENT, start, b"", SYN),
        sent(SERVER, 7, b"", SYN | ACK),
        sent(SERVER, 8 + 50, down[50:]),
        sent(SERVER, 8, down[:60]),
        sent(CLIENT, start + 1, up[:90]),
        sent(CLIENT, start + 1, up[:90]),
        sent(CLIENT, (start + 91) % 2**32, up[90:]),
    ]
    found = records(CLIENT, SERVER, segments, connack_bytes=4)
    assert found == {
        "client_hello": 205, "server_hello": 125, "change_cipher_spec": 12,
        "encrypted_extensions": 32, "certificate": 422, "certificate_verify": 102,
        "finished": 58 + 74, "tickets": 2 * 272, "data": 4 * 22,
    }  # fmt: skip
    del segments[3]
    with pytest.raises(Error, match="has not all bytes"):
        records(CLIENT, SERVER, segments, connack_bytes=4)


def test_the_link_does_not_matter() -> None:
    """So that nobody needs to know on which one the published bytes were counted."""
    payload_bytes = FOUND["published"]["payload_bytes"]
    assert seoane.simulate("tls", payload_bytes, link="umts") == seoane.simulate(
        "tls", payload_bytes
    )


def test_a_capture_of_another_exchange_is_refused(tmp_path: Path) -> None:
    async def silent(lab: mqttlab.Lab) -> None:
        lab.broker("broker")
        async with lab.device("desk").client():
            pass

    capture = tmp_path / "silent.pcap"
    mqttlab.run(silent, until="10s", pcap=capture)
    with pytest.raises(Error, match="0 connections and 0 deliveries for 3 messages"):
        frames.legs(capture, 3)


def test_a_broker_that_waits_for_pubrel_is_a_round_trip_later() -> None:
    result = side_by_side.play(messages=4)
    at_once, waiting = (side_by_side.delays_s(result, on_pubrel=late) for late in (False, True))
    assert waiting[0] == at_once[0]
    assert waiting[1] == at_once[1]
    more = [after - before for before, after in zip(at_once[2], waiting[2], strict=True)]
    assert all(0.12 < one < 0.21 for one in more)  # twice 60 ms and up to 40 ms of jitter


def chapter() -> str:
    return " ".join((RESULTS / "README.md").read_text().split())


def test_the_chapter_tells_what_was_published() -> None:
    published, said = FOUND["published"], chapter()
    for one in published["predictions"]:
        if (one["by"], one["reading"]) == (comparison.SIMULATED, "both"):
            figures = f"{one['published']:,}, {one['predicted']:,.0f}"
            assert f"{figures} | {one['deviation_percent']:+}" in said
    for by in (comparison.SIMULATED, comparison.MEASURED):
        alone = deviations(by, "publisher").values()
        assert f"{sum(abs(one) > WITHIN for one in alone)} of {len(alone)} " in said
        assert f"{max(abs(one) for one in alone):.2%}".replace("%", " %") in said
    rests = [abs(one["rest_percent"]) for one in published["deviations"]]
    assert f"come to within {max(rests):.2f} %" in said
    (row,) = [
        one for one in published["deviations"] if (one["transport"], one["qos"]) == ("tcp", 1)
    ]
    named = row["by_name"]
    assert f"one pure acknowledgement ({named['acknowledgements']} bytes, mean of" in said
    assert (
        f"at QoS 0, too ({named['data']:+g}), FIN so at QoS 1 alone ({named['closing']:+g})" in said
    )
    payload, theirs = published["payload_bytes"], published["payload_by_mosquitto_bytes"]
    beyond = published["qos_0_published_beyond_bytes"]
    more = -beyond["tcp, mosquitto on Linux"]
    assert f"payload, {payload} bytes (mosquitto's QoS 0 takes {more:g} more than" in said
    assert f"by its frames it would be {theirs:g})" in said
    own, p256 = beyond["tls, simulated"], beyond["tls, mosquitto on Linux"]
    assert f"{own:,.0f} bytes more than our Ed25519 one ({p256:.0f} more than a P-256 one" in said


def test_the_chapter_tells_how_live_and_simulated_differ() -> None:
    said, live = chapter(), FOUND["live"]
    assert f"({sum(len(over['packets']) for over in live.values())} rows)" in said
    rows = [row["by_name_bytes"] for row in live["tls"]["tls"]]
    signed = sorted({row["certificate"] + row["certificate_verify"] for row in rows})
    first = rows[0]
    assert f"two tickets of mosquitto's are {first['tickets']} bytes more" in said
    assert f"{' or '.join(map(str, signed))}, Finished {first['finished']};" in said
    hellos = first["client_hello"] + first["encrypted_extensions"]
    assert f"hellos are {-hellos} less" in said
    fewer = {row["device"] for row in live["tls"]["tls"] if row["by_name_bytes"]["data"] < 0}
    assert fewer == {"desk"}
    for one in live["tcp"]["delays"]:
        if one["quantile"] == 0.5:
            assert one["qos"] < 2 or f"it does not: {one['simulated_ms']} ms" in said
            told = f"QoS {one['qos']} {one['simulated_on_pubrel_ms']} and {one['live_ms']} ms"
            assert told in said
