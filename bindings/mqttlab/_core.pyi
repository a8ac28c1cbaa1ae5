"""The protocol without a simulator."""

event_bytes: int
kinds: list[str]
drop_reasons: list[str]
deaths: list[str]
packets: list[str]

def describe(frame: bytes, from_client: bool = True, version: int = 4) -> str:
    """One whole packet as one line for people.

    `version`: 3 for MQTT 3.1, 4 for 3.1.1. Errors: UsageError naming the statement it breaks.
    """

def matches(filter: str, topic: str) -> bool:
    """True if a valid topic filter matches a valid topic name."""

def valid_topic_name(topic: str) -> bool: ...
def valid_topic_filter(filter: str) -> bool: ...
def invariants() -> list[str]:
    """What the oracle checks, in report order."""

def event_layout() -> list[tuple[str, int, int]]:
    """(name, offset, size in bytes) of each column of an event."""

class CapacityTrace:
    name: str
    length: int
    @property
    def opportunities(self) -> int: ...
    @staticmethod
    def parse(name: str, text: str) -> CapacityTrace: ...

class GilbertElliott:
    good_to_bad: float
    bad_to_good: float
    loss_good: float
    loss_bad: float

class Direction:
    rate_bps: float
    delay: int
    jitter: int
    queue_packets: int
    loss: float
    burst: GilbertElliott | None
    capacity: CapacityTrace | None

class Cycle:
    up: int
    down: int
    spread: float

class LinkSpec:
    name: str
    up: Direction
    down: Direction
    cycle: Cycle | None
    def check(self) -> None: ...

def link_profiles() -> list[tuple[LinkSpec, str]]:
    """Each named profile with the source of its numbers."""
