"""What becomes of the processes on a device."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Literal, TypedDict, cast

from mqttlab import units
from mqttlab.broker_options import disk_of
from mqttlab.errors import UsageError
from mqttlab.process import Coming, Death, Done, Fate, Process, State, check_crash

if TYPE_CHECKING:
    from mqttlab.lab import Device

__all__ = ["DeviceEnds", "StoreOptions"]

_NONE = 2**62  # longer than any interval


class StoreOptions(TypedDict, total=False):
    """Where clients on a device keep their sessions; simulated networks only."""

    store: Literal["none", "disk"]  # default: none
    # What survives a loss of power: all that anything has left upon (default here); all but the
    # last 200 ms; anything.
    durability: Literal["sync", "batch", "none"]


class DeviceEnds(Process):
    """The part of a Device that is about its processes: its clients', which go together."""

    kind: ClassVar[str] = "device"

    def __init__(self) -> None:
        super().__init__()
        self._state: State = "running"
        self._asked_ns = 0  # between two messages as read_slowly() has it; _NONE: it takes none
        self._slowed_ns: list[int] = []  # as effects have it

    @property
    def state(self) -> State:
        """Of its processes; one that has died stays down."""
        return self._state

    def use_store(self, options: StoreOptions) -> None:
        """Before its first client. Errors: UsageError."""
        device = self._device
        for key in options:
            if key not in StoreOptions.__annotations__:
                raise UsageError(
                    f"device {device.name!r}: unknown option {key!r}; known are store, durability"
                )
        own: StoreOptions = {"durability": "sync", **options} if "store" in options else options
        disk = disk_of(f"device {device.name!r}", own)
        if disk is not None:
            ends = device.lab.ends("a device's store")
            ends.use_device_disk(device.lab.world, device.actor, disk[0])
            self.has_store = True

    def crash(self, store: Fate | None = None, *, how: Death = "fin") -> Done:
        """Its processes end at this instant, in the middle of whatever they do, until restart().

        `store`: what restart() finds; by default all that was written, and without store="disk"
        nothing. Clients go on after it as the same objects, with a new process beneath, which goes
        on with the session that is in the store, or has forgotten everything but its configuration.
        Calls that the store does not have fail (ConnectionLostError); a publish that it has is
        still waited for.
        `how="silent"`: the device loses its power, and its link goes down with it.
        Programs in asyncio on the device (`device.run`) lose their connections, and go on.
        """
        check_crash(store, how, "device.crash")
        fate = self.fate(store, "device.crash")
        ends = self._check("crash", "running", "paused")
        self._state = "down"
        ends.crash(self._device.lab.world, self._device.actor, fate, how)
        self.lose_streams(how)
        for client in self._device.clients:
            client.process_lost()
        return self.crashed()

    def restart(self) -> Coming:
        """Starts them again: clients that were to be connected connect."""
        ends = self._check("restart", "down")
        self._state = "running"
        ends.restart(self._device.lab.world, self._device.actor)
        return self.comes()

    def pause(self) -> Done:
        """Its clients' processes stand still (SIGSTOP) until resume(): they read and write nothing,
        and have no timers. Its kernel goes on. What a scenario asks them to do meanwhile they do
        then.
        """
        ends = self._check("pause", "running")
        self._state = "paused"
        ends.pause(self._device.lab.world, self._device.actor)
        return Done()

    def resume(self) -> Coming:
        """They go on: what has arrived comes first, then what was due."""
        ends = self._check("resume", "paused")
        self._state = "running"
        ends.resume(self._device.lab.world, self._device.actor)
        return self.comes()

    def read_slowly(self, every: float | str | None) -> None:
        """Its clients' applications take one message `every` so often: seconds or text; 0: as they
        come; None: none any more. What waits fills the client's inbox, then the connection.
        """
        wanted = _NONE if every is None else units.duration_ns(every, "device.read_slowly: every")
        self._asked_ns = wanted
        self._take(self._interval_ns)

    def slow_down(self, interval_ns: int | None, *, over: bool = False) -> None:
        """An effect does the same, or is over; of all those, and read_slowly(), the slowest
        holds.
        """
        before, one = self._interval_ns, _NONE if interval_ns is None else interval_ns
        if over:
            self._slowed_ns.remove(one)
        else:
            self._slowed_ns.append(one)
        if self._interval_ns != before:
            self._take(self._interval_ns)

    @property
    def _interval_ns(self) -> int:
        return max(self._asked_ns, *self._slowed_ns) if self._slowed_ns else self._asked_ns

    def _take(self, interval_ns: int) -> None:
        device = self._device
        every = -1 if interval_ns == _NONE else interval_ns
        self._check("read_slowly").take_slowly(device.lab.world, device.actor, every)

    def set_free(self) -> None:
        """Its processes run again, and take messages as they come."""
        super().set_free()
        if self._asked_ns:
            self.read_slowly(0)

    def lose_streams(self, how: Death) -> None:
        """Those of programs in asyncio end so."""
        streams = self._device.lab.host.streams
        if streams is not None:
            streams.die(self._device, how)

    def _check(self, what: str, *states: State) -> Any:
        """`_sim`, if the processes are in one of these states; in any, if none is named."""
        device = self._device
        device.lab.check_live()
        ends = device.lab.ends(f"device.{what}()")
        if not device.alive:
            raise UsageError(f"device.{what}: {device.name} has died")
        if states:
            self.check_state(f"device.{what}", device.name, *states)
        return ends

    @property
    def _device(self) -> Device:
        return cast("Device", self)
