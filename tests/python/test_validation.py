"""The simulator against what others have measured: the figures in `results/validation`."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

pytest.importorskip("mqttlab._sim")

import mqttlab
from mqttlab.errors import Error
from mqttlab.validation import frames, seoane, side_by_side
from mqttlab.validation.__main__ import main

RESULTS = Path(__file__).resolve().parents[2] / "results/validation"
FOUND = json.loads((RESULTS / "simulated/validation.json").read_text())
WITHIN = 0.02


def test_the_comparison_comes_out_again(tmp_path: Path) -> None:
    recorded = RESULTS / "live/recorded.json"
    assert main(["compare", "--recorded", str(recorded), "--out", str(tmp_path)]) == 0
    again = json.loads((tmp_path / "validation.json").read_text())
    assert {**again, "versions": None} == {**FOUND, "versions": None}, FOUND["command"]
    for name in ("tables.md", "plot.svg"):
        assert (tmp_path / name).read_text() == (RESULTS / "simulated" / name).read_text(), name


def test_published_bytes_are_met_or_what_deviates_has_a_name() -> None:
    predicted = {
        (one["transport"], one["qos"]): one["deviation_percent"] / 100
        for one in FOUND["published"]["predictions"]
        if one["reading"] == "both"
    }
    assert len(predicted) == 4
    for row in FOUND["published"]["deviations"]:
        told = row["predicted"] + sum(row["by_name"].values()) + row["rest"]
        assert told == pytest.approx(row["published"], abs=0.2)
        if abs(predicted[row["transport"], row["qos"]]) > WITHIN:
            assert abs(row["rest"]) < WITHIN * row["published"], row


def test_the_subscribers_leg_counts() -> None:
    """By the publisher's leg alone three of the four figures are missed."""
    missed = {
        reading: sum(
            abs(one["deviation_percent"]) > WITHIN * 100
            for one in FOUND["published"]["predictions"]
            if one["reading"] == reading
        )
        for reading in seoane.READINGS
    }
    assert missed == {"publisher": 3, "both": 1}


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
        traced = sum(row["live_bytes"] for row in rows if row["device"] == layer["device"])
        assert layer["simulated"]["mqtt_bytes"] == layer["live"]["mqtt_bytes"] == traced
        assert layer["rest_bytes"] == 0
        if over == "tcp":
            assert layer["simulated"]["tls_bytes"] == layer["live"]["tls_bytes"] == 0


def test_packets_that_are_live_alone_are_acknowledgements() -> None:
    """Nine of ten at least, by their headers."""
    named = [layer["by_name_bytes"] for over in FOUND["live"].values() for layer in over["layers"]]
    every = sum(abs(more) for kinds in named for more in kinds.values())
    assert sum(kinds["acknowledgements"] for kinds in named) > 0.9 * every


def test_tls_differs_by_the_handshake_and_whole_records() -> None:
    """Up to an ECDSA signature's DER, whose length varies by some bytes."""
    rows = FOUND["live"]["tls"]["tls"]
    assert len({row["handshake_bytes"] for row in rows}) == 1
    for row in rows:
        assert abs(row["rest_bytes"]) <= 3, row


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


def test_the_chapter_tells_these_figures() -> None:
    chapter = " ".join((RESULTS / "README.md").read_text().split())
    published = FOUND["published"]
    for one in published["predictions"]:
        if one["reading"] == "both":
            figures = (
                f"{one['published']:,}, {one['predicted']:,.0f} | {one['deviation_percent']:+}"
            )
            assert figures in chapter
    rests = [abs(one["rest_percent"]) for one in published["deviations"]]
    assert f"to within {max(rests):.2f} %" in chapter
    beyond = published["qos_0_published_beyond_bytes"]
    own, p256 = beyond["tls, simulated"], beyond["tls, mosquitto on Linux"]
    lengths = f"payload ({published['payload_bytes']} bytes), the certificates ({own:,.0f} bytes"
    assert f"{lengths} more than our Ed25519 one, {p256:.0f} more" in chapter
    rows = [row for over in FOUND["live"].values() for row in over["packets"]]
    assert f"({len(rows)} rows)" in chapter
    handshake = FOUND["live"]["tls"]["tls"][0]["handshake_bytes"]
    assert f"{handshake} bytes of each handshake" in chapter
    for one in FOUND["live"]["tcp"]["delays"]:
        if one["quantile"] == 0.5:
            assert one["qos"] < 2 or f"it does not: {one['simulated_ms']} ms" in chapter
            told = f"QoS {one['qos']} {one['simulated_on_pubrel_ms']} and {one['live_ms']} ms"
            assert told in chapter
