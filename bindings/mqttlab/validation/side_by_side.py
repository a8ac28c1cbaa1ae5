"""One scenario, simulated and on real sockets: packets, bytes by layer, and how long it took."""

from __future__ import annotations

import asyncio
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

import mqttlab
from mqttlab.errors import Error
from mqttlab.figures.messages import Messages
from mqttlab.figures.view import TraceView
from mqttlab.fit import captures
from mqttlab.fit.captures import SYN
from mqttlab.result import Result
from mqttlab.trace import End, Kind, Packet

__all__ = [
    "LEVELS", "QUANTILES", "Layers", "delays_s", "layers", "layers_of_capture", "packets", "play",
]  # fmt: skip

LEVELS = (0, 1, 2)
QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)
SEED = 1
_QUIET_S = 2.0  # longer than any exchange takes on the link


@mqttlab.scenario(until="10min")
async def exchange(
    lab: mqttlab.Lab, *, messages: int = 100, interval_s: float = 0.25, link: str = "umts"
) -> None:
    """A publisher at each level, in step, and a subscriber; links delay and lose nothing."""
    await lab.broker("broker")
    access = lab.link(link, loss=0)

    async def publisher(qos: int) -> None:
        device = lab.device(f"sensor-{qos}", via=access)
        async with device.client(keep_alive_s=0) as client, asyncio.TaskGroup() as calls:
            for _ in range(messages):
                reading = lab.stamp(32, name=f"{qos}")
                calls.create_task(client.publish(f"s/{qos}", reading, qos=qos))
                await asyncio.sleep(interval_s)

    async with lab.device("desk", via=access).client(drain=True, keep_alive_s=0) as desk:
        await desk.subscribe("s/#", qos=2)
        async with asyncio.TaskGroup() as tasks:
            for qos in LEVELS:
                tasks.create_task(publisher(qos))
        await asyncio.sleep(_QUIET_S)
    await asyncio.sleep(_QUIET_S)  # the run sees the last DISCONNECT


def play(target: str | None = None, *, messages: int = 100, interval_s: float = 0.25) -> Result:
    """`target`: a broker at HOST:PORT that has nothing else to do; None: simulated.

    Errors: ViolationError if the oracle found something; what `mqttlab.run` raises.
    """
    given = {"messages": messages, "interval_s": interval_s}
    result = mqttlab.run(exchange, seed=SEED, parameters=given, target=target)
    result.check()
    return result


def packets(result: Result) -> dict[str, dict[str, dict[str, int]]]:
    """Count and bytes of control packets by device, and by way and type ("up PUBLISH")."""
    view = TraceView(result)
    found: dict[str, dict[str, dict[str, int]]] = {}
    names = {device.actor: device.name for device in result.devices}
    written = view.of(Kind.WRITTEN)
    rows = zip(view.device(written).tolist(), view.events[written], strict=True)
    for actor, event in rows:
        way = "up" if event["end"] == End.CLIENT else "down"
        of_device = found.setdefault(names[actor], {})
        entry = of_device.setdefault(
            f"{way} {Packet(event['packet']).name}", {"count": 0, "bytes": 0}
        )
        entry["count"] += 1
        entry["bytes"] += int(event["bytes"])
    return {name: dict(sorted(found[name].items())) for name in sorted(found)}


def delays_s(result: Result, *, on_pubrel: bool = False) -> dict[int, list[float]]:
    """Seconds from publish call to delivery, sorted, by level.

    `on_pubrel`: as if the broker had kept QoS 2 back until PUBREL (method A of 3.1.1's figure 4.3,
    mosquitto's choice; ours passes it on at once, method B): each is later by what the PUBREL
    arrived after its PUBLISH.
    """
    view = TraceView(result)
    messages = Messages(view)
    delivered = messages.first(view.of(Kind.DELIVERED))
    arrived = delivered < view.size
    found = {}
    for qos in LEVELS:
        mine = arrived & (messages.qos == qos)
        at = view.events["at"][delivered[mine]]
        if qos == 2 and on_pubrel:
            at = at + _until_pubrel(view, messages)[mine]
        found[qos] = np.sort((at - messages.at[mine]) / 1e9).tolist()
    return found


def _until_pubrel(view: TraceView, messages: Messages) -> np.ndarray:
    """By message: ns from its PUBLISH to its PUBREL at the broker; 0 for those that have none."""
    wait = np.zeros(len(messages), np.int64)
    open_ones: dict[tuple[int, int], tuple[int, int]] = {}
    arrived = view.of(Kind.ARRIVED, end=End.BROKER)
    for place, event in zip(messages.where(arrived).tolist(), view.events[arrived], strict=True):
        key = (int(event["connection"]), int(event["packet_id"]))
        if event["packet"] == Packet.PUBLISH and place >= 0:
            open_ones[key] = (place, int(event["at"]))
        elif event["packet"] == Packet.PUBREL and key in open_ones:
            index, since = open_ones.pop(key)
            wait[index] = int(event["at"]) - since
    return wait


@dataclass(frozen=True)
class Layers:
    """What one device's connection took, both ways."""

    mqtt_bytes: int
    header_bytes: int
    """Of IP and TCP."""
    packets: int
    """Of IP."""
    opening: int
    """Of these with SYN, which have options of their own."""

    def to_data(self) -> dict[str, int]:
        """For JSON."""
        return asdict(self)


def layers(result: Result) -> dict[str, Layers]:
    """Of a simulated run, by device: its link's counters."""
    names = {device.actor: device.name for device in result.devices}
    found = {}
    for actor, name in sorted(names.items(), key=lambda one: one[1]):
        rows = result.counters[result.counters["actor"] == actor]
        total = {key: int(rows[key].sum()) for key in ("packets", "header_bytes", "payload_bytes")}
        found[name] = Layers(total["payload_bytes"], total["header_bytes"], total["packets"], 2)
    return found


def layers_of_capture(capture: Path, result: Result) -> dict[str, Layers]:
    """Of a live run, by device: the connection in the capture that carried its MQTT bytes.

    Errors: mqttlab.Error if none or several did: MQTT bytes are told from the trace, and the
    kernel's payload must be the same, each way.
    """
    ways: dict[tuple[int, int], list[Layers]] = {}
    for client, _, segments in captures.connections(captures.read(capture).segments):
        up = sum(one.payload_bytes for one in segments if one.source == client)
        payload = sum(one.payload_bytes for one in segments)
        headers = sum(one.ip_bytes for one in segments) - payload
        opening = sum(bool(one.flags & SYN) for one in segments)
        found = Layers(payload, headers, len(segments), opening)
        ways.setdefault((up, payload - up), []).append(found)
    by_device = {}
    for name, types in packets(result).items():
        both = (_bytes(types, "up"), _bytes(types, "down"))
        match ways.get(both, []):
            case [one]:
                by_device[name] = one
            case several:
                raise Error(
                    f"{capture}: {len(several)} connections carried the {both} bytes of {name}; "
                    "is the broker used by others?"
                )
    return by_device


def _bytes(types: dict[str, dict[str, int]], way: str) -> int:
    return sum(one["bytes"] for key, one in types.items() if key.startswith(way))
