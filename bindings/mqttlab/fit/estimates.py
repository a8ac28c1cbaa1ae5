"""From connections to a link: rate, delay, jitter, loss and silences, each with what it rests on.

A capture is taken at one end (or, in a simulated network, at both senders). The near way is that
whose sender is there: of it, what is lost was seen before, and comes again; of the far way, what is
lost was never seen, and leaves a hole.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby, pairwise
from statistics import median

from mqttlab.fit.exchanges import Exchange, Sent

__all__ = ["Fit", "Loss", "Silence", "fit"]

_LEAST_SILENCE_S, _LEAST_ATTEMPTS = 2.0, 3
_LEAST_TRAIN = 5  # segments
_FULL_BYTES = 1_000  # a segment of a sender that has more to send
_LEAST_BURSTS, _BURSTY = 5, 1.5  # bursts, and how much longer than chance makes them
_FAR = 0.1  # of a round trip: a capture's own end answers in less

Ways = Sequence[Exchange]


@dataclass(frozen=True)
class Loss:
    """Loss of one way."""

    share: float
    burst: float | None
    """The mean length of bursts, in packets; None: it does not come in bursts."""
    packets: int
    """That it was counted over."""


@dataclass(frozen=True)
class Silence:
    """A span without an answer although answers were due."""

    begin_s: float
    end_s: float
    uncertain_s: float
    """By how much its end may be earlier or later."""


@dataclass(frozen=True)
class Fit:
    """What a link was like; pairs are (up, down)."""

    span_s: float
    rate_bps: tuple[float | None, float | None]
    """None: the way was never busy, so that its rate cannot be known."""
    delay_s: float | None
    """Each way; None: nothing was answered that tells."""
    jitter_s: float
    round_trips: int
    """That delay and jitter were taken from."""
    loss: tuple[Loss, Loss]
    silences: tuple[Silence, ...]


def fit(connections: Sequence[tuple[Exchange, Exchange]], span_s: float) -> Fit:
    """A link from the connections over it, (up, down) each."""
    ways = [up for up, _ in connections], [down for _, down in connections]
    silences = _silences([*ways[0], *ways[1]], span_s)
    rates = _rate(ways[0]), _rate(ways[1])
    times = [_times(way, rate) for way, rate in zip(ways, rates, strict=True)]
    least = [min(one, default=0.0) for one in times]
    near = [one > _FAR * sum(least) for one in least]
    if not any(near):
        near = [True, True]
    for way in (0, 1):
        answer_bps = rates[1 - way]
        if near[way] and not near[1 - way] and answer_bps and times[way]:
            least[way] -= _ANSWER_BITS / answer_bps  # it came over the link, too
    count = sum(len(one) for one, is_near in zip(times, near, strict=True) if is_near)
    spreads = [median(one) - min(one) if one else 0.0 for one in times]
    jitter_s = sum(spreads)
    if all(near) and count:  # each way was crossed in its own times, often or seldom
        jitter_s = 2 * sum(len(one) * by for one, by in zip(times, spreads, strict=True)) / count
    return Fit(
        span_s,
        rates,
        max(sum(least), 0.0) / 2 if count else None,
        jitter_s,
        count,
        _losses(ways, near, silences),
        silences,
    )


_ANSWER_BITS = 52 * 8  # of the shortest answers, which the least times belong to


def _times(way: Ways, rate_bps: float | None) -> list[float]:
    """From a segment to its answer, less its own time on the link: of those that had the way for
    themselves, were sent once and answered at once.
    """
    return [
        answer.at_s - sent.at_s - (sent.ip_bytes * 8 / rate_bps if rate_bps else 0.0)
        for exchange in way
        for answer in exchange.answers
        if answer.at_once and len(answer.sent) == 1
        for sent in answer.sent
        if sent.alone and not sent.repeats_s and not sent.late
    ]


# Rate.


def _rate(way: Ways) -> float | None:
    """What a way carries in bit/s when it is busy: by how answers spread what was sent at once, or
    else by how full segments that have passed it follow each other.
    """
    bits, took_s = 0.0, 0.0
    for exchange in way:
        for sent_bits, sent_s, answered_s in _trains(exchange):
            if sent_s < 0.7 * answered_s:  # sent faster than it was answered
                bits += sent_bits
                took_s += answered_s
    if took_s:
        return bits / took_s
    for exchange in way:
        for run in _full_runs(exchange):
            run_s = run[-1].at_s - run[0].at_s
            if run_s > 0:
                bits += sum(one.ip_bytes * 8 for one in run[1:])
                took_s += run_s
    return bits / took_s if took_s and bits / took_s < 10e9 else None


def _trains(exchange: Exchange) -> Iterator[tuple[float, float, float]]:
    """(bits after the first answer, time of sending them, of answering them) of segments that were
    under way together and sent once.
    """
    train: list[tuple[Sent, float]] = []
    for answer in [*exchange.answers, None]:
        lone = answer is None or any(one.repeats_s or one.late for one in answer.sent)
        if lone or (train and answer is not None and answer.sent[0].alone):
            if len(train) >= _LEAST_TRAIN:
                first, last = train[0], train[-1]
                after = [one for one, at in train if at > first[1]]
                if after:
                    bits = sum(one.ip_bytes * 8 for one in after)
                    yield bits, last[0].at_s - first[0].at_s, last[1] - first[1]
            train = []
        if answer is not None and not lone:
            train += [(one, answer.at_s) for one in answer.sent]


def _full_runs(exchange: Exchange) -> Iterator[list[Sent]]:
    """Runs of full segments, each sent once, that follow each other closely."""
    full = [one for one in exchange.sent if _is_full(one)]
    gaps = [later.at_s - one.at_s for one, later in pairwise(full)]
    if not gaps:
        return
    close_s = 4 * median(gaps)
    run = [full[0]]
    for sent, gap in zip(full[1:], gaps, strict=True):
        if gap > close_s:
            if len(run) >= _LEAST_TRAIN:
                yield run
            run = []
        run.append(sent)
    if len(run) >= _LEAST_TRAIN:
        yield run


def _is_full(sent: Sent) -> bool:
    return sent.ip_bytes >= _FULL_BYTES and not sent.repeats_s and not sent.late


# Silences.


def _silences(ways: Ways, span_s: float) -> tuple[Silence, ...]:
    attempts = sorted(
        at for way in ways for sent in way.sent for at in (sent.at_s, *sent.repeats_s)
    )
    answers = sorted(answer.at_s for way in ways for answer in way.answers)
    found = []
    for before, after in pairwise([-1.0, *answers, None]):
        assert before is not None
        begin = bisect_right(attempts, before)
        end = len(attempts) if after is None else bisect_left(attempts, after)
        due = attempts[begin:end]
        if len(due) < _LEAST_ATTEMPTS + (after is not None):
            continue
        if after is None:
            over_s, uncertain_s = span_s, 0.0
        else:  # the last attempt was answered, that before it was not
            over_s, uncertain_s = (due[-1] + due[-2]) / 2, (due[-1] - due[-2]) / 2
        if over_s - due[0] >= _LEAST_SILENCE_S:
            found.append(Silence(due[0], over_s, uncertain_s))
    return tuple(found)


# Loss.


def _losses(
    ways: tuple[Ways, Ways], near: Sequence[bool], silences: Sequence[Silence]
) -> tuple[Loss, Loss]:
    """Of both ways, outside of silences."""
    heard = [[_outside(one.sent, silences) for one in way] for way in ways]
    sent = [[one for part in way for one in part] for way in heard]
    many = [[one for one in way if not one.alone] for way in sent]
    lone = [[one for one in way if one.alone] for way in sent]
    again = [[bool(one.repeats_s) for one in way] for way in lone]
    echoed = [[one.echoed for one in way] for way in lone]
    shares = [0.0, 0.0]
    if all(near):  # what was lost had not been answered; what is echoed was, and the answer lost
        for way in (0, 1):
            lost = [bool(one.repeats_s) for one in sent[way]]
            shares[way] = _share([*lost, *echoed[1 - way]])
    else:
        here = near.index(True)
        there = 1 - here
        lost = [bool(one.repeats_s) for one in many[here]]
        shares[here] = _share([*lost, *echoed[there]])
        # A lone one comes again if it was lost, or its answer, which took the other way.
        other = max(0.0, 1 - (1 - _share(again[here])) / (1 - shares[here]))
        late = [one.late for one in many[there]]
        count = len(late) + len(again[here])
        shares[there] = (sum(late) + other * len(again[here])) / count if count else 0.0
    up, down = (
        Loss(shares[way], _burst(heard[way], shares[way]), len(sent[way])) for way in (0, 1)
    )
    return up, down


def _share(lost: Sequence[bool]) -> float:
    return min(sum(lost) / len(lost), 0.99) if lost else 0.0


def _outside(sent: Sequence[Sent], silences: Sequence[Silence]) -> list[Sent]:
    """What was sent outside of silences, and a second around them."""
    return [
        one
        for one in sent
        if not any(
            silence.begin_s - 1 <= at <= silence.end_s + silence.uncertain_s + 1
            for silence in silences
            for at in (one.at_s, *one.repeats_s)
        )
    ]


def _burst(way: Sequence[Sequence[Sent]], share: float) -> float | None:
    """The mean length of bursts, if they are longer than chance would make them."""
    lengths = []
    for sent in way:
        for lost, run in groupby(sent, lambda one: bool(one.repeats_s) or one.late):
            if lost:
                lengths.append(sum(max(len(one.repeats_s), 1) for one in run))
    if len(lengths) < _LEAST_BURSTS:
        return None
    mean = sum(lengths) / len(lengths)
    return mean if mean > _BURSTY / (1 - share) else None
