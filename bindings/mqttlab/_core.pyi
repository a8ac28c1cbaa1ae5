"""All that needs no simulator. Times are integer nanoseconds; worlds get checked arguments.

Errors: mqttlab.UsageError for a wrong argument, mqttlab.Error for a call that comes too late.
"""

from collections.abc import Callable, Sequence
from enum import Enum
from typing import Any, Literal

version: str
event_bytes: int
kinds: list[str]
drop_reasons: list[str]
deaths: list[str]
store_fates: list[str]
packets: list[str]

def describe(frame: bytes, from_client: bool = True, version: int = 4) -> str:
    """One whole packet as one line for people.

    `version`: 3 for MQTT 3.1, 4 for 3.1.1. Errors: UsageError naming the statement it breaks.
    """

def decode(frame: bytes, from_client: bool, version: int) -> dict[str, Any]:
    """One whole packet: "type" and its fields, texts and payloads as bytes, properties as pairs.

    A packet that breaks a rule has "violation" instead: (reason code, statement or ""). `version`:
    3 for MQTT 3.1, 4 for 3.1.1, 5. Errors: UsageError for another one.
    """

def property_table() -> list[tuple[str, int, str]]:
    """(name, identifier, type) of each property of 5.0, as in "two_byte_integer"."""

def matches(filter: str, topic: str) -> bool:
    """True if a valid topic filter matches a valid topic name."""

def valid_topic_name(topic: str) -> bool: ...
def valid_topic_filter(filter: str) -> bool: ...
def reason_name(code: int, packet: int) -> str:
    """What MQTT 5.0 calls a reason code in packets of this type, or "?"."""

def invariants() -> list[str]:
    """What the oracle checks, in report order."""

def compare(
    first: tuple[bytes, list[bytes], list[str]],
    second: tuple[bytes, list[bytes], list[str]],
    sequences: bool,
) -> tuple[list[tuple[Any, ...]], list[tuple[Any, ...]]]:
    """The verdict on two runs: (events, texts, actors) of each.

    `sequences`: whatever their instants (FRAME-EQUIV), else to the nanosecond (CLOCK-INDEP).
    """

def invariant_table() -> list[list[str]]:
    """[name, group, strength, needs, statements] of each, in report order."""

def judge_trace(
    content: bytes,
    keep_alive_factor: float,
    keep_alive_slack: int,
    ping_timeout: int | None,
    converge_within: int,
    answer_within: int,
    foreign: bool,
    strict: bool,
) -> dict[str, Any]:
    """Lets the oracle judge a trace (NDJSON). Times in ns.

    `foreign`: the broker is not mqttlab's, and may do what only others do.

    Errors: UsageError naming the line that is none of a trace.
    """

def event_layout() -> list[tuple[str, int, int]]:
    """(name, offset, size in bytes) of each column of an event."""

class CapacityTrace:
    name: str
    length: int
    @property
    def opportunities(self) -> int: ...

class Recording:
    name: str
    length: int
    has_rate: bool
    has_delay: bool
    has_loss: bool
    @property
    def rows(self) -> int: ...

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
    @property
    def recording(self) -> Recording | None: ...
    recording_start: int | None
    reorder: float
    reorder_by: int
    duplicate: float
    corrupt: float
    def record(self, file: str, text: str) -> None:
        """Takes a recording: CSV if the name ends in .csv, or mahimahi's format.

        Errors: UsageError naming line, text and remedy.
        """

class Nat:
    idle: int
    resets: bool
    rebind: bool
    refreshed_by_down: bool

class Cycle:
    up: int
    down: int
    spread: float

class RadioCell:
    model: str
    radius_m: float
    speed_mps: float
    base_stations_m: list[float]

class LinkSpec:
    name: str
    up: Direction
    down: Direction
    cycle: Cycle | None
    nat: Nat | None
    radio: RadioCell | None
    def check(self) -> None: ...

def link_profiles() -> list[tuple[LinkSpec, str]]:
    """Each named profile with the source of its numbers."""

class Properties:
    """The property set of a packet, in order; names as in "session_expiry_interval"."""

    def __init__(self, items: Sequence[tuple[str, object]]) -> None: ...
    def items(self) -> list[tuple[str, Any]]:
        """Numbers, bytes (of texts too), and pairs of bytes."""

class Backoff:
    initial: int
    maximum: int
    factor: float
    jitter: float
    stable: int

class ClientConfig:
    client_id: str
    version: int
    clean_session: bool
    session_expiry_s: int | None
    receive_maximum: int
    topic_alias_maximum: int
    send_topic_alias_maximum: int
    request_response_information: bool
    request_problem_information: bool
    properties: Properties
    keep_alive_s: int
    ping_timeout: int
    connect_timeout: int
    user_name: str | None
    password: str | None
    reconnect: bool
    backoff: Backoff
    window: int
    test_packet_id_max: int
    queue_messages: int
    queue_bytes: int
    max_packet_size: int
    def set_will(
        self,
        topic: str,
        payload: bytes,
        qos: int,
        retain: bool,
        delay_s: int = 0,
        properties: Properties | None = None,
    ) -> None: ...
    def set_scram(self, user_name: str, password: str, seed: int) -> None: ...

