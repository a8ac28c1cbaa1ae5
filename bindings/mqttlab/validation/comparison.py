"""Simulated against measured: what deviates, by name, and what is left without one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from mqttlab.client_options import Transport
from mqttlab.result import Result
from mqttlab.validation import seoane, side_by_side
from mqttlab.validation.frames import FRAME_BYTES, KINDS, Frames
from mqttlab.validation.records import PARTS
from mqttlab.validation.seoane import LEVELS, PUBLISHED, Exchange
from mqttlab.validation.side_by_side import QUANTILES, Layers

__all__ = ["MEASURED", "SIMULATED", "TIMESTAMP_BYTES", "against_live", "against_published"]

TIMESTAMP_BYTES = 12
"""What Linux adds to TCP's header in each packet: timestamps; in SYN with SACK-permitted."""
SIMULATED, MEASURED = "simulated", "mosquitto on Linux"
"""Whose frames are counted."""
_HEADER_BYTES = 40  # IPv4 and TCP without options


def against_published(recorded: Mapping[str, Any]) -> dict[str, Any]:
    """What Seoane et al. published, predicted by the simulator, and by the machine of `recorded`:
    its figures as `recording.record` leaves them."""
    payload_bytes = seoane.fitted_payload_bytes()
    predictions, frames, deviations, beyond = [], [], [], {}
    for transport in PUBLISHED:
        simulated = seoane.simulate(transport, payload_bytes)
        measured = _exchange(recorded["exchanges"][transport])
        for by, exchange in ((SIMULATED, simulated), (MEASURED, measured)):
            for reading in seoane.READINGS:
                found = seoane.predict(by, transport, exchange, reading)
                predictions += [one.to_data() for one in found]
            frames += _rows(transport, by, exchange)
            beyond[f"{transport}, {by}"] = _beyond(transport, exchange)
        deviations += _deviations(transport, simulated, measured)
    mutual = seoane.simulate("tls", payload_bytes, mutual=True)
    beyond["tls, simulated, the client has a certificate, too"] = _beyond("tls", mutual)
    more_bytes = beyond[f"tcp, {MEASURED}"] / 2  # the payload crosses both legs
    return {
        "payload_bytes": payload_bytes,
        "payload_by_mosquitto_bytes": payload_bytes + more_bytes,
        "predictions": predictions,
        "deviations": deviations,
        "qos_0_published_beyond_bytes": beyond,
        "frames": frames,
    }


def _exchange(data: Mapping[str, Sequence[Mapping[str, float]]]) -> Exchange:
    return {leg: tuple(Frames(**one) for one in rows) for leg, rows in data.items()}


def _beyond(transport: Transport, exchange: Exchange) -> float:
    """By how many bytes the published message of QoS 0 is longer: what tells unknown lengths."""
    return round(PUBLISHED[transport][0] - _both(exchange)[0].bytes, 1)


def _both(exchange: Exchange) -> tuple[Frames, ...]:
    return seoane.reading(exchange, "both")


def _rows(transport: str, by: str, exchange: Exchange) -> list[dict[str, Any]]:
    return [
        {"transport": transport, "leg": leg, "qos": qos, "by": by, **frames[qos].to_data()}
        for leg, frames in exchange.items()
        for qos in LEVELS
    ]


def _deviations(
    transport: Transport, simulated: Exchange, measured: Exchange
) -> list[dict[str, Any]]:
    """What QoS 1 and 2 take beyond QoS 0, on both legs: simulated, and why the machine's differs.

    `predicted`, the frames and bytes `by_name`, and `rest` add up to `published`.
    """
    published = PUBLISHED[transport]
    ours, theirs = _both(simulated), _both(measured)
    rows = []
    for qos in LEVELS[1:]:
        difference = (theirs[qos] - theirs[0]) - (ours[qos] - ours[0])
        by_name = {kind: round(FRAME_BYTES * getattr(difference, kind), 1) for kind in KINDS}
        by_name["payload"] = round(difference.payload_bytes, 1)
        predicted = published[0] + ours[qos].bytes - ours[0].bytes
        rest = published[qos] - predicted - sum(by_name.values())
        rows.append(
            {
                "transport": transport,
                "qos": qos,
                "published": published[qos],
                "predicted": round(predicted, 1),
                "by_name": by_name,
                "rest": round(rest, 1),
                "rest_percent": round(rest / published[qos] * 100, 2),
            }
        )
    return rows


