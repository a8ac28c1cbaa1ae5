"""The laboratory that a scenario works in: a broker, devices, links, faults and virtual time."""

from __future__ import annotations

import random
from collections.abc import Coroutine, Iterable, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Any, Literal, NoReturn, TypeVar, Unpack

from mqttlab import _core, units
from mqttlab.broker import Broker
from mqttlab.broker_options import BrokerOptions, beyond_reach, broker_config, disk_of
from mqttlab.client import Client
from mqttlab.client_options import (
    ClientOptions,
    Transport,
    Will,
    certificate_until_ns,
    client_config,
    qos_level,
    transport_of,
)
from mqttlab.device_ends import DeviceEnds, StoreOptions
from mqttlab.errors import Error, NotApplicableError, UsageError
from mqttlab.expectations import Expectations
from mqttlab.faults.path import OnTheWay
from mqttlab.host import WorldHost
from mqttlab.lab_ends import LabEnds
from mqttlab.lab_faults import FaultyLab, devices_of
from mqttlab.links import Link, LinkOptions, make_link
from mqttlab.loop import VirtualLoop
from mqttlab.result import ClientInfo, DeviceInfo, FleetInfo, NotApplicable
from mqttlab.streams import Streams, place
from mqttlab.targets import Place

__all__ = ["Broker", "Device", "Fleet", "Lab"]

_T = TypeVar("_T")


class Device(DeviceEnds):
    """A node with one access link to the broker's site."""

    def __init__(self, lab: Lab, name: str, link: Link, actor: int) -> None:
        super().__init__()
        self.lab = lab
        self.clients: list[Client] = []
        """Made on it so far."""
        self.name = name
        self.link = link
        self.actor = actor
        """Its index in the trace."""
        self.alive = True
        self.on_the_way: list[OnTheWay] = []
        """What is done to its packets at present."""

    def client(self, *, drain: bool = False, **options: Unpack[ClientOptions]) -> Client:
        """A client on this device, to be opened with `async with`.

        `drain`: its messages are acknowledged and counted in the trace but not handed to Python,
        so that a busy subscriber costs no Python time. Options: see ClientOptions.
        """
        self.clients.append(Client(self.lab, self, drain, options))
        return self.clients[-1]

    async def run(self, program: Coroutine[Any, Any, _T]) -> _T:
        """Runs any program in asyncio on this device; what it returns or raises.

        The connections that it and its tasks open go over the device's link; the broker's name is
        the only host name. Servers run outside of devices, at the broker's site.
        """
        token = place.set(self)
        try:
            return await program
        finally:
            # An interrupted run closes its programs from outside, where there is no place to reset.
            with suppress(ValueError):
                place.reset(token)

    def die(self, how: Literal["fin", "reset", "silent"]) -> None:
        """Ends the processes on this device without DISCONNECT, for the rest of the run.

        "fin", "reset": the kernel closes their connections so. "silent": power loss, the link
        goes down with them and nobody is told.
        """
        self.lab.check_live()
        if how not in ("fin", "reset", "silent"):
            raise UsageError(f"die: {how!r} is none of 'fin', 'reset', 'silent'")
        if self.alive:
            self.alive = False
            self._state = "down"
            self.lab.world.die(self.actor, how)
            self.lose_streams(how)

    def __repr__(self) -> str:
        return f"<Device {self.name} via {self.link.name}>"


class Fleet:
    """Publishers that run in C++: a thousand of them cost no Python."""

    def __init__(
        self, name: str, fleet: _core.Fleet, client_ids: Sequence[str], qos: Sequence[int]
    ) -> None:
        self._fleet = fleet
        self._client_ids = tuple(client_ids)
        self._qos = tuple(qos)
        self.name = name

    @property
    def published(self) -> int:
        """Messages accepted by the members' clients so far."""
        return self._fleet.published()

    @property
    def refused(self) -> int:
        """Messages refused by a full offline queue so far."""
        return self._fleet.refused()

    def info(self) -> FleetInfo:
        """As in Result.fleets."""
        return FleetInfo(self.name, self._client_ids, self._qos, self.published, self.refused)