def scram_line(user_name: str, password: str, salt: bytes, iterations: int) -> str: ...

class JwtConfig:
    algorithm: int
    key: bytes
    issuer: str
    audience: str
    unix_time: int

class BrokerConfig:
    max_connections: int
    max_packet_size: int
    connect_timeout: int
    keep_alive_factor: float
    window: int
    test_packet_id_max: int
    receive_window: int
    server_keep_alive_s: int | None
    max_session_expiry_s: int | None
    topic_alias_maximum: int
    send_topic_alias_maximum: int
    maximum_qos: int
    retain_available: bool
    wildcard_available: bool
    shared_available: bool
    identifiers_available: bool
    reason_strings: bool
    response_information: str
    server_reference: str
    redirect: int
    queue_messages: int
    queue_bytes: int
    queue_qos0: bool
    outbox_bytes: int
    max_retained: int
    max_retained_bytes: int
    max_subscriptions: int
    max_filter_levels: int
    max_sessions: int
    sys_interval: int

class FleetConfig:
    interval: int
    interval_spread: float
    start_within: int
    stop_after: int
    topic: str
    payload_bytes: int
    retain: bool
    qos: list[int]

class Fleet:
    def published(self) -> int: ...
    def refused(self) -> int: ...

class Misuse(Enum):
    bad_topic = ...
    too_large = ...
    queue_full = ...
    not_connected = ...
    bad_argument = ...
    not_supported = ...

class Connected:
    session_present: bool
    properties: list[tuple[str, Any]]

class Refused:
    code: int
    name: str
    properties: list[tuple[str, Any]]

class Disconnected:
    statement: str | None
    reason: str
    server: tuple[int, str, list[tuple[str, Any]]] | None
    """Code, name and properties of the broker's DISCONNECT."""

class Completed:
    token: int
    failed: bool
    refused: bool
    reason_code: int
    reason: str
    codes: list[int]
    properties: list[tuple[str, Any]]

class Received:
    topic: str
    payload: bytes
    qos: int
    retain: bool
    dup: bool
    properties: list[tuple[str, Any]]

class SubscriptionLost:
    filter: str
    code: int

class Reauthenticated: ...

ClientEvent = (
    Connected | Refused | Disconnected | Completed | SubscriptionLost | Reauthenticated | Received
)

class Client:
    """One client without a world. Whoever has it moves its bytes and tells it the time, in ns.

    After each call there may be something to take() and to_write(), and another deadline().
    """

    def __init__(self, config: ClientConfig, seed: int, web_socket: str = "") -> None:
        """`web_socket`: HOST:PORT, if what carries MQTT is a WebSocket at /mqtt."""

    def start(self, now: int) -> None:
        """Wants to be connected from now on."""

    def stop(
        self, now: int, with_will: bool = False, session_expiry_s: int | None = None
    ) -> Misuse | None: ...
    def publish(
        self,
        topic: str,
        payload: bytes,
        qos: int,
        retain: bool,
        now: int,
        properties: Properties | None = None,
    ) -> int | Misuse:
        """A token that the Completed event will name."""

    def subscribe(
        self,
        subscriptions: Sequence[tuple[str, int, bool, bool, int]],
        now: int,
        properties: Properties | None = None,
    ) -> int | Misuse: ...
    def unsubscribe(self, filters: Sequence[str], now: int) -> int | Misuse: ...
    def reauthenticate(self, now: int) -> Misuse | None: ...
    def connected(self) -> bool: ...
    def wants_link(self) -> bool:
        """Somebody should dial, say so with dialing(), and then opened() or dial_failed()."""

    def dialing(self, now: int) -> None: ...
    def dial_failed(self, cause: str, now: int) -> None:
        """`cause`, here and below: "fin", "reset", "timeout" or "local"."""

    def opened(self, now: int) -> None:
        """A connection stands, of which nothing has been read or written."""

    def received(self, data: bytes, now: int) -> None: ...
    def take(self, now: int) -> list[ClientEvent]:
        """What has happened, in order; taking a message acknowledges it."""

    def to_write(self, now: int) -> bytes:
        """What is to be written next; counts as written."""

    def finished(self) -> bool:
        """The connection is to be closed, once all is written."""

    def closed(self, cause: str, now: int) -> None: ...
    def advance(self, now: int) -> None:
        """Runs due timers."""

    def deadline(self) -> int | None: ...

def stamp(name: str, sequence: int, now: int, size: int) -> bytes: ...