def against_live(result: Result, capture: Path, recorded: Mapping[str, Any]) -> dict[str, Any]:
    """A simulated `side_by_side` and its capture, beside what is `recorded` of a live one."""
    ours, theirs = side_by_side.layers(capture, result), recorded["layers"]
    pairs = {name: (one, Layers(**theirs[name])) for name, one in ours.items()}
    return {
        "packets": _packets(side_by_side.packets(result), recorded["packets"]),
        "layers": [_layer(name, *pair) for name, pair in pairs.items()],
        "tls": _tls(pairs),
        "delays": _delays(result, recorded["delays_s"]),
    }


Types = Mapping[str, Mapping[str, Mapping[str, int]]]


def _packets(ours: Types, theirs: Types) -> list[dict[str, Any]]:
    """A row for each device, way and type that either has."""
    keys = {(name, kind) for side in (ours, theirs) for name in side for kind in side[name]}
    nothing = {"count": 0, "bytes": 0}
    rows = []
    for name, kind in sorted(keys):
        simulated, live = (side.get(name, {}).get(kind, nothing) for side in (ours, theirs))
        rows.append(
            {
                "device": name,
                "packet": kind,
                **{f"simulated_{key}": simulated[key] for key in nothing},
                **{f"live_{key}": live[key] for key in nothing},
            }
        )
    return rows


def _layer(name: str, ours: Layers, theirs: Layers) -> dict[str, Any]:
    """Simulated headers, timestamps, those of more packets `by_name`, and `rest` make the live."""
    timestamps = TIMESTAMP_BYTES * sum(theirs.packets.values())
    by_name = {kind: _HEADER_BYTES * (theirs.packets[kind] - ours.packets[kind]) for kind in KINDS}
    more = theirs.header_bytes - ours.header_bytes
    return {
        "device": name,
        "simulated": ours.to_data(),
        "live": theirs.to_data(),
        "timestamp_bytes": timestamps,
        "by_name_bytes": by_name,
        "rest_bytes": more - timestamps - sum(by_name.values()),
    }


def _tls(pairs: Mapping[str, tuple[Layers, Layers]]) -> list[dict[str, Any]]:
    """What live connections have more of TLS, by the records counted on both sides.

    `rest`: what the records of a side carry beyond packets of MQTT, alerts at the close.
    """
    rows = []
    for name, (ours, live) in pairs.items():
        if ours.records or live.records:
            by_name = {part: live.records[part] - ours.records[part] for part in PARTS}
            rest = {
                f"{by}_rest_bytes": one.tls_bytes - sum(one.records.values())
                for by, one in (("simulated", ours), ("live", live))
            }
            more = live.tls_bytes - ours.tls_bytes
            rows.append({"device": name, "more_bytes": more, "by_name_bytes": by_name, **rest})
    return rows


def _delays(result: Result, recorded: Mapping[str, Sequence[float]]) -> list[dict[str, Any]]:
    """Quantiles in milliseconds: ours, ours as if it waited for PUBREL, and the live broker's."""
    at_once = side_by_side.delays_s(result)
    on_pubrel = side_by_side.delays_s(result, on_pubrel=True)
    rows = []
    for qos in LEVELS:
        for share in QUANTILES:
            ms = {
                name: round(float(np.quantile(delays, share)) * 1e3, 1)
                for name, delays in (
                    ("simulated_ms", at_once[qos]),
                    ("simulated_on_pubrel_ms", on_pubrel[qos]),
                    ("live_ms", recorded[str(qos)]),
                )
            }
            rows.append({"qos": qos, "quantile": share, **ms})
    return rows
