"""What Seoane et al. measured per message, in a simulated network.

V. Seoane, C. Garcia-Rubio, F. Almenares, C. Campo, "Performance evaluation of CoAP and MQTT with
security support for IoT environments", Computer Networks 197 (2021) 108338: bytes of one message
without loss, one connection per message, counted as TCP payload and 66 bytes a frame. The lengths
of topic, payload and certificates are not public with these figures, nor is it said whose frames
they are. So the lengths are fitted, one over TCP and one over TLS, until QoS 0 takes the published
bytes, and those of QoS 1 and 2 are what is predicted: by `publisher`, if they are the publisher's
frames alone, and by `both`, if the subscriber's count, too. Absolute bytes are thus not validated.
"""

from __future__ import annotations

import asyncio
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import mqttlab
from mqttlab.client_options import Transport
from mqttlab.validation.frames import Frames, legs

__all__ = ["LEVELS", "PUBLISHED", "READINGS", "Exchange", "Prediction", "predict", "simulate"]

LEVELS = (0, 1, 2)
PUBLISHED: dict[Transport, tuple[int, int, int]] = {
    "tcp": (1057, 1204, 1560),
    "tls": (3978, 4281, 4685),
}
"""Bytes per message at QoS 0, 1, 2."""
READINGS = ("publisher", "both")
TOPIC = "test/topic"
PAYLOAD_BYTES = 32  # where the search for the paper's begins
MESSAGES = 5
SEED = 1
_PAUSE_S = 5.0

Exchange = dict[str, tuple[Frames, ...]]
"""Frames per message at QoS 0, 1, 2 of the legs `publisher` and `subscriber`."""


def simulate(
    transport: Transport, payload_bytes: int, *, link: str = "ethernet", mutual: bool = False
) -> Exchange:
    """One connection per message on a link, a profile, without loss. `mutual`: the client has a
    certificate as well."""
    found = [_message(transport, payload_bytes, qos, link, mutual) for qos in LEVELS]
    return dict(zip(("publisher", "subscriber"), zip(*found, strict=True), strict=True))


def _message(
    transport: Transport, payload_bytes: int, qos: int, link: str, mutual: bool
) -> tuple[Frames, Frames]:
    options: dict[str, Any] = {"transport": transport, "certificate": mutual}

    async def exchange(lab: mqttlab.Lab) -> None:
        await lab.broker("broker", certificates=mutual)
        lan = lab.link(link, name="lan", loss=0)
        async with lab.device("desk", via=lan).client(drain=True, **options) as desk:
            await desk.subscribe(TOPIC, qos=2)
            await asyncio.sleep(_PAUSE_S)
            device = lab.device("sensor", via=lan)
            for _ in range(MESSAGES):
                async with device.client(**options) as sensor:
                    await sensor.publish(TOPIC, lab.stamp(payload_bytes), qos=qos)
                await asyncio.sleep(_PAUSE_S)

    with tempfile.TemporaryDirectory() as directory:
        capture = Path(directory) / "frames.pcap"
        mqttlab.run(exchange, seed=SEED, until="10min", pcap=capture).check()
        return legs(capture, MESSAGES)


def reading(exchange: Exchange, name: str) -> tuple[Frames, ...]:
    """The frames at QoS 0, 1, 2 that one of READINGS counts."""
    if name == "publisher":
        return exchange["publisher"]
    legs_of = zip(exchange["publisher"], exchange["subscriber"], strict=True)
    return tuple(mine + theirs for mine, theirs in legs_of)


def fitted_payload_bytes() -> int:
    """The payload with which our QoS 0 takes the published bytes on both legs: it crosses both.

    A calibration: where other clients take more frames, another payload fits.
    """
    at_base = reading(simulate("tcp", PAYLOAD_BYTES), "both")[0].bytes
    return PAYLOAD_BYTES + round((PUBLISHED["tcp"][0] - at_base) / 2)


@dataclass(frozen=True)
class Prediction:
    """One published figure, and what it should be by the one of QoS 0 and the frames counted."""

    by: str
    """Whose frames these are."""
    transport: Transport
    reading: str
    qos: int
    published: int
    predicted: float

    @property
    def deviation(self) -> float:
        """Predicted against published, as a share."""
        return self.predicted / self.published - 1

    def to_data(self) -> dict[str, Any]:
        """For JSON."""
        return {
            "by": self.by, "transport": self.transport, "reading": self.reading,
            "qos": self.qos, "published": self.published,
            "predicted": round(self.predicted, 1),
            "deviation_percent": round(self.deviation * 100, 2),
        }  # fmt: skip


def predict(by: str, transport: Transport, exchange: Exchange, name: str) -> list[Prediction]:
    """QoS 1 and 2 from QoS 0, by someone's frames and one of READINGS."""
    published, counted = PUBLISHED[transport], reading(exchange, name)
    return [
        Prediction(
            by, transport, name, qos, published[qos],
            published[0] + counted[qos].bytes - counted[0].bytes,
        )
        for qos in LEVELS[1:]
    ]  # fmt: skip
