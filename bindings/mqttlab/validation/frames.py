"""What a message cost on the wire: frames by what they were for, and the bytes in them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, astuple, dataclass
from pathlib import Path

from mqttlab.errors import Error
from mqttlab.fit import captures
from mqttlab.fit.captures import FIN, SYN, Segment

__all__ = ["FRAME_BYTES", "KINDS", "QUIET_S", "Frames", "legs"]

FRAME_BYTES = 66
"""Ethernet 14, IPv4 20, TCP 32 with timestamps: what Seoane et al. add to each frame's payload."""
KINDS = ("opening", "data", "acknowledgements", "closing")
QUIET_S = 0.5
"""Between two messages; longer than any delayed acknowledgement (40 ms in Linux)."""
_RST = 4


@dataclass(frozen=True)
class Frames:
    """Frames per message, both ways, and the TCP payload in them. A mean, so none need be whole."""

    opening: float
    """With SYN."""
    data: float
    """With payload; FIN may ride on one."""
    acknowledgements: float
    """Nothing but that."""
    closing: float
    """FIN or RST alone."""
    payload_bytes: float

    @staticmethod
    def mean(messages: Sequence[Sequence[Segment]]) -> Frames:
        """Of the segments that each message took."""
        counts = [0, 0, 0, 0]
        for segment in (one for message in messages for one in message):
            counts[_kind(segment)] += 1
        payload = sum(one.payload_bytes for message in messages for one in message)
        return Frames(*(round(one / len(messages), 3) for one in (*counts, payload)))

    @property
    def count(self) -> float:
        """All of them."""
        return self.opening + self.data + self.acknowledgements + self.closing

    @property
    def bytes(self) -> float:
        """As the paper counts: the payload, and FRAME_BYTES a frame."""
        return self.payload_bytes + FRAME_BYTES * self.count

    def __add__(self, other: Frames) -> Frames:
        return Frames(*(a + b for a, b in zip(astuple(self), astuple(other), strict=True)))

    def __sub__(self, other: Frames) -> Frames:
        return Frames(*(a - b for a, b in zip(astuple(self), astuple(other), strict=True)))

    def to_data(self) -> dict[str, float]:
        """For JSON."""
        return asdict(self)


def _kind(segment: Segment) -> int:
    """Index into KINDS."""
    if segment.flags & SYN:
        return 0
    if segment.payload_bytes:
        return 1
    return 3 if segment.flags & (FIN | _RST) else 2


def legs(capture: Path, messages: int) -> tuple[Frames, Frames]:
    """The publisher's leg and the subscriber's, per message.

    Of a capture in which a subscriber connects, then each message comes on a connection of its
    own, QUIET_S after the last, and then the subscriber may leave. Errors: mqttlab.Error for
    another one.
    """
    subscriber, *publishers = [
        one for _, _, one in captures.connections(captures.read(capture).segments)
    ]
    _setup, *handed = _trains(subscriber)
    if len(handed) == messages + 1:
        handed.pop()  # it leaves, which the end of a simulated run does not show
    if len(publishers) != messages or len(handed) != messages:
        raise Error(
            f"{capture}: {len(publishers)} connections and {len(handed)} deliveries for "
            f"{messages} messages; the machine was too busy, repeat it"
        )
    return Frames.mean(publishers), Frames.mean(handed)


def _trains(segments: Sequence[Segment]) -> Iterator[list[Segment]]:
    """Segments between two silences of QUIET_S."""
    train: list[Segment] = []
    for segment in segments:
        if train and segment.at_s - train[-1].at_s > QUIET_S:
            yield train
            train = []
        train.append(segment)
    if train:
        yield train
