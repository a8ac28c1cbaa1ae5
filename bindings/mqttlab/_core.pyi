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
