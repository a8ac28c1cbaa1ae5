"""Access links as data: what `lab.link` accepts, checked, and the profiles known by name."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, TypedDict, Unpack

from mqttlab import _core, link_files, link_radios, units
from mqttlab.errors import UsageError

__all__ = [
    "Burst",
    "Cycle",
    "DirectionOptions",
    "Link",
    "LinkOptions",
    "Nat",
    "Profile",
    "profiles",
]


@dataclass(frozen=True)
class Burst:
    """Gilbert-Elliott loss: two states, stepped once per packet, each with its own loss.

    Values are probabilities in 0..1 or texts such as "2%".
    """

    good_to_bad: float | str
    bad_to_good: float | str
    loss_bad: float | str = 1.0
    loss_good: float | str = 0.0


@dataclass(frozen=True)
class Cycle:
    """A link that comes and goes: alternating periods around these means.

    `up`, `down`: durations. `spread`: each period is stretched by a uniform factor in 1 +- spread.
    """

    up: float | str
    down: float | str
    spread: float = 0.5


@dataclass(frozen=True)
class Nat:
    """A NAT at the link's far end, which forgets a connection that has been idle for too long.

    `idle`: how long that is; every packet of the connection begins it anew, or with
    `refreshed_by="up"` only those from the device. RFC 5382 (REQ-5) asks for 2 h 4 min at least;
    carriers were measured at 30 s to 30 min (Wang et al., SIGCOMM 2011).
    `on_expiry`: what packets of a forgotten connection find: "drop", nobody is told; "reset", their
    sender is answered with a reset.
    `rebind`: packets from the device make a new mapping from a new port, drawn from the seed; the
    broker's host does not know that connection and answers with a reset. False: they find the
    same. A connection that was closed is forgotten as late, without a word. settle() ends this.
    """

    idle: float | str = "5min"
    on_expiry: Literal["drop", "reset"] = "drop"
    rebind: bool = True
    refreshed_by: Literal["both", "up"] = "both"


class DirectionOptions(TypedDict, total=False):
    """What one direction of a link does to packets."""

    rate: float | str  # bit/s or "250kbit/s"; absent: no serialisation time
    delay: float | str  # one way; seconds or "60ms"
    jitter: float | str  # uniform in 0..jitter on top of the delay, never overtaking
    loss: float | str  # independent, per packet; 0..1 or "2%"
    burst: Burst | Mapping[str, float | str] | None
    queue: int  # packets; the queue drops at its tail
    # Simulated networks only: shares of the packets, 0..1 or "2%", see mqttlab.faults.
    reorder: float | str  # arrive reorder_by later, overtaken by what follows
    reorder_by: float | str  # 20 ms if absent
    duplicate: float | str  # arrive twice
    corrupt: float | str  # arrive with a bit flipped, and are discarded by their receiver
    trace: str | os.PathLike[str]
    """A recording, read again from its start when it ends: mahimahi's format (times in ms, each an
    opportunity to send 1,500 bytes), or *.csv whose first line names its columns: time_s or
    time_ms, and any of mbit/s or kbit/s, delay_ms or delay_s, loss or loss_% (see Recording in
    protocol/link). It replaces what it has columns of."""
    trace_start: float | str  # where in it the run begins; absent: drawn for each device


class LinkOptions(DirectionOptions, total=False):
    """Both directions at once; `up` and `down` then refine one of them."""

    up: DirectionOptions  # from the device
    down: DirectionOptions  # to the device
    cycle: Cycle | Mapping[str, float | str] | None
    nat: Nat | Mapping[str, Any] | None  # simulated networks only
    radio: str
    """A model of the simulator's that the devices on this link share ("80211n", "802154", "lte"),
    in the place of rate, jitter and loss, which are 0 unless they are given; in simulated networks
    only, and 802154 with IPv6 only. `mqttlab links` says what they are."""
    radius: float  # in m: devices begin within it, around the middle of the cell; 20 if absent
    speed: float  # in m/s: devices move, all along one line; 0 if absent
    base_stations: Sequence[float]  # of lte: their places on that line in m; [0] if absent
    name: str  # as reports show it; "link-1", ... if absent


@dataclass(frozen=True)
class Link:
    """A checked description of an access link; each device gets a link of its own from it."""

    name: str
    spec: _core.LinkSpec
    profile: str | None = None
    """What it was made of."""

    @property
    def needs_packets(self) -> list[str]:
        """What it does to single packets, which no stream on real sockets shows."""
        ways = (self.spec.up, self.spec.down)
        names = [name for name in _OF_PACKETS if any(getattr(way, name) for way in ways)]
        return names + [name for name in ("nat", "radio") if getattr(self.spec, name) is not None]

    def describe(self) -> dict[str, object]:
        """The description as plain values in base units, as in `Result.links`."""
        cycle, nat, radio = self.spec.cycle, self.spec.nat, self.spec.radio
        return {
            "profile": self.profile,
            "up": _describe_direction(self.spec.up),
            "down": _describe_direction(self.spec.down),
            "cycle": cycle
            and {"up_s": cycle.up / 1e9, "down_s": cycle.down / 1e9, "spread": cycle.spread},
            "radio": radio and link_radios.described(radio),
            "nat": nat
            and {
                "idle_s": nat.idle / 1e9,
                "on_expiry": "reset" if nat.resets else "drop",
                "rebind": nat.rebind,
                "refreshed_by": "both" if nat.refreshed_by_down else "up",
            },
        }


@dataclass(frozen=True)
class Profile:
    """A link known by name, and where its numbers come from."""

    name: str
    source: str
    link: Link


def profiles() -> dict[str, Profile]:
    """Every named profile, by name, as `mqttlab links` lists them."""
    return {
        spec.name: Profile(spec.name, source, Link(spec.name, spec, spec.name))
        for spec, source in _core.link_profiles()
    }


def make_link(profile: str | None, default_name: str, **options: Unpack[LinkOptions]) -> Link:
    """Builds a link from a profile (or from nothing) and options; errors name the option.

    `profile`: a name, or the path of a link file, *.toml: options of `lab.link` as keys, and
    `profile`, the name of what they refine. Paths in it are relative to it.
    """
    if profile is not None and profile.endswith(".toml"):
        profile, said = link_files.read(Path(profile))
        default_name = Path(default_name).stem
        options = link_files.refined(said, options)
    name = options.get("name", default_name)
    where = f"link {name!r}"
    units.text(name, "link: the name", least=1)
    _known(options, LinkOptions, where)
    spec = _profile_spec(profile)
    spec.name = name
    link_radios.set_radio(spec, options, where)
    common = {key: value for key, value in options.items() if key in _SETTERS}
    for side in ("up", "down"):
        own = options.get(side, {})
        if not isinstance(own, Mapping):
            raise UsageError(f"{where}: {side}={own!r} is no mapping; write {side}={{'rate': ...}}")
        _known(own, DirectionOptions, f"{where}, {side}")
        direction = getattr(spec, side)
        for key, value in {**common, **own}.items():
            _SETTERS[key](
                direction, value, f"{where}, {side}: {key}" if key in own else f"{where}: {key}"
            )
        setattr(spec, side, direction)
    if "cycle" in options:
        spec.cycle = _cycle(options["cycle"], f"{where}: cycle")
    if "nat" in options:
        spec.nat = _nat(options["nat"], f"{where}: nat")
    spec.check()
    return Link(name, spec, profile)


def _profile_spec(profile: str | None) -> _core.LinkSpec:
    if profile is None:
        return _core.LinkSpec()
    for spec, _ in _core.link_profiles():
        if spec.name == profile:
            return spec
    known = ", ".join(spec.name for spec, _ in _core.link_profiles())
    raise UsageError(f"link: unknown profile {profile!r}; known are {known}")


def _known(given: Mapping[str, Any], options: type, where: str) -> None:
    names: set[str] = set()
    for base in (options, *getattr(options, "__orig_bases__", ())):
        names |= set(getattr(base, "__annotations__", {}))
    for key in given:
        if key not in names:
            raise UsageError(
                f"{where}: unknown option {key!r}; known are {', '.join(sorted(names))}"
            )


def _cycle(value: object, where: str) -> _core.Cycle | None:
    if value is None:
        return None
    given: Cycle = _as(Cycle, value, where)
    cycle = _core.Cycle()
    cycle.up = units.duration_ns(given.up, f"{where}, up")
    cycle.down = units.duration_ns(given.down, f"{where}, down")
    cycle.spread = units.fraction(given.spread, f"{where}, spread")
    if cycle.up == 0 or cycle.down == 0:
        raise UsageError(f"{where}: up and down must both be over 0; leave cycle out for no cycle")
    return cycle


def _nat(value: object, where: str) -> _core.Nat | None:
    if value is None:
        return None
    given: Nat = _as(Nat, value, where)
    nat = _core.Nat()
    nat.idle = units.duration_ns(given.idle, f"{where}, idle")
    if given.on_expiry not in ("drop", "reset"):
        raise UsageError(f"{where}, on_expiry: {given.on_expiry!r} is neither 'drop' nor 'reset'")
    if given.refreshed_by not in ("both", "up"):
        raise UsageError(
            f"{where}, refreshed_by: {given.refreshed_by!r} is neither 'both' nor 'up'"
        )
    nat.resets = given.on_expiry == "reset"
    nat.rebind = units.flag(given.rebind, f"{where}, rebind")
    nat.refreshed_by_down = given.refreshed_by == "both"
    if nat.idle == 0:
        raise UsageError(f"{where}, idle: must be over 0; leave nat out for no NAT")
    return nat


def _as(kind: type, value: object, where: str) -> Any:
    """`value` as a dataclass `kind`: an instance, or a mapping of its fields."""
    if isinstance(value, kind):
        return value
    if isinstance(value, Mapping):
        try:
            return kind(**value)
        except TypeError as error:
            reason = str(error).replace(f"{kind.__name__}.__init__() ", "")
            raise UsageError(f"{where}: {reason}; see mqttlab.{kind.__name__}") from None
    raise UsageError(f"{where}: {value!r} is neither a mqttlab.{kind.__name__} nor a mapping")


def _set_rate(direction: _core.Direction, value: object, where: str) -> None:
    direction.rate_bps = units.rate_bps(value, where)
    direction.capacity = None


def _set_delay(direction: _core.Direction, value: object, where: str) -> None:
    direction.delay = units.duration_ns(value, where)


def _set_jitter(direction: _core.Direction, value: object, where: str) -> None:
    direction.jitter = units.duration_ns(value, where)


def _set_loss(direction: _core.Direction, value: object, where: str) -> None:
    direction.loss = units.fraction(value, where)


def _set_queue(direction: _core.Direction, value: object, where: str) -> None:
    direction.queue_packets = units.count(value, where, least=1, most=2**31)


def _set_burst(direction: _core.Direction, value: object, where: str) -> None:
    if value is None:
        direction.burst = None
        return
    given = _as(Burst, value, where)
    burst = _core.GilbertElliott()
    for name in ("good_to_bad", "bad_to_good", "loss_good", "loss_bad"):
        setattr(burst, name, units.fraction(getattr(given, name), f"{where}, {name}"))
    direction.burst = burst


def _set_trace(direction: _core.Direction, value: object, where: str) -> None:
    if not isinstance(value, (str, os.PathLike)):
        raise UsageError(f"{where}: {value!r} is no path of a recording")
    path = Path(value)
    try:
        text = path.read_text(encoding="ascii")
    except OSError as error:
        raise UsageError(f"{where}: cannot read {str(path)!r}: {error.strerror}") from None
    except UnicodeDecodeError:
        raise UsageError(
            f"{where}: {str(path)!r} is no recording: a time in ms per line is expected, or *.csv"
        ) from None
    direction.record(str(path), text)


def _set_trace_start(direction: _core.Direction, value: object, where: str) -> None:
    direction.recording_start = units.duration_ns(value, where)


def _set_reorder_by(direction: _core.Direction, value: object, where: str) -> None:
    direction.reorder_by = units.duration_ns(value, where)


def _set_share(name: str) -> Callable[[_core.Direction, object, str], None]:
    def share(direction: _core.Direction, value: object, where: str) -> None:
        setattr(direction, name, units.fraction(value, where))

    return share


_OF_PACKETS = ("reorder", "duplicate", "corrupt")

_SETTERS = {
    **{name: _set_share(name) for name in _OF_PACKETS},
    "reorder_by": _set_reorder_by,
    "rate": _set_rate,
    "delay": _set_delay,
    "jitter": _set_jitter,
    "loss": _set_loss,
    "burst": _set_burst,
    "queue": _set_queue,
    "trace": _set_trace,
    "trace_start": _set_trace_start,
}


def _describe_direction(direction: _core.Direction) -> dict[str, object]:
    burst, start = direction.burst, direction.recording_start
    return {
        "rate_bps": direction.rate_bps,
        "delay_s": direction.delay / 1e9,
        "jitter_s": direction.jitter / 1e9,
        "loss": direction.loss,
        "queue_packets": direction.queue_packets,
        "reorder": direction.reorder,
        "reorder_by_s": direction.reorder_by / 1e9,
        "duplicate": direction.duplicate,
        "corrupt": direction.corrupt,
        "burst": burst
        and {
            "good_to_bad": burst.good_to_bad,
            "bad_to_good": burst.bad_to_good,
            "loss_good": burst.loss_good,
            "loss_bad": burst.loss_bad,
        },
        "capacity": direction.capacity and direction.capacity.name,
        "recording": direction.recording and direction.recording.name,
        "recording_start_s": start if start is None else start / 1e9,
    }
