"""The simulated world. Times are integer nanoseconds; arguments are checked by the package above.

Errors: mqttlab.UsageError for a wrong argument, mqttlab.Error for a second world.
"""

from mqttlab._core import World

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
) -> World:
    """A world in virtual time. Errors: mqttlab.Error if there is one already."""

def simulator_events(world: World) -> int:
    """How many events the simulator has executed."""

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
