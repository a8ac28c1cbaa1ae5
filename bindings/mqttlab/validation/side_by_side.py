"""One scenario, simulated and on real sockets: packets, bytes by layer, and how long it took."""

from __future__ import annotations

import asyncio
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

import mqttlab
from mqttlab.client_options import Transport
from mqttlab.errors import Error
from mqttlab.figures.messages import Messages
from mqttlab.figures.view import TraceView
from mqttlab.fit import captures
from mqttlab.result import Result
from mqttlab.trace import End, Kind, Packet
from mqttlab.validation.frames import KINDS, Frames
from mqttlab.validation.records import records

__all__ = [
    "LEVELS", "QUANTILES", "Layers", "delays_s", "layers", "packets", "play",
]  # fmt: skip

LEVELS = (0, 1, 2)
QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)
SEED = 1
_QUIET_S = 2.0  # longer than any exchange takes on the link


@mqttlab.scenario(until="10min")
async def exchange(
    lab: mqttlab.Lab,
    *,
    messages: int = 100,
    interval_s: float = 0.25,
    transport: str = "tcp",
) -> None:
    """A publisher at each level, in step, and a subscriber; links delay and lose nothing."""
    await lab.broker("broker")
    access = lab.link("umts", loss=0)

    options: dict[str, Any] = {"keep_alive_s": 0, "transport": transport}

    async def publisher(qos: int) -> None:
        device = lab.device(f"sensor-{qos}", via=access)
        async with device.client(**options) as client, asyncio.TaskGroup() as calls:
            for _ in range(messages):
                reading = lab.stamp(32, name=f"{qos}")
                calls.create_task(client.publish(f"s/{qos}", reading, qos=qos))
                await asyncio.sleep(interval_s)

    async with lab.device("desk", via=access).client(drain=True, **options) as desk:
        await desk.subscribe("s/#", qos=2)
        async with asyncio.TaskGroup() as tasks:
            for qos in LEVELS:
                tasks.create_task(publisher(qos))
        await asyncio.sleep(_QUIET_S)
    await asyncio.sleep(_QUIET_S)  # the run sees the last DISCONNECT


def play(
    target: str | None = None,
    *,
    messages: int = 100,
    interval_s: float = 0.25,
    transport: Transport = "tcp",
    ca_file: Path | None = None,
    pcap: Path | None = None,
) -> Result:
    """`target`: HOST:PORT of a broker with nothing else to do, for `transport`; None: simulated.
    `ca_file`: PEM of the authority that its certificate comes from. `pcap`: simulated, its capture.

    Errors: ViolationError if the oracle found something; what `mqttlab.run` raises.
    """
    given = {"messages": messages, "interval_s": interval_s, "transport": transport}
    url = None if target is None else f"{transport}://{target}"
    result = mqttlab.run(
        exchange, seed=SEED, parameters=given, target=url, ca_file=ca_file, pcap=pcap
    )
    result.check()
    return result


def packets(result: Result) -> dict[str, dict[str, dict[str, int]]]:
    """Count and bytes of control packets by device, and by way and type ("up PUBLISH").

    As the clients' ends have them: inside TLS nobody else sees packets of a live run.
    """
    view = TraceView(result)
    found: dict[str, dict[str, dict[str, int]]] = {}
    names = {device.actor: device.name for device in result.devices}
    for way, kind in (("up", Kind.WRITTEN), ("down", Kind.ARRIVED)):
        seen = view.of(kind, end=End.CLIENT)
        for actor, event in zip(view.device(seen).tolist(), view.events[seen], strict=True):
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
    tls_bytes: int
    header_bytes: int
    """Of IP and TCP."""
    packets: dict[str, int]
    """Of IP, by `frames.KINDS`."""
    records: dict[str, int]
    """Bytes of TLS, by `records.PARTS`; empty without TLS."""

    def to_data(self) -> dict[str, Any]:
        """For JSON."""
        return asdict(self)


def layers(capture: Path, result: Result) -> dict[str, Layers]:
    """By device: the largest connections in a run's capture, in order of MQTT bytes.

    Whatever a connection's payload has beyond the traced packets of its device counts as TLS: over
    plain TCP that is 0, or the wrong connection. Errors: mqttlab.Error if there are too few.
    """
    found = list(captures.connections(captures.read(capture, payloads=True).segments))
    found.sort(key=lambda one: -sum(segment.payload_bytes for segment in one[2]))
    types = packets(result)
    traced = {name: sum(one["bytes"] for one in types[name].values()) for name in types}
    if len(found) < len(traced):
        raise Error(f"{capture}: {len(found)} connections of {len(traced)} devices; repeat it")
    by_size = sorted(traced, key=lambda name: -traced[name])
    layers_of = {}
    for name, (client, server, segments) in sorted(zip(by_size, found, strict=False)):
        frames = Frames.mean([segments])
        layers_of[name] = Layers(
            traced[name],
            int(frames.payload_bytes) - traced[name],
            sum(one.ip_bytes - one.payload_bytes for one in segments),
            {kind: int(getattr(frames, kind)) for kind in KINDS},
            records(client, server, segments, types[name]["down CONNACK"]["bytes"]),
        )
    return layers_of
