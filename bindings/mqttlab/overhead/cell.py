"""One cell of the study: a link, what crosses it and how, and what that cost at QoS 0, 1 and 2."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any, Literal

import numpy as np

import mqttlab
from mqttlab import energy, trace
from mqttlab.client_options import Transport
from mqttlab.errors import Error
from mqttlab.faults import Cut
from mqttlab.figures.messages import Messages
from mqttlab.figures.view import TraceView
from mqttlab.result import Result
from mqttlab.trace import Kind

__all__ = ["LAYERS", "LEVELS", "Cell", "Session", "counters", "lab_link", "measure"]

LEVELS = (0, 1, 2)
LAYERS = ("mqtt", "web_socket", "tls", "tcp_ip", "retransmitted")
"""What the bytes of the IP packets are: control packets; frames and upgrades of WebSocket; records
and handshakes of TLS; headers of TCP and IP, pure acknowledgements included; TCP payload sent
again. They add up to the bytes of the IP packets, both ways."""

Session = Literal["long", "per-message"]
_PAUSE_S = 30.0  # longer than any back-off of TCP on these links, so that a message stands alone
_WARM_UP_S = 60.0
_PATIENCE_S = 600.0
_PACKET_BYTES = 1 << 20  # what brokers and clients take, unless a payload needs more
_BESIDE_BYTES = 100  # of a PUBLISH: its header, topic and properties


@dataclass(frozen=True)
class Cell:
    """What is measured: one publisher's link, and what crosses it.

    `link`: a profile, or "" for one that has a round-trip time of `rtt_ms` and no other limit.
    `loss`: independent, per packet and way. `burst`: mean packets in a burst of losses, or 0; then
    `loss` is the share lost in bursts. `cuts`: share of messages whose connection is reset, at an
    instant drawn from the two round trips that follow the publish call.
    """

    link: str = "lte"
    rtt_ms: float = 0.0
    loss: float = 0.0
    burst: float = 0.0
    payload_bytes: int = 64
    transport: Transport = "tcp"
    version: str = "3.1.1"
    session: Session = "long"
    cuts: float = 0.0
    messages: int = 100

    def loss_options(self) -> dict[str, Any]:
        """Of `lab.link`."""
        if not self.burst:
            return {"loss": self.loss}
        # In a burst everything is lost, so its mean length is 1 / P(bad to good).
        back = 1 / self.burst
        burst = mqttlab.Burst(good_to_bad=back * self.loss / (1 - self.loss), bad_to_good=back)
        return {"loss": 0, "burst": burst}

    def describe(self) -> dict[str, object]:
        """As in the tables."""
        return asdict(self)

    @classmethod
    def read(cls, given: Mapping[str, Any]) -> Cell:
        """The inverse of `describe`."""
        return cls(**{one.name: given[one.name] for one in fields(cls)})


@dataclass(frozen=True)
class _Mark:
    """The counters of a publisher's link at an instant."""

    at_s: float
    counters: Mapping[str, int]

    @classmethod
    def now(cls, lab: mqttlab.Lab, device: mqttlab.Device) -> _Mark:
        return cls(lab.now(), counters(lab, device))


@dataclass
class _Marks:
    """The ends of what is measured; `connected_s`: from dialling to CONNACK."""

    quiet: _Mark
    ready: _Mark
    end: _Mark
    connected_s: float | None = None


def measure(cell: Cell, seed: int) -> list[dict[str, Any]]:
    """Plays a cell once and returns one row of figures per QoS level.

    A row has `qos`, `published`, `delivered`, `copies` (deliveries of the same message beyond the
    first), bytes and packets of the publisher's link per delivered message (`LAYERS`, `packets`,
    `bytes`), `joules`: what the publisher's radio took for a message beyond idling (absent if the
    link's radio is not known, as `idle_w`; all of these if nothing was delivered), what its
    connection cost before the first message (`setup_bytes`, `setup_packets`, `setup_s`; absent if
    each message has its own), and `acknowledged_s` and `delivered_s`: lists of seconds from the
    publish call, sorted. Errors: Error if the link is too slow for the messages.
    """
    marks: dict[int, _Marks] = {}

    async def exchange(lab: mqttlab.Lab) -> None:
        most_bytes = max(_PACKET_BYTES, cell.payload_bytes + _BESIDE_BYTES)
        lab.broker("broker", max_packet_size=most_bytes)
        desk = lab.device("desk", via=lab.link(name="desk"))
        link = lab_link(lab, cell.link, cell.rtt_ms, "sensor", **cell.loss_options())
        options: dict[str, Any] = {"version": cell.version, "max_packet_size": most_bytes}
        async with desk.client(drain=True, keep_alive_s=0, **options) as reader:
            await reader.subscribe("#", qos=2)
            async with asyncio.TaskGroup() as tasks:
                for qos in LEVELS:
                    device = lab.device(f"sensor-{qos}", via=link)
                    tasks.create_task(publish(lab, device, qos))

    async def publish(lab: mqttlab.Lab, device: mqttlab.Device, qos: int) -> None:
        marks[qos] = await _publisher(lab, device, cell, qos)

    until = _WARM_UP_S + (cell.messages + 2) * _PAUSE_S + 3 * _PATIENCE_S
    result = mqttlab.run(exchange, seed=seed, until=until, radio=True)
    if late := [f"{qos}" for qos in LEVELS if qos not in marks]:
        raise Error(
            f"after {until:g} s {cell.messages} messages are not over at QoS {', '.join(late)}; "
            "take fewer bytes, or a faster link"
        )
    result.check()
    return [_row(result, cell, qos, marks[qos]) for qos in LEVELS]


