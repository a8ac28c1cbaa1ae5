"""A broker in virtual time as a target: each case on a device of its own, all on one network."""

from __future__ import annotations

import logging
import os
import runpy
import tempfile
import tomllib
from collections import Counter
from collections.abc import Awaitable, Callable, Coroutine, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from mqttlab import broker_options
from mqttlab.conformance.clients import Clients, hosted
from mqttlab.conformance.drivers.console import Drive
from mqttlab.conformance.profiles import profiled
from mqttlab.conformance.target import OURS, Endpoint, Target
from mqttlab.conformance.times import IMPAIRED, VIRTUAL
from mqttlab.errors import Error, UsageError

__all__ = ["CLEAN", "impairment", "simulated", "simulated_clients"]

CLEAN = "ethernet"
"""The link of a run without impairment: a millisecond, and nothing lost."""

_log = logging.getLogger(__name__)
_SITE = "broker"
_UNTIL = "365d"
_PLAIN, _LIMITED, _GUARDED, _GUEST = 1883, 1884, 1885, 1886  # ports

Serve = Callable[[str, int], Awaitable[object]]


@contextmanager
def simulated(
    seed: int, link: str, pcap: Path | None, profile: Path | None = None
) -> Iterator[Target]:
    """The target while the block lasts: the broker of OURS, or the one in asyncio that a profile
    names. `seed`: decides everything. `link`: as `impairment` has it. `pcap`: a capture of all
    cases.

    Errors: UsageError for a link that there is not, or a profile without such a broker.
    """
    kind, options = impairment(link)
    said = profiled(profile) if profile else tomllib.loads(OURS)
    with tempfile.TemporaryDirectory(prefix="mqttlab-") as directory:
        if profile is None:
            brokers, serve = _brokers(said, Path(directory)), None
        else:
            brokers, serve = {}, _guest(said, profile)
        world = _World(seed, (kind, options), pcap, brokers, serve)
        target = Target(
            said["name"], world.endpoints, said, times=VIRTUAL, complete=world.complete, at=world.at
        )
        if link != CLEAN:
            target.name += f" over {link}, seed {seed}"
            target.times = IMPAIRED
        yield target


def simulated_clients(seed: int, link: str, pcap: Path | None, drive: Drive) -> Clients:
    """Clients as targets, each on a device of its own. `drive`: what drives them. Else as
    `simulated`.
    """
    world = _World(seed, impairment(link), pcap, {}, None)
    return Clients(
        "" if link == CLEAN else f"over {link}, seed {seed}",
        {},
        times=VIRTUAL if link == CLEAN else IMPAIRED,
        complete=world.complete,
        host=_SITE,
        begin=hosted(world.at, drive),
    )


def impairment(text: str) -> tuple[str, dict[str, Any]]:
    """A link: "umts", or "umts,loss=2%,delay=1s" with options of `lab.link`. Errors: UsageError."""
    from mqttlab.links import make_link

    profile, *words = text.split(",")
    options: dict[str, Any] = {}
    for word in words:
        name, found, value = word.partition("=")
        if not found or name not in ("rate", "delay", "jitter", "loss", "queue"):
            raise UsageError(
                f"--impairment {text!r}: {word!r}; write rate=, delay=, jitter=, loss= or queue="
            )
        options[name] = int(value) if name == "queue" and value.isdigit() else value
    make_link(profile, profile, **options)
    return profile, options


def _guest(said: Mapping[str, Any], profile: Path) -> Serve:
    """The profile's `serve`: "FILE.py:FUNCTION", beside it."""
    file, _, function = str(said.get("serve", "")).rpartition(":")
    path = profile.parent / file
    if not file or not path.is_file() or "name" not in said:
        raise UsageError(
            f"--profile {profile}: --target sim runs brokers in asyncio; write name = and "
            'serve = "FILE.py:FUNCTION", a coroutine that takes host and port'
        )
    found: Serve | None = runpy.run_path(str(path)).get(function)
    if found is None:
        raise UsageError(f"--profile {profile}: {file} has no {function!r}; name one that it has")
    return found


def _brokers(said: Mapping[str, Any], directory: Path) -> dict[int, broker_options.BrokerOptions]:
    """Options of our brokers by port: what OURS says to our program."""
    guarded, users, acl = said["guarded"], directory / "users", directory / "acl"
    lines = [
        broker_options.scram_line(guarded[f"{who}user"], guarded[f"{who}password"], salt=b"salt")
        for who in ("", "scram_")
    ]
    users.write_text("\n".join([*lines, ""]))
    acl.write_text(said["files"]["acl"])
    limits = said["limits"]
    return {
        _PLAIN: {"receive_window": limits["receive_maximum"]},
        _LIMITED: {
            "maximum_qos": limits["maximum_qos"],
            "max_packet_size": limits["max_packet_size"],
            "retain_available": False,
            "wildcard_available": False,
            "shared_available": False,
            "identifiers_available": False,
        },
        _GUARDED: {"passwords": os.fspath(users), "scram": True, "acl": os.fspath(acl)},
    }


class _World:
    """One simulated run, in which a coroutine speaks to the brokers."""

    def __init__(
        self, seed: int, link: tuple[str, dict[str, Any]], pcap: Path | None,
        brokers: Mapping[int, broker_options.BrokerOptions], serve: Serve | None,
    ) -> None:  # fmt: skip
        from mqttlab import _sim

        self._seed, self._link_of, self._pcap = seed, link, pcap
        self._brokers, self._serve = brokers, serve
        self._places: Counter[str] = Counter()
        if serve:
            self.endpoints = {"plain": Endpoint("tcp", _SITE, _GUEST)}
            return
        self.endpoints = {
            "plain": Endpoint("tcp", _SITE, _PLAIN),
            "websocket": Endpoint("ws", _SITE, _sim.ports["ws"]),
            "limited": Endpoint("tcp", _SITE, _LIMITED),
            "guarded": Endpoint("tcp", _SITE, _GUARDED),
        }

    def complete(self, program: Coroutine[Any, Any, Any]) -> Any:
        """As Target.complete."""
        from mqttlab.runner import run

        returned: list[Any] = []

        async def conformance(lab: Any) -> None:
            lab.broker(_SITE, **self._brokers.get(_PLAIN, {}))
            for port, options in self._brokers.items():
                if port == _PLAIN:
                    continue
                config, access = broker_options.broker_config(_SITE, options)
                lab.host.streams.world.add_broker(port, config, **access)
            # As on real sockets: it ends a connection, and the case says what it was.
            lab.loop.set_exception_handler(lambda _, context: _log.error("%s", context["message"]))
            self._lab = lab
            profile, options_of_link = self._link_of
            self._link = lab.link(profile, **options_of_link)
            if self._serve:
                await self._serve(_SITE, _GUEST)
            returned.append(await program)

        result = run(conformance, seed=self._seed, until=_UNTIL, pcap=self._pcap)
        if result.interrupted and not returned:
            raise KeyboardInterrupt
        if not returned:
            raise Error(f"the cases were not through after {_UNTIL} of virtual time")
        return returned[0]

    async def at(self, name: str, program: Awaitable[Any]) -> Any:
        """As Target.at: what the link of a case does is decided by the case's name and the seed."""
        self._places[name] += 1
        number = self._places[name]
        device = self._lab.device(name if number == 1 else f"{name} {number}", self._link)
        return await device.run(program)