class World:
    """A broker, devices and clients, simulated (`_sim.world`) or on real sockets (`live_world`)."""

    def add_broker(
        self,
        name: str,
        config: BrokerConfig,
        passwords: tuple[str, str] | None = None,
        acl: tuple[str, str] | None = None,
        anonymous: bool = True,
        scram: bool = False,
        certificates: bool = False,
        tokens: JwtConfig | None = None,
        decision_delay: tuple[int, int, int] | None = None,
    ) -> None:
        """`passwords`, `acl`: (content, name) of files in mosquitto's formats.

        `decision_delay`: to authenticate, publish, subscribe; negative: never.
        """

    def add_device(self, name: str, link: LinkSpec) -> int:
        """Its index in the trace."""

    def add_client(
        self,
        device: int,
        config: ClientConfig,
        transport: str = "tcp",
        certificate_until: int = 0,
    ) -> int:
        """Its number. It is not started and not watched.

        `certificate_until`: nanoseconds since the world began; 0: it has no certificate.
        """

    def add_fleet(self, name: str, clients: list[int], config: FleetConfig) -> Fleet:
        """Starts the clients and publishes from them."""

    def run(self, until: int, keep_going: Callable[[], bool]) -> int:
        """Runs to `until`, or until a watched client has events, or keep_going() is false.

        Returns now(). Errors: what keep_going raises.
        """

    def now(self) -> int: ...
    def take(self) -> list[tuple[int, ClientEvent]]:
        """The watched clients' events, in order; taking a message acknowledges it."""

    def watch(self, client: int, watched: bool) -> None:
        """Events of a client that is not watched are thrown away as they come."""

    def start(self, client: int) -> None: ...
    def stop(
        self, client: int, with_will: bool = False, session_expiry_s: int | None = None
    ) -> Misuse | None: ...
    def reauthenticate(self, client: int) -> Misuse | None: ...
    def connected(self, client: int) -> bool: ...
    def publish(
        self,
        client: int,
        topic: str,
        payload: bytes,
        qos: int,
        retain: bool,
        properties: Properties | None = None,
    ) -> int | Misuse:
        """A token that the Completed event will name."""

    def subscribe(
        self,
        client: int,
        subscriptions: Sequence[tuple[str, int, bool, bool, int]],
        properties: Properties | None = None,
    ) -> int | Misuse: ...
    def unsubscribe(self, client: int, filters: Sequence[str]) -> int | Misuse: ...
    def set_link(self, device: int, up: bool) -> None: ...
    def at(self, when: int, what: Callable[[], None]) -> None:
        """Calls `what` at an instant, inside run(), which raises what it raises."""

    def when(
        self,
        device: int,
        kind: str,
        way: str,
        packet: str,
        count: int,
        bytes: int,
        connection: int,
        what: Callable[[int], None],
    ) -> None:
        """Calls `what` with the connection's number in the trace, once, when the instant comes.

        `kind`: of protocol/link/fault.h. `way`: "up", "down", or "" for either. `connection`: the
        device's own count; 0: any.
        """

    def disarm(self) -> None:
        """Of what when() waits for nothing comes any more."""

    def interrupt(self) -> None:
        """Ends run() at this instant."""

    def cut(self, device: int, how: str, connection: int) -> None:
        """A connection of the device by its number in the trace; 0: all that it has."""

    def fault(self, actor: int, what: str, connection: int, over: bool) -> None:
        """Records that something is done on purpose, or is over."""

    def stop_cycles(self) -> None: ...
    def set_loss_free(self) -> None: ...
    def die(self, device: int, how: str) -> None: ...
    def phase(self, name: str) -> None: ...
    def allow(self, converge_within: int) -> None:
        """How long after the phase "settle" everything may take, for the oracle."""

    def judge(
        self, strict: bool = False
    ) -> tuple[list[tuple[str, str, int, str]], list[tuple[str, str, int, str, list[int], str]]]:
        """The oracle's verdicts and violations on the run so far, as Violation.of reads them."""

    def write_ndjson(self, sink: Callable[[bytes], object]) -> None:
        """The trace so far as NDJSON, in chunks of whole lines."""

    def events(self) -> bytes:
        """The trace as it lies in memory: rows of mqttlab.trace.EVENT.

        Errors: UsageError in a world that keeps none.
        """

    def trace_bytes(self) -> int:
        """At most what the trace so far takes in memory, its copy for Python included."""

    def texts(self) -> list[str]: ...
    def actors(self) -> list[str]: ...
    def connects(self) -> list[tuple[object, ...]]:
        """Rows of mqttlab.trace.CONNECT."""

    def filters(self) -> list[tuple[object, ...]]:
        """Rows of mqttlab.trace.FILTER."""

    def counters(self, device: int, up: bool) -> tuple[int, ...]:
        """A row of mqttlab.trace.COUNTERS after its first two columns."""

    def gauges(self) -> dict[str, int]: ...
    def fingerprint(self) -> str:
        """Empty without a trace."""

    def close(self) -> None:
        """Ends the world; every later call fails."""

def live_world(*, seed: int, target: str | None = None, ca_pem: str | None = None) -> World:
    """A world in real time, against the broker at a URL, or against one of ours.

    Errors: mqttlab.Error in one line if nobody answers there.
    """

def live_target(url: str) -> tuple[str, Literal["tcp", "tls", "ws", "wss"]]:
    """The URL without user name and password, and its transport."""

def live_broker_version(world: World) -> str:
    """What the target says in $SYS/broker/version; empty: nothing."""
