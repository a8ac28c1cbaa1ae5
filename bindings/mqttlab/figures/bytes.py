"""What a message costs on the wire, by layer, per leg and QoS level.

A device's IP packets are counted by the world, its control packets by the trace. Control packets
of an exchange belong to one QoS level by their type and flags. Everything else that a device's
link carried (headers, pure acknowledgements, retransmissions, the packets that keep a session) is
shared out over the levels by the device's exchange bytes: exactly, then, for a device that
publishes at one level only.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mqttlab.figures.view import Indices, TraceView
from mqttlab.trace import Kind, Packet

__all__ = ["LAYERS", "ByteAccounts", "Table"]

Table = NDArray[np.float64]

LAYERS = ("mqtt", "mqtt_session", "web_socket", "tls", "tcp_ip", "retransmitted", "unsent")
"""mqtt: PUBLISH and its answers. mqtt_session: CONNECT, SUBSCRIBE, PINGREQ and their answers,
DISCONNECT. web_socket: upgrades, headers of frames, control frames. tls: handshakes, what
encryption adds to each record, alerts. tcp_ip: headers, pure acknowledgements included.
retransmitted: TCP payload sent again. unsent: bytes of the layers above TCP that were written and
never sent, because the link was lost; negative, so that the layers add up to the bytes of the IP
packets."""

TIMESTAMP_BYTES = 12
"""TCP timestamps, on by default in Linux and off in the `linux-like` profile."""

_SESSION = 3  # column after the three QoS levels
_COLUMN = np.full(len(Packet) + 1, _SESSION)
_COLUMN[[Packet.PUBACK]] = 1
_COLUMN[[Packet.PUBREC, Packet.PUBREL, Packet.PUBCOMP]] = 2


@dataclass(frozen=True)
class ByteAccounts:
    """Bytes by device, QoS level and layer."""

    mqtt: Table  # (actors, 4): exchange bytes per QoS level, then session bytes
    layers: Table  # (actors, 3, len(LAYERS))
    timestamps: Table  # (actors, 3): what Linux would add

    @classmethod
    def of(cls, view: TraceView) -> ByteAccounts:
        """Takes stock of a run."""
        actors = len(view.result.actors)
        mqtt = _written(view, actors)
        exchange = mqtt[:, :_SESSION]
        total = exchange.sum(axis=1, keepdims=True)
        share = np.divide(exchange, total, out=np.zeros_like(exchange), where=total > 0)
        column = {name: _counter(view, actors, name) for name in _COUNTERS}
        added = [column["web_socket_bytes"], column["tls_bytes"]]
        first_sent = column["payload_bytes"] - column["retransmitted_bytes"]
        written = mqtt.sum(axis=1) + sum(added)
        layers = np.stack(
            [
                exchange,
                share * mqtt[:, _SESSION:],
                *(share * layer[:, None] for layer in added),
                share * column["header_bytes"][:, None],
                share * column["retransmitted_bytes"][:, None],
                share * (first_sent - written)[:, None],
            ],
            axis=2,
        )
        timestamps = share * (TIMESTAMP_BYTES * column["packets"])[:, None]
        return cls(mqtt, layers, timestamps)

    def leg(self, actors: Indices) -> Table:
        """Bytes (3 levels, layers) that the links of `actors` carried."""
        total: Table = self.layers[actors].sum(axis=0)
        return total

    def exact(self, actors: Indices) -> bool:
        """Whether each of `actors` used one level only, so that nothing had to be shared out."""
        return bool(((self.mqtt[actors, :_SESSION] > 0).sum(axis=1) <= 1).all())


_COUNTERS = (
    "packets", "header_bytes", "payload_bytes", "retransmitted_bytes", "web_socket_bytes",
    "tls_bytes",
)  # fmt: skip


def _written(view: TraceView, actors: int) -> Table:
    """Bytes of written control packets by device and column, of both directions of its link."""
    written = view.of(Kind.WRITTEN)
    packet = view.events["packet"][written]
    column = np.where(packet == Packet.PUBLISH, view.qos(written), _COLUMN[packet])
    device = view.device(written)
    size = view.events["bytes"][written]
    known = device >= 0
    cells = np.bincount(
        device[known] * 4 + column[known], weights=size[known], minlength=actors * 4
    )
    return cells.astype(np.float64).reshape(actors, 4)


def _counter(view: TraceView, actors: int, name: str) -> Table:
    """One counter by device, of both directions."""
    rows = view.result.counters
    return np.bincount(rows["actor"], weights=rows[name], minlength=actors).astype(float)
