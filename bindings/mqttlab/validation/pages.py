"""The comparison as a page of Markdown and a plot."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from mqttlab.report.svg import Canvas, linear, ticks
from mqttlab.validation.frames import KINDS
from mqttlab.validation.records import PARTS
from mqttlab.validation.side_by_side import LEVELS

__all__ = ["markdown", "plot"]


def markdown(found: Mapping[str, Any]) -> str:
    """All tables. `found`: as validation.json has it."""
    parts = [*_published(found), *_frames(found), *_packets(found), *_layers(found["live"])]
    return "\n\n".join((*parts, *_delays(found["live"]))) + "\n"


def _published(found: Mapping[str, Any]) -> Iterator[str]:
    published = found["published"]
    yield "# Published and simulated"
    yield (
        f"`{found['command']}`, seed {found['seed']}. Bytes per message, TCP payload and 66 a "
        "frame. QoS 1 and 2 from QoS 0's published bytes and the frames counted; `publisher`: on "
        "its leg, `both`: on the subscriber's, too."
    )
    yield _table(
        ("by the frames of", "over", "leg", "QoS", "published", "predicted", "deviation"),
        (
            (p["by"], p["transport"], p["reading"], p["qos"], p["published"], p["predicted"],
             f"{p['deviation_percent']:+.2f} %")
            for p in published["predictions"]
        ),
    )  # fmt: skip
    yield (
        "Both legs, by name: what mosquitto and its clients took more than simulated from QoS 0 to "
        f"1 and 2 on this machine (means of {found['recorded']['messages']}, recorded), in bytes."
    )
    yield _table(
        ("over", "QoS", "published", "predicted", *KINDS, "payload", "rest", "of published"),
        (
            (d["transport"], d["qos"], d["published"], d["predicted"],
             *(f"{d['by_name'][name]:+g}" for name in (*KINDS, "payload")),
             f"{d['rest']:+g}", f"{d['rest_percent']:+.2f} %")
            for d in published["deviations"]
        ),
    )  # fmt: skip
    yield (
        "QoS 0 is not predicted: unknown lengths are fitted to it. Published beyond what was "
        f"counted here with a payload of {published['payload_bytes']} bytes, which is what our "
        f"frames need (mosquitto's: {published['payload_by_mosquitto_bytes']:g}):"
    )
    yield _table(
        ("over, by", "bytes"),
        ((by, f"{more:+g}") for by, more in published["qos_0_published_beyond_bytes"].items()),
    )


def _frames(found: Mapping[str, Any]) -> Iterator[str]:
    yield "# Frames per message"
    yield _table(
        ("over", "leg", "QoS", "by", *KINDS, "payload bytes"),
        (
            (f["transport"], f["leg"], f["qos"], f["by"],
             *(f"{f[name]:g}" for name in (*KINDS, "payload_bytes")))
            for f in found["published"]["frames"]
        ),
    )  # fmt: skip


def _packets(found: Mapping[str, Any]) -> Iterator[str]:
    live = found["live"]
    yield "# Simulated and live"
    yield (
        f"Fingerprint {found['fingerprint']}; live: {found['recorded']['versions']['mosquitto']}. "
        "Control packets at the clients' ends, count and bytes:"
    )
    yield _table(
        ("over", "device", "packet", "simulated", "live"),
        (
            (over, p["device"], p["packet"],
             *(f"{p[f'{s}_count']}, {p[f'{s}_bytes']} B" for s in ("simulated", "live")))
            for over in live for p in live[over]["packets"]
        ),
    )  # fmt: skip


def _layers(live: Mapping[str, Any]) -> Iterator[str]:
    yield (
        "Headers of IP and TCP in so many packets; why they differ, by timestamps and by kind of "
        "packet, in bytes:"
    )
    yield _table(
        ("over", "device", "simulated", "live", "timestamps", *KINDS, "rest"),
        (
            (over, one["device"],
             *(f"{side['header_bytes']} in {sum(side['packets'].values())}"
               for side in (one["simulated"], one["live"])),
             f"{one['timestamp_bytes']:+}",
             *(f"{one['by_name_bytes'][kind]:+}" for kind in KINDS), one["rest_bytes"])
            for over in live for one in live[over]["layers"]
        ),
    )  # fmt: skip
    yield (
        "TLS, what live connections have more of it by the records counted on both sides, in "
        "bytes; and what the records of each side carry beyond MQTT (alerts at the close):"
    )
    yield _table(
        ("device", "more", *(part.replace("_", " ") for part in PARTS), "beyond MQTT"),
        (
            (one["device"], one["more_bytes"],
             *(f"{one['by_name_bytes'][part]:+}" for part in PARTS),
             f"{one['simulated_rest_bytes']}, live {one['live_rest_bytes']}")
            for one in live["tls"]["tls"]
        ),
    )  # fmt: skip


def _delays(live: Mapping[str, Any]) -> Iterator[str]:
    yield "Publish call to delivery over tcp, milliseconds, by quantile (`plot.svg`):"
    yield _table(
        ("QoS", "quantile", "simulated", "simulated, on PUBREL", "live"),
        (
            (d["qos"], d["quantile"], d["simulated_ms"], d["simulated_on_pubrel_ms"], d["live_ms"])
            for d in live["tcp"]["delays"]
        ),
    )


def _table(header: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join(f"| {' | '.join(str(cell) for cell in line)} |" for line in lines)


Delays = Mapping[int, Sequence[float]]


def plot(simulated: Delays, on_pubrel: Delays, live: Delays) -> str:
    """An SVG: the share of messages delivered within a time, by level; seconds, sorted."""
    left, right, height = 60.0, 740.0, 150.0
    canvas = Canvas(800, 30 + height * len(LEVELS) + 40, "publish call to delivery")
    canvas.text(left, 20, "publish call to delivery: simulated (blue), and if QoS 2 waits for "
                "PUBREL (grey); live, mosquitto (red)")  # fmt: skip
    most = max(max(delays) for side in (simulated, on_pubrel, live) for delays in side.values())
    x = linear(0, most * 1e3, left, right)
    for qos in LEVELS:
        top, bottom = 40 + height * qos, 20 + height * (qos + 1)
        y = linear(0, 1, bottom, top)
        canvas.text(left + 8, top + 14, f"QoS {qos}")
        for mark in (0, 0.5, 1):
            canvas.line(left, y(mark), right, y(mark), "grid")
            canvas.text(left - 8, y(mark) + 4, f"{mark:.0%}", "", "end")
        for side, css in ((on_pubrel, "on-pubrel"), (simulated, "simulated"), (live, "live")):
            if css == "on-pubrel" and qos != 2:
                continue
            delays = side[qos]
            steps = [(x(one * 1e3), y((n + 0.5) / len(delays))) for n, one in enumerate(delays)]
            canvas.curve(steps, css)
    for mark in ticks(most * 1e3, 8):
        canvas.text(x(mark), height * len(LEVELS) + 40, f"{mark:g} ms", "", "middle")
    return canvas.standalone(
        "path{fill:none;stroke:#ddd}text{font:12px sans-serif}"
        ".simulated{stroke:#36c;stroke-width:2}.live{stroke:#c33;stroke-width:2}"
        ".on-pubrel{stroke:#888;stroke-width:2;stroke-dasharray:5 4}"
    )
