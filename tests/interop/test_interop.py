"""Real clients beside our broker, and our clients beside mosquitto, over everything they speak."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator

import pytest

from command_peer import CommandPeer, OurCommandPeer
from gmqtt_peer import GmqttPeer
from mqttjs_peer import MqttJsPeer
from paho_peer import PahoPeer
from peers import TRANSPORTS, Broker, Message, Peer

# Client, whose broker, and the transports that the client has.
PAIRS: dict[str, tuple[type[Peer], str, tuple[str, ...]]] = {
    "mosquitto_pub and _sub": (CommandPeer, "ours", TRANSPORTS[:2]),
    "paho-mqtt": (PahoPeer, "ours", TRANSPORTS),
    "gmqtt": (GmqttPeer, "ours", TRANSPORTS[:2]),
    "MQTT.js": (MqttJsPeer, "ours", TRANSPORTS),
    "mqttlab-pub and -sub": (OurCommandPeer, "mosquitto", TRANSPORTS),
}
VERSIONS = {4: "3.1.1", 5: "5.0"}
ROWS = [
    pytest.param((client, broker, transport, version), id=f"{name}, {transport}, {words}")
    for name, (client, broker, transports) in PAIRS.items()
    for transport in transports
    for version, words in VERSIONS.items()
]
Make = Callable[[], Peer]
_numbers = itertools.count()


@pytest.fixture(params=ROWS)
def make(request: pytest.FixtureRequest, brokers: dict[str, Broker]) -> Iterator[Make]:
    """Makes clients of one kind."""
    client, broker, transport, version = request.param
    made: list[Peer] = []

    def peer() -> Peer:
        made.append(client(brokers[broker], transport, version))
        return made[-1]

    yield peer
    for one in made:
        one.close()


@pytest.fixture
def name() -> str:
    """Nobody else's, for topics and client ids."""
    return f"interop{next(_numbers)}"


def subscriber(make: Make, name: str, topic_filter: str | None = None) -> Peer:
    peer = make()
    peer.connect(f"{name}-sub")
    peer.subscribe(topic_filter or f"{name}/#", 2)
    return peer


def publisher(make: Make, name: str) -> Peer:
    peer = make()
    peer.connect(f"{name}-pub")
    return peer


def test_every_qos_both_ways(make: Make, name: str) -> None:
    messages = [Message(f"{name}/{qos}", f"message-{qos}", qos) for qos in (0, 1, 2)]
    messages += [Message(f"{name}/größe/✓", "x" * 100_000, 1), Message(f"{name}/last", "✓", 2)]
    to, by = subscriber(make, name), publisher(make, name)
    for message in messages:
        by.publish(message)
    # paho-mqtt hands a message of QoS 2 over when its exchange is done: order is of one QoS only.
    assert sorted(to.receive() for _ in messages) == sorted(messages)


def test_retained_messages(make: Make, name: str) -> None:
    by = publisher(make, name)
    by.publish(Message(f"{name}/kept", "x", 1, True))
    by.publish(Message(f"{name}/not", "x", 1))
    late = subscriber(make, name)
    assert late.receive() == Message(f"{name}/kept", "x", 1, True)
    by.publish(Message(f"{name}/kept", "", 1, True))
    assert late.receive() == Message(f"{name}/kept", "", 1)
    late.disconnect()
    later = subscriber(make, name)
    by.publish(Message(f"{name}/last", "y", 1))
    assert later.receive() == Message(f"{name}/last", "y", 1)


def test_a_will(make: Make, name: str) -> None:
    watcher = subscriber(make, name, f"{name}/will")
    for leave in (Peer.disconnect, Peer.cut):  # only the second brings the will about
        doomed = make()
        if leave is Peer.disconnect and not doomed.spares_will:
            continue
        will = Message(f"{name}/will", leave.__name__, 1)
        doomed.connect(f"{name}-doomed", will=will)
        getattr(doomed, leave.__name__)()
    assert watcher.receive() == Message(f"{name}/will", "cut", 1)


def test_a_session_outlives_its_connection(make: Make, name: str) -> None:
    first, second, by = make(), make(), publisher(make, name)
    assert not first.connect(f"{name}-sleeper", clean=False)
    first.subscribe(f"{name}/#", 2)
    first.disconnect()
    asleep = [Message(f"{name}/{qos}", "asleep", qos) for qos in (1, 2)]
    for message in asleep:
        by.publish(message)
    assert second.connect(f"{name}-sleeper", clean=False) in (True, None)
    assert sorted(second.receive() for _ in asleep) == asleep
