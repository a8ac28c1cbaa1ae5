"""The simulated world. Times are integer nanoseconds; arguments are checked by the package above.

Errors: mqttlab.UsageError for a wrong argument, mqttlab.Error for a second world.
"""

from typing import Any

from mqttlab._core import BrokerConfig, World

ns3_version: str
openssl_version: str
ports: dict[str, int]  # of the broker's site, by transport

def world(
    *,
    seed: int,
    ipv6: bool = False,
    tcp: str = "linux-like",
    pcap_path: str = "",
    pcap_side: str = "receiver",
    pcap_devices: list[str] = ...,
    radio_log: bool = False,
    trace: bool = True,
) -> World:
    """A world in virtual time. Errors: mqttlab.Error if there is one already."""

def radio_log(world: World, device: int) -> bytes:
    """What its radio sent and received, as it lies in memory: rows of mqttlab.trace.RADIO."""

def simulator_events(world: World) -> int:
    """How many events the simulator has executed."""

def use_disk(world: World, durability: str, sync_time: int) -> None:
    """The broker that is added next keeps its state on a simulated disk. `durability`: as the live
    broker's; `sync_time`: how long a sync takes.
    """

def leave_site(world: World) -> None:
    """The broker that is added next is none of ours: somebody else will serve at the site."""

def broker_state(world: World) -> str:
    """ "running", "paused" or "down"."""

def crash_broker(world: World, store: str, how: str) -> None:
    """`store`: "kept", "lost" or "torn"; `how`: "fin", "reset" or "silent". As all that follow:
    allowed anywhere, also in an event; mqttlab.Error in words if its state does not allow it.
    """

def restart_broker(world: World) -> None:
    """In an event of this instant."""

def pause_broker(world: World) -> None: ...
def resume_broker(world: World) -> None:
    """In an event of this instant."""

def crash(world: World, device: int, store: str, how: str) -> None:
    """The same of a device's clients; nothing where it makes no sense."""

def use_device_disk(world: World, device: int, durability: str) -> None:
    """Clients that the device gets from now on keep their sessions on a simulated disk."""

def survivors(world: World, client: int) -> list[int]:
    """Tokens of the calls that a crashed client goes on with after a restart."""

def restart(world: World, device: int) -> None: ...
def pause(world: World, device: int) -> None: ...
def resume(world: World, device: int) -> None: ...
def take_slowly(world: World, device: int, interval: int) -> None:
    """The device's applications take a message every so often. 0: as they come; -1: none."""

def step_clock(world: World, by: int) -> None:
    """The broker's wall clock leaps."""

def shuffle_ties(world: World) -> None:
    """What arrives at the broker at one instant on different connections is taken in an order that
    the seed draws, from now on.
    """

def disturb(
    world: World,
    device: int,
    way: str,
    *,
    blackhole: bool = False,
    delay: int = 0,
    rate_bps: float = 0.0,
    reorder: float = 0.0,
    reorder_by: int = 0,
    duplicate: float = 0.0,
    corrupt: float = 0.0,
    segment_bytes: int = 0,
    coalesce: int = 0,
    holds_fin: bool = False,
    write_bytes: int = 0,
) -> None:
    """What is done to one way ("up", "down") of a device's link from now on, in place of what was
    said before; see Disturbance in protocol/link/link.h. `write_bytes`: what its sender's sockets
    take at a time.
    """

def rebind(world: World, device: int) -> None: ...
def roam(world: World, device: int, knows: bool) -> None: ...

class Streams:
    """Byte streams of programs, by number. Calls take effect in an event at this instant; those for
    a stream that has ended do nothing. Between runs of the world only.
    """

    def __init__(self, world: World) -> None: ...
    def dial(self, device: int, port: int) -> int:
        """A stream from this device to a port of the site; "opened" or "ended" follows."""
    def listen(self, port: int) -> bool:
        """False: the port is taken."""
    def unlisten(self, port: int) -> None: ...
    def add_broker(
        self,
        port: int,
        config: BrokerConfig,
        passwords: tuple[str, str] | None = None,
        acl: tuple[str, str] | None = None,
        anonymous: bool = True,
        scram: bool = False,
    ) -> bool:
        """One more broker of ours, outside of the trace; arguments as of World.add_broker. False:
        the port is taken.
        """
    def write(self, stream: int, bytes: bytes) -> int:
        """How many bytes are unwritten now."""
    def await_drain(self, stream: int, low_bytes: int) -> None:
        """ "drained" follows once no more are unwritten."""
    def unwritten(self, stream: int) -> int: ...
    def pause(self, stream: int, paused: bool) -> None:
        """Reading."""
    def close(self, stream: int) -> None:
        """FIN after what is written; "ended" follows."""
    def end(self, stream: int, how: str) -> None:
        """By "fin", "reset" or "silent", whatever is not written yet."""
    def take(self) -> list[tuple[int, str, Any]]:
        """What has happened, in order: (stream, news, value), where news and value are "opened" or
        "accepted" and the addresses ((ip, port), (ip, port)) of this end and the other; "arrived"
        and bytes; "drained" and None; "ended" and "fin", "reset", "timeout" or "local".
        """

class BenchResult:
    devices: int
    messages: int
    raw_messages: int
    us_per_message: float
    raw_us_per_message: float

def run_bench(
    devices: int, seed: int = 1, messages: int = 20_000, transport: str = "tcp"
) -> BenchResult:
    """Wall time per delivered QoS 1 message, trace on, beside bare ns-3 moving the same bytes.

    Builds worlds of its own: no other may exist.
    """