class Lab(FaultyLab, LabEnds):
    """What a scenario gets as its first argument. Made by `mqttlab.run`."""

    def __init__(self, host: WorldHost, loop: VirtualLoop, seed: int, place: Place) -> None:
        super().__init__()
        self.host = host
        self.target = place.target
        """What the run is against, on real sockets; None: it is simulated."""
        self.not_applicable = list(place.waived)
        """What was asked for and cannot be had here, so far."""
        self.world = host.world
        self.loop = loop
        self.seed = seed
        self.random = random.Random(f"mqttlab/{seed}")
        """The scenario's own random numbers, from the run's seed."""
        self.expect = Expectations(host.now)
        """What the scenario itself counts, and expects to find."""
        self.live = True
        self.devices_made: list[Device] = []
        self.clients_made: list[ClientInfo] = []
        self.fleets_made: list[Fleet] = []
        self.broker_made: Broker | None = None
        self.links_made: dict[str, Link] = {}
        self._names: set[str] = set()
        self._stamps = 0

    # Building.

    def broker(self, name: str = "broker", **options: Unpack[BrokerOptions]) -> Broker:
        """The broker and its site; once per run, before the first device. May be awaited.

        Where the run is against a broker elsewhere, that one; it cannot be given options. What
        limits it, it keeps; where it would behave otherwise, the run ends as not applicable.
        """
        self.check_live()
        if self.broker_made is not None:
            raise UsageError(
                f"broker {name!r}: this run has {self.broker_made.name!r} already; "
                "one broker per run"
            )
        self._take_name(name, "broker")
        config, access = broker_config(name, options)
        if self.is_foreign:
            for missing in beyond_reach(options):
                if missing.all:
                    self.refuse(missing)
                self.not_applicable.append(missing)
        if (disk := disk_of(f"broker {name!r}", options)) is not None:
            self.ends(f"the broker's option store={options['store']!r}").use_disk(self.world, *disk)
        self.world.add_broker(name, config, **access)
        if self.target is None:
            self.host.streams = self.loop.streams = Streams(self.world, self.loop, name)
        else:
            self.loop.refuse_streams = self._refuse_streams
        self.broker_made = Broker(self, name, disk is not None, config.server_keep_alive_s)
        self.check_planned()
        return self.broker_made

    def link(self, profile: str | None = None, /, **options: Unpack[LinkOptions]) -> Link:
        """Describes an access link: from options, or a profile by name ("lte") and overrides.

        A profile may be a link file, too ("outage.toml", as `mqttlab fit` writes it).
        Options (see LinkOptions): rate, delay, jitter, loss, burst, queue, trace, trace_start for
        both directions; `up` and `down` mappings of the same for one; cycle; name.
        """
        if profile is not None:
            units.text(profile, "link: the profile", least=1)
        link = make_link(profile, profile or f"link-{len(self.links_made) + 1}", **options)
        known = self.links_made.get(link.name)
        if known is not None and known.describe() != link.describe():
            raise UsageError(f"link {link.name!r}: there is another link of this name; give name=")
        return self.links_made.setdefault(link.name, link)

    def device(
        self, name: str, via: Link | str = "ethernet", **store: Unpack[StoreOptions]
    ) -> Device:
        """A device; `via`: its link, or the name of a profile. Options: see StoreOptions."""
        self.check_live()
        if self.broker_made is None:
            raise UsageError(f"device {name!r}: make the broker first: await lab.broker()")
        link = self.link(via) if isinstance(via, str) else via
        if not isinstance(link, Link):
            raise UsageError(f"device {name!r}: via={via!r} is no link; use lab.link(...)")
        self.links_made.setdefault(link.name, link)
        self.check_path(link)
        self._take_name(name, "device")
        device = Device(self, name, link, self.world.add_device(name, link.spec))
        device.use_store(store)
        self.devices_made.append(device)
        self.arm_for(device)
        return device

    def devices(
        self,
        count: int,
        name: str = "device-{:03d}",
        via: Link | str = "ethernet",
        **store: Unpack[StoreOptions],
    ) -> list[Device]:
        """`count` devices on links of their own; `name` is formatted with 0, 1, 2, ..."""
        units.count(count, "devices: count", least=1, most=100_000)
        try:
            names = [name.format(index) for index in range(count)]
        except (LookupError, ValueError, AttributeError) as error:
            raise UsageError(
                f"devices: bad name {name!r} ({error}); write 'meter-{{:03d}}'"
            ) from None
        if len(set(names)) != count:
            raise UsageError(f"devices: {name!r} gives equal names; write 'meter-{{:03d}}'")
        return [self.device(one, via, **store) for one in names]

    def fleet(
        self,
        devices: Device | Iterable[Device],
        *,
        name: str | None = None,
        topic: str = "fleet/{name}",
        qos: int | Sequence[int] = 1,
        interval: float | str = "15s",
        interval_spread: float = 0.1,
        start_within: float | str = "10s",
        stop_at: float | str | None = None,
        payload_bytes: int = 32,
        retain: bool = False,
        **options: Unpack[ClientOptions],
    ) -> Fleet:
        """One publishing client, in C++, on each of `devices`; they start at once.

        `topic`: {name} is the device's name, {qos} the message's level. `qos`: a level, or levels
        taken in turn by each member. `interval`: between two publishes of a member, stretched by
        1 +- interval_spread, the first being one interval after it began to connect.
        `start_within`: members begin at instants uniform in it. `stop_at`: an instant of virtual
        time; nothing is published at or after it. Payloads are stamped and padded to
        `payload_bytes`.
        Options: see ClientOptions; in a will's topic {name} is the device's name.
        """
        self.check_live()
        if name is None:
            name = f"fleet-{len(self.fleets_made) + 1}"
        where = f"fleet {units.text(name, 'fleet: the name', least=1)!r}"
        members_on = devices_of(devices, where)
        levels = list(qos) if isinstance(qos, Sequence) else [qos]
        config = _core.FleetConfig()
        config.qos = [qos_level(level, f"{where}: qos") for level in levels]
        config.topic = _topic_template(topic, f"{where}: topic")
        config.interval = units.duration_ns(interval, f"{where}: interval")
        config.interval_spread = units.fraction(interval_spread, f"{where}: interval_spread")
        config.start_within = units.duration_ns(start_within, f"{where}: start_within")
        if stop_at is not None:
            config.stop_after = units.duration_ns(stop_at, f"{where}: stop_at")
        config.payload_bytes = units.count(payload_bytes, f"{where}: payload_bytes", most=2**28)
        config.retain = units.flag(retain, f"{where}: retain")
        if not members_on or not levels or config.interval == 0:
            raise UsageError(f"{where}: needs a device, a QoS level and an interval over 0")
        members = [self._member(device, name, options) for device in members_on]
        fleet = self.world.add_fleet(name, [client for client, _ in members], config)
        made = Fleet(name, fleet, [client_id for _, client_id in members], config.qos)
        self.fleets_made.append(made)
        return made

    def _member(self, device: Device, fleet: str, options: ClientOptions) -> tuple[int, str]:
        own = options.copy()
        will = own.get("will")
        if isinstance(will, Will):
            own["will"] = replace(will, topic=will.topic.replace("{name}", device.name))
        config = client_config(device.name, own, self.seed)
        return self.add_client(device, config, own, fleet), config.client_id

    # Time, payloads, the end of faults (lab_faults.py has what begins them).

    def now(self) -> float:
        """Virtual time in seconds since the start of the run."""
        return self.world.now() / 1e9

    def stamp(self, size: int = 32, name: str = "lab") -> bytes:
        """A payload that no other of this run equals: "name:sequence:time_ns:" and padding."""
        units.count(size, "stamp: size", most=2**28)
        self._stamps += 1
        return _core.stamp(units.text(name, "stamp: name"), self._stamps, self.world.now(), size)

    def settle(self, within: float | str | None = None) -> None:
        """Ends all faults: cycles, outages and other effects end, links come up, nothing is lost
        from now on, processes run again, and nothing that was planned happens any more.

        Records the phase "settle": the oracle expects everything to converge `within` some time
        after it, and judges that if the run leaves it so much. By default: the longest keep alive
        + ping timeout + back-off of any client + 20 s. Rates and delays stay; dead devices stay
        dead.
        """
        self.check_live()
        if within is not None:
            self.world.allow(units.duration_ns(within, "settle: within"))
        self.end_faults()
        self.world.stop_cycles()
        self.world.set_loss_free()
        self.world.phase("settle")

    def phase(self, name: str) -> None:
        """Records a phase of the scenario in the trace, for reports."""
        self.check_live()
        self.world.phase(units.text(name, "phase: the name", least=1))

    # For clients and for the result.

    def refuse(self, missing: NotApplicable) -> NoReturn:
        """Ends the run as not applicable; what it shows is nothing, even if it goes on."""
        self.not_applicable.append(missing)
        raise NotApplicableError(f"{missing.what}: {missing.why}")

    def _refuse_streams(self, what: str) -> NoReturn:
        why = "other programs run on simulated networks; on real sockets they run by themselves"
        self.refuse(NotApplicable(f"loop.{what}", why, all=True))

    def add_client(
        self, device: Device, config: _core.ClientConfig, options: ClientOptions, fleet: str
    ) -> int:
        """Registers a client with the world; its number there. `options`: checked by
        `client_config`, which has made `config` of them.
        """
        self.check_live()
        transport, until_ns = transport_of(options), certificate_until_ns(options)
        if self.target is not None:
            if until_ns:
                why = "the authority of simulated networks issues it"
                asked = f"certificate={options['certificate']!r}"
                self.refuse(NotApplicable(asked, why, all=True))
            transport = self._spoken(transport)
        client = self.world.add_client(device.actor, config, transport, until_ns)
        self.clients_made.append(
            ClientInfo(
                device.actor,
                config.client_id,
                config.clean_session,
                config.keep_alive_s,
                fleet,
                transport,
            )
        )
        return client

    def _spoken(self, asked: Transport) -> Transport:
        """What carries a client's bytes on real sockets: what the target says."""
        assert self.target is not None
        if asked not in ("tcp", self.target.transport):
            why = f"the target is spoken to over {self.target.transport}; name one as {asked}://"
            self.refuse(NotApplicable(f"transport={asked!r}", why, all=True))
        return self.target.transport

    def device_infos(self) -> tuple[DeviceInfo, ...]:
        """As in Result.devices."""
        return tuple(DeviceInfo(d.actor, d.name, d.link.name) for d in self.devices_made)

    def check_live(self) -> None:
        """Errors: mqttlab.Error after the end of the run."""
        if not self.live:
            raise Error("the run is over: its lab cannot be used any more")

    def _take_name(self, name: str, what: str) -> None:
        units.text(name, f"{what}: the name", least=1)
        if name in self._names:
            raise UsageError(f"{what} {name!r}: this name is taken; names are unique in a run")
        self._names.add(name)


def _topic_template(topic: str, where: str) -> str:
    """A topic name in which {name} and {qos} may stand; checked here: fleets publish unseen."""
    written = units.text(topic, where, least=1)
    if any(character in written for character in "+#\0"):
        raise UsageError(f"{where}: {topic!r} is no topic name; leave out +, # and U+0000")
    return written
