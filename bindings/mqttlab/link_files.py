"""Link files: what a link is, as TOML. `lab.link` and `mqttlab link` read them."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mqttlab import units
from mqttlab.errors import UsageError

if TYPE_CHECKING:
    from mqttlab._core import Direction
    from mqttlab.links import LinkOptions

__all__ = ["expanded", "program_options", "read", "refined"]


def read(path: Path) -> tuple[str | None, LinkOptions]:
    """What a link file says: the profile that it refines, if any, and options of `lab.link`.

    Paths of recordings in it are relative to it. Errors: UsageError naming the file.
    """
    try:
        said = tomllib.loads(path.read_text("utf-8"))
    except OSError as error:
        raise UsageError(f"link: cannot read {str(path)!r}: {error.strerror}") from None
    except ValueError as error:  # of TOML, or of UTF-8
        raise UsageError(f"link: {str(path)!r} is no TOML: {error}") from None
    for table in (said, said.get("up"), said.get("down")):
        if isinstance(table, dict) and isinstance(table.get("trace"), str):
            table["trace"] = str(path.parent / table["trace"])
    profile = said.pop("profile", None)
    if profile is not None:
        units.text(profile, f"link: {str(path)!r}: profile", least=1)
    return profile, said  # type: ignore[return-value]  # make_link checks every key


def refined(said: LinkOptions, more: LinkOptions) -> LinkOptions:
    """`said` with `more` in its place; what is said of both ways counts before what a file says of
    one.
    """
    both: Any = {**said, **more}
    for side in ("up", "down"):
        theirs: Any = said.get(side, {})
        ours: Any = more.get(side, {})
        if isinstance(theirs, Mapping) and isinstance(ours, Mapping):  # if not, make_link says so
            kept = {key: value for key, value in theirs.items() if key not in more}
            both[side] = {**kept, **ours}
    return both  # type: ignore[no-any-return]


def expanded(arguments: tuple[str, ...]) -> tuple[str, ...]:
    """`--profile FILE.toml` of `mqttlab link` as the options that it stands for; what else is said
    counts after them. Errors: UsageError.
    """
    words = [part for word in arguments for part in _parts(word)]
    for at in range(len(words) - 1):
        if words[at] == "--profile" and words[at + 1].endswith(".toml"):
            return (*program_options(words[at + 1]), *words[:at], *words[at + 2 :])
    return arguments


def _parts(word: str) -> list[str]:
    return word.split("=", 1) if word.startswith("--profile=") else [word]


def program_options(file: str) -> list[str]:
    """A link file as options of the program `mqttlab-link`. Errors: UsageError."""
    from mqttlab.links import make_link

    link = make_link(file, file)
    if link.needs_packets:
        told = ", ".join(link.needs_packets)
        raise UsageError(f"{file}: {told}: a link on real sockets has no packets; leave that out")
    spec = link.spec
    words: list[str] = []
    for way, direction in (("up", spec.up), ("down", spec.down)):
        for option, value in _options(direction):
            words += [option, f"{way}:{value}"]
    if spec.cycle:
        up, down, spread = spec.cycle.up, spec.cycle.down, spec.cycle.spread
        words += ["--cycle", f"up={up}ns,down={down}ns,spread={spread}"]
    return words


def _options(direction: Direction) -> Iterator[tuple[str, str]]:
    yield "--delay", f"{direction.delay}ns"
    yield "--jitter", f"{direction.jitter}ns"
    yield "--loss", f"{direction.loss}"
    yield "--queue", f"{direction.queue_packets}"
    if direction.rate_bps:
        yield "--rate", f"{direction.rate_bps}bit/s"
    if (burst := direction.burst) is not None:
        yield (
            "--burst",
            f"good-to-bad={burst.good_to_bad},bad-to-good={burst.bad_to_good},"
            f"loss-good={burst.loss_good},loss-bad={burst.loss_bad}",
        )
    for recorded in (direction.capacity, direction.recording):
        if recorded is not None:
            yield "--capacity", recorded.name
    if direction.recording_start is not None:
        yield "--capacity-start", f"{direction.recording_start}ns"
