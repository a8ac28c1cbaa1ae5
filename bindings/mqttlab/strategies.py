"""Hypothesis strategies: topics, filters, payloads, packets, and schedules of faults.

What fails shrinks: to few levels of few letters, short payloads, few faults at round times, and
times before instants of the protocol, cuts before what lasts.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

try:
    from hypothesis import strategies as st
except ImportError:
    raise ImportError(
        "mqttlab.strategies needs Hypothesis: pip install hypothesis", name="hypothesis"
    ) from None

from mqttlab import units
from mqttlab.conformance.wire import encode
from mqttlab.errors import UsageError
from mqttlab.faults import (
    Arrived,
    At,
    Before,
    Blackhole,
    Bytes,
    ClockStep,
    Coalesce,
    Corrupt,
    Crash,
    Cut,
    DelaySpike,
    Duplicate,
    Effect,
    Fault,
    Inside,
    Instant,
    Outage,
    Pause,
    Rebind,
    Reorder,
    Resent,
    Roam,
    Segments,
    ShortWrites,
    SlowClose,
    SlowReader,
    Throttle,
    Unread,
    Written,
)

__all__ = [
    "effects",
    "faults",
    "filters",
    "instants",
    "packets",
    "payloads",
    "times",
    "topics",
]

_LETTERS = st.characters(exclude_categories=["Cs"], exclude_characters="/+#$\0")
_EXCHANGE = ("PUBLISH", "PUBACK", "PUBREC", "PUBREL", "PUBCOMP")
_OPENING = ("CONNECT", "CONNACK", "SUBSCRIBE", "SUBACK")
_WAYS = ("up", "down")
_MESSAGES = {
    "packet": st.sampled_from(_EXCHANGE),
    "n": st.integers(1, 4),
    "way": st.sampled_from(_WAYS),
}


def topics(*, levels: int = 4, level_letters: int = 8) -> st.SearchStrategy[str]:
    """Valid topic names of at most so many levels of so many letters, which may be empty."""
    return _paths(st.text(_LETTERS, max_size=level_letters), levels).filter(bool)


def filters(
    *, levels: int = 4, level_letters: int = 8, shared: bool = False
) -> st.SearchStrategy[str]:
    """Valid topic filters. `shared`: those of shared subscriptions too."""
    level = st.one_of(st.text(_LETTERS, max_size=level_letters), st.just("+"))
    plain = _paths(level, levels)
    ended = st.builds(lambda path: f"{path}/#", plain)
    found = st.one_of(plain, ended, st.just("#")).filter(bool)
    if not shared:
        return found
    name = st.text(_LETTERS, min_size=1, max_size=level_letters)
    return st.one_of(found, st.builds("$share/{}/{}".format, name, found))


def _paths(level: st.SearchStrategy[str], levels: int) -> st.SearchStrategy[str]:
    units.count(levels, "levels", least=1)
    return st.lists(level, min_size=1, max_size=levels).map("/".join)


def payloads(*, most_bytes: int = 64) -> st.SearchStrategy[bytes]:
    """Payloads of messages."""
    return st.binary(max_size=units.count(most_bytes, "payloads: most_bytes", most=2**28))


def packets(version: int = 5) -> st.SearchStrategy[bytes]:
    """Whole, valid control packets as a client may send them on a connection that stands.

    `version`: 4 is 3.1.1, 5 is 5.0. CONNECT is not among them: it is the first, and comes once.
    """
    if version not in (4, 5):
        raise UsageError(f"packets: version={version!r} is neither 4 (3.1.1) nor 5 (5.0)")
    ids = st.integers(1, 65_535)

    def made(packet: str, **fields: st.SearchStrategy[Any]) -> st.SearchStrategy[bytes]:
        return st.builds(
            lambda given: encode(packet, version, **given), st.fixed_dictionaries(fields)
        )

    subscriptions = st.tuples(filters(), st.integers(0, 2))
    return st.one_of(
        made("PINGREQ"),
        made("PUBLISH", topic=topics(), payload=payloads()),
        made(
            "PUBLISH", topic=topics(), payload=payloads(), qos=st.integers(1, 2), packet_id=ids,
            retain=st.booleans(), dup=st.booleans(),
        ),
        *(made(name, packet_id=ids) for name in _EXCHANGE[1:]),
        made("SUBSCRIBE", packet_id=ids, filters=st.lists(subscriptions, min_size=1, max_size=3)),
        made("UNSUBSCRIBE", packet_id=ids, filters=st.lists(filters(), min_size=1, max_size=3)),
        made("DISCONNECT"),
    )  # fmt: skip


def times(within: float | str) -> st.SearchStrategy[Instant]:
    """Times of the run up to `within`, in whole milliseconds."""
    last_ms = units.duration_ns(within, "times: within") // 1_000_000
    return st.integers(0, last_ms).map(lambda ms: At(f"{ms}ms"))


def instants() -> st.SearchStrategy[Instant]:
    """Instants of every kind, on one of the first connections or any: of packets that carry
    messages, in either way, of those that open a connection and subscribe, after so many bytes, and
    in the middle of a resume.
    """
    way = st.sampled_from(_WAYS)
    connection = st.none() | st.integers(1, 3)
    opening = {"packet": st.sampled_from(_OPENING), "n": st.integers(1, 2)}
    return st.one_of(
        _at_packets(**_MESSAGES, connection=connection),
        _at_packets(**opening, connection=connection),
        st.builds(Bytes, st.integers(1, 200), way, connection),
        st.builds(Resent, st.integers(0, 3), st.none() | way, connection),
    )


def _at_packets(**packet: st.SearchStrategy[Any]) -> st.SearchStrategy[Instant]:
    kinds = (Before, Written, Unread, Arrived)
    inside = st.builds(Inside, **packet, byte=st.integers(1, 4))
    return st.one_of(*(st.builds(kind, **packet) for kind in kinds), inside)


def effects(*, ends: bool = False, stores: bool = False) -> st.SearchStrategy[Effect]:
    """What breaks or disturbs a device's connections, the plainest first.

    `ends`: also what becomes of the processes at both ends: pauses, slow readers, leaps of clocks,
    crashes. What a scenario asks of a client whose device has crashed may fail, with
    ConnectionLostError or PublishError.
    `stores`: also crashes that tear what is on a disk: broker and devices need store="disk".
    """
    return st.sampled_from(_EFFECTS + (_ENDS if ends else ()) + (_TORN if stores else ()))


_EFFECTS: tuple[Effect, ...] = (
    Cut("reset"), Cut("fin"), Cut("half-open"), Cut("silent"), Outage(), Blackhole("up"),
    Blackhole("down"), Blackhole(), DelaySpike("2s"), Throttle("8kbit/s"), Reorder("20%"),
    Duplicate("20%"), Corrupt("5%"), Segments(1), Coalesce("200ms"), ShortWrites(1), SlowClose(),
    Roam(), Roam(knows=False), Rebind(),
)  # fmt: skip
_ENDS: tuple[Effect, ...] = (
    Pause("device"), Pause(), SlowReader(1), SlowReader(), ClockStep("+1h"), ClockStep("-1h"),
    Crash(), Crash(how="reset"), Crash(how="silent"), Crash("lost"), Crash(of="device"),
    Crash(of="device", how="reset"), Crash(of="device", how="silent"), Crash("lost", of="device"),
)  # fmt: skip
_TORN: tuple[Effect, ...] = (Crash("torn"), Crash("torn", of="device"))


def faults(
    *,
    devices: Sequence[str],
    within: float | str,
    when: st.SearchStrategy[Instant] | None = None,
    what: st.SearchStrategy[Effect] | None = None,
    longest: float | str = "30s",
    most: int = 4,
    chains: bool = False,
) -> st.SearchStrategy[list[Fault]]:
    """Schedules of at most `most` faults, as `mqttlab.run(faults=...)` and `lab.plan` take them.

    `devices`: names of those that it may befall. `within`: when the last of those begins that
    begin at a time. `when`, `what`: other strategies in place of `times(within)` or an instant of
    the packets that carry messages (`instants()` has all of them), and of `effects()`. `longest`:
    how long one lasts that has an end. `chains`: one may be followed by another (`then`), armed
    when it has happened.
    """
    if isinstance(devices, str) or not devices:
        raise UsageError(f"faults: devices={devices!r} must be a list of names: ['meter']")
    last_ms = units.duration_ns(longest, "faults: longest") // 1_000_000

    names = st.sampled_from([units.text(name, "faults: devices") for name in devices])
    instant = st.one_of(times(within), _at_packets(**_MESSAGES)) if when is None else when
    effect = effects() if what is None else what
    spans = st.integers(1, max(1, last_ms))

    @st.composite
    def step(draw: st.DrawFn, follows: bool = False) -> Fault:
        # In as few choices as there can be: Hypothesis leaves out what takes up to five.
        begins, does = draw(instant), draw(effect)
        befalls = None if follows else draw(names)
        lasts = f"{draw(spans)}ms" if does.lasts else None
        then = draw(st.none() | step(follows=True)) if chains and not follows else None
        return Fault(begins, does, befalls, lasts, then)

    return st.lists(step(), max_size=units.count(most, "faults: most", least=1))
