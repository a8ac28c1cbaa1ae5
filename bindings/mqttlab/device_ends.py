"""What becomes of the processes on a device."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, TypedDict, cast

from mqttlab import units
from mqttlab.broker import Death, Done, Fate, State, check_crash
from mqttlab.broker_options import disk_of
from mqttlab.errors import UsageError

if TYPE_CHECKING:
    from mqttlab.lab import Device

__all__ = ["DeviceEnds", "StoreOptions"]


class StoreOptions(TypedDict, total=False):
    """Where clients on a device keep their sessions; simulated networks only."""

    store: Literal["none", "disk"]  # default: none
    # What survives a loss of power: all that anything has left upon (default here); all but the
    # last 200 ms; anything.
    durability: Literal["sync", "batch", "none"]


class DeviceEnds:
    """The part of a Device that is about its processes: its clients', which go together."""

    def __init__(self) -> None:
        self.state: State = "running"
        """Of its processes; one that has died stays down."""
        self.has_store = False
        """Its clients' sessions outlive a crash: it was made with store="disk"."""
        self.crashes = self.pauses = 0
        """Effects that hold it down, or still."""

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
        fate = store or ("kept" if self.has_store else "lost")
        check_crash(fate, how, "device.crash")
        if fate != "lost" and not self.has_store:
            raise UsageError(
                f"device.crash: store={fate!r}, and {self._device.name} has none; make the device "
                "with store='disk'"
            )
        ends = self._check("crash", "running", "paused")
        self.state = "down"
        ends.crash(self._device.lab.world, self._device.actor, fate, how)
        self.lose_streams(how)
        for client in self._device.clients:
            client.process_lost()
        return Done()

    def restart(self) -> Done:
        """Starts them again: clients that were to be connected connect."""
        ends = self._check("restart", "down")
        self.state = "running"
        ends.restart(self._device.lab.world, self._device.actor)
        return Done()

    def pause(self) -> Done:
        """Its clients' processes stand still (SIGSTOP) until resume(): they read and write nothing,
        and have no timers. Its kernel goes on. What a scenario asks them to do meanwhile they do
        then.
        """
        ends = self._check("pause", "running")
        self.state = "paused"
        ends.pause(self._device.lab.world, self._device.actor)
        return Done()

    def resume(self) -> Done:
        """They go on: what has arrived comes first, then what was due."""
        ends = self._check("resume", "paused")
        self.state = "running"
        ends.resume(self._device.lab.world, self._device.actor)
        return Done()

    def read_slowly(self, every: float | str | None) -> None:
        """Its clients' applications take one message `every` so often: seconds or text; 0: as they
        come; None: none any more. What waits fills the client's inbox, then the connection.
        """
        interval = -1 if every is None else units.duration_ns(every, "device.read_slowly: every")
        ends = self._check("read_slowly", "running", "paused", "down")
        ends.take_slowly(self._device.lab.world, self._device.actor, interval)

    def lose_streams(self, how: Death) -> None:
        """Those of programs in asyncio end so."""
        streams = self._device.lab.host.streams
        if streams is not None:
            streams.die(self._device, how)

    def _check(self, what: str, *states: State) -> Any:
        """`_sim`, if the processes are in one of these states."""
        device = self._device
        device.lab.check_live()
        ends = device.lab.ends(f"device.{what}()")
        if not device.alive:
            raise UsageError(f"device.{what}: {device.name} has died")
        if self.state not in states:
            wanted = " or ".join(states)
            raise UsageError(f"device.{what}: {device.name} is {self.state}; it must be {wanted}")
        return ends

    @property
    def _device(self) -> Device:
        return cast("Device", self)