def lab_link(lab: mqttlab.Lab, link: str, rtt_ms: float, name: str, **options: Any) -> mqttlab.Link:
    """A profile, or without one a link that has this round-trip time and no other limit."""
    if not link:
        options["delay"] = rtt_ms / 2e3
    return lab.link(link or None, name=name, **options)


async def _publisher(lab: mqttlab.Lab, device: mqttlab.Device, cell: Cell, qos: int) -> _Marks:
    """Connects, waits until all is quiet, publishes one message at a time, and waits again."""
    options: dict[str, Any] = {
        "transport": cell.transport,
        "version": cell.version,
        "keep_alive_s": 0,
        "clean_session": cell.session == "per-message",
        "connect_timeout": _PATIENCE_S,
    }
    quiet = _Mark.now(lab, device)
    if cell.session == "per-message":
        for _ in range(cell.messages):
            async with device.client(**options) as client:
                await _publish(lab, client, cell, qos)
            await asyncio.sleep(_PAUSE_S)
        return _Marks(quiet, quiet, _Mark.now(lab, device))
    async with device.client(**options) as client:
        connected_s = lab.now() - quiet.at_s
        await asyncio.sleep(_WARM_UP_S)
        ready = _Mark.now(lab, device)
        for _ in range(cell.messages):
            if lab.random.random() < cell.cuts:
                _cut_soon(lab, device)
            await _publish(lab, client, cell, qos)
            await asyncio.sleep(_PAUSE_S)
        return _Marks(quiet, ready, _Mark.now(lab, device), connected_s)


async def _publish(lab: mqttlab.Lab, client: mqttlab.Client, cell: Cell, qos: int) -> None:
    payload = lab.stamp(cell.payload_bytes, name=f"{qos}")
    await client.publish(f"s/{qos}", payload, qos=qos)


def _cut_soon(lab: mqttlab.Lab, device: mqttlab.Device) -> None:
    """Resets a device's connection within the two round trips that an exchange may take."""
    spec = device.link.spec
    rtt_s = sum(way.delay + way.jitter / 2 for way in (spec.up, spec.down)) / 1e9
    lab.at(lab.now() + lab.random.uniform(0, 2 * rtt_s), Cut("reset"), on=device)


def counters(lab: mqttlab.Lab, device: mqttlab.Device) -> dict[str, int]:
    """What a device's link has carried so far, both ways: `trace.COUNTERS` by name."""
    names = trace.COUNTERS.names[2:]  # type: ignore[index]
    both = [lab.world.counters(device.actor, up) for up in (True, False)]
    return {name: sum(way) for name, *way in zip(names, *both, strict=True)}


def _row(result: Result, cell: Cell, qos: int, marks: _Marks) -> dict[str, Any]:
    view = TraceView(result)
    messages = Messages(view)
    mine = messages.qos == qos
    handed = messages.where(view.of(Kind.DELIVERED))
    copies = np.bincount(handed[handed >= 0], minlength=len(messages))[mine]
    arrived = int((copies > 0).sum())
    row: dict[str, Any] = {
        "qos": qos,
        "published": int(mine.sum()),
        "delivered": arrived,
        "copies": int((copies[copies > 0] - 1).sum()),
        "delivered_s": _since(messages, messages.first(view.of(Kind.DELIVERED)), mine),
        "acknowledged_s": _since(messages, messages.completed, mine),
    }
    spent = _spent(marks.ready, marks.end)
    if arrived:
        row |= {name: value / arrived for name, value in spent.items()}
    device = next(one for one in result.devices if one.name == f"sensor-{qos}")
    model = energy.model_of(device.link, result.links[device.link]["profile"])
    if model is not None and arrived:
        start_s, end_s = marks.ready.at_s, marks.end.at_s
        took = energy.of_period(result, device, model, start_s, end_s)
        idle_j = model.idle_w * (end_s - start_s)
        row |= {"joules": (took.total_j - idle_j) / arrived, "idle_w": model.idle_w}
    if marks.connected_s is not None:
        setup = _spent(marks.quiet, marks.ready)
        row |= {"setup_bytes": setup["bytes"], "setup_packets": setup["packets"]}
        row["setup_s"] = marks.connected_s
    return row


def _spent(before: _Mark, after: _Mark) -> dict[str, int]:
    """Bytes by layer between two marks."""
    used = {name: after.counters[name] - value for name, value in before.counters.items()}
    sent_once = used["payload_bytes"] - used["retransmitted_bytes"]
    return {
        "mqtt": sent_once - used["web_socket_bytes"] - used["tls_bytes"],
        "web_socket": used["web_socket_bytes"],
        "tls": used["tls_bytes"],
        "tcp_ip": used["header_bytes"],
        "retransmitted": used["retransmitted_bytes"],
        "bytes": used["bytes"],
        "packets": used["packets"],
    }


def _since(messages: Messages, events: np.ndarray, mine: np.ndarray) -> list[float]:
    """Sorted seconds from the publish call to an event, of those that have one."""
    chosen = mine & (events < messages.view.size)
    at = messages.view.events["at"][events[chosen]]
    return sorted(((at - messages.at[chosen]) / 1e9).tolist())
