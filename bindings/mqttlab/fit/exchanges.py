"""What one TCP connection tells of its path: what was sent, when it was answered, what came again.

Only what one capture shows is used, wherever it was taken: the way to a segment's answer and the
way from an answer to the next one's answer make a round trip together.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from mqttlab.fit.captures import Segment

__all__ = ["Answered", "Exchange", "Sent", "exchanges"]


@dataclass(slots=True)
class Sent:
    """What took sequence numbers, the first time that it was seen, and what came of it."""

    at_s: float
    end: int  # the sequence number after it, counted from the connection's first
    ip_bytes: int
    alone: bool
    """Nothing else was under way."""
    late: bool = False
    """It came out of order: lost before the capture could see it, and sent again."""
    repeats_s: list[float] = field(default_factory=list)
    echoed: bool = False
    """It came again although its answer had been seen: the answer was lost behind the capture."""


@dataclass(frozen=True, slots=True)
class Answered:
    """An answer that acknowledged something new, and what it acknowledged."""

    at_s: float
    sent: list[Sent]
    at_once: bool
    """It had something to say itself: acknowledgements that have not may wait on purpose."""
    ip_bytes: int


@dataclass
class Exchange:
    """One way of a connection: what one end sent, and the other end's answers."""

    sent: list[Sent] = field(default_factory=list)
    """In the order of sending."""
    answers: list[Answered] = field(default_factory=list)
    open: list[Sent] = field(default_factory=list)
    """What has not been answered."""

    _first: int | None = None
    _next: int = 0  # the sequence number after the highest one so far
    _by_end: dict[int, Sent] = field(default_factory=dict)
    _holes: list[tuple[int, int]] = field(default_factory=list)

    def sends(self, segment: Segment) -> None:
        """The end of this way sends something that takes sequence numbers."""
        begin = self._relative(segment.sequence)
        end = begin + segment.takes
        if end > self._next:
            if begin > self._next > 0:
                self._holes.append((self._next, begin))
            self._next = end
            self._opens(Sent(segment.at_s, end, segment.ip_bytes, not self.open))
            return
        for hole in self._holes:
            if hole[0] <= begin < hole[1]:
                self._holes.remove(hole)
                parts = ((hole[0], begin), (end, hole[1]))
                self._holes += [part for part in parts if part[0] < part[1]]
                self._opens(Sent(segment.at_s, end, segment.ip_bytes, False, late=True))
                return
        for sent in self.open:
            if begin < sent.end:
                sent.repeats_s.append(segment.at_s)
                return
        if answered := self._by_end.get(end):
            answered.echoed = True

    def _opens(self, sent: Sent) -> None:
        self.sent.append(sent)
        self.open.append(sent)
        self._by_end[sent.end] = sent

    def hears(self, segment: Segment) -> None:
        """The other end acknowledges."""
        if segment.acknowledged is None or self._first is None:
            return
        upto = self._relative(segment.acknowledged)
        done = [one for one in self.open if one.end <= upto]
        if done:
            self.open = [one for one in self.open if one.end > upto]
            at_once = segment.takes > 0 or not self.answers  # a handshake is answered at once, too
            self.answers.append(Answered(segment.at_s, done, at_once, segment.ip_bytes))

    def _relative(self, sequence: int) -> int:
        """Sequence numbers go round after 2^32: counted on from the first one."""
        if self._first is None:
            self._first = sequence
        near = (sequence - self._first - self._next + 2**31) % 2**32 - 2**31
        return self._next + near


def exchanges(client: tuple[str, int], segments: list[Segment]) -> tuple[Exchange, Exchange]:
    """Both ways of a connection, the client's first."""
    up, down = Exchange(), Exchange()
    for segment in segments:
        mine, theirs = (up, down) if segment.source == client else (down, up)
        theirs.hears(segment)
        if segment.takes:
            mine.sends(segment)
    return up, down
