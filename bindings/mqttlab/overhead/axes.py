"""What a study varies, and which cells that makes."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import product

from mqttlab.client_options import Transport
from mqttlab.overhead.cell import Cell, Session
from mqttlab.overhead.keep_alive import Standby

__all__ = ["Axes"]


@dataclass(frozen=True)
class Axes:
    """The values of each axis, the first of which is the base of a star.

    `paths`: (profile or link file, 0) or ("", round-trip time in ms). `losses`: (share lost, mean
    burst or 0). `cuts`: share of messages whose connection is cut. `nats_s`: idle timeouts.
    """

    paths: tuple[tuple[str, float], ...] = (
        ("lte", 0), ("gprs", 0), ("umts", 0), ("wifi", 0), ("nb-iot", 0), ("", 20), ("", 200),
        ("", 2000),
    )  # fmt: skip
    losses: tuple[tuple[float, float], ...] = (
        (0.0, 0), (0.001, 0), (0.002, 0), (0.005, 0), (0.01, 0), (0.02, 0), (0.05, 0), (0.1, 0),
        (0.02, 4), (0.05, 4), (0.1, 4),
    )  # fmt: skip
    payloads: tuple[int, ...] = (32, 1024)
    transports: tuple[Transport, ...] = ("tcp", "tls", "ws", "wss")
    versions: tuple[str, ...] = ("3.1.1", "5")
    sessions: tuple[Session, ...] = ("long", "per-message")
    cuts: tuple[float, ...] = (0.0, 1.0)
    nats_s: tuple[float, ...] = (300, 120, 900)

    def base(self) -> Cell:
        """The first value of every axis."""
        return Cell(
            *self.paths[0], *self.losses[0], self.payloads[0], self.transports[0],
            self.versions[0], self.sessions[0], self.cuts[0],
        )  # fmt: skip

    def grid(self) -> list[Cell | Standby]:
        """Every combination without a break of the connection; then connections per message, and
        those that are cut with the first payload, all at the first loss; keep alives over the first
        transport and version.
        """
        first, payload = self.losses[0], self.payloads[0]
        carriers = list(product(self.transports, self.versions))
        cells = [
            Cell(*path, *loss, size, *carrier, session)
            for path, size, carrier, session in product(
                self.paths, self.payloads, carriers, self.sessions
            )
            for loss in (self.losses if session == "long" else (first,))
        ]
        cells += [
            Cell(*path, *first, payload, *carrier, self.sessions[0], cuts)
            for path, carrier, cuts in product(self.paths, carriers, self.cuts[1:])
        ]
        return [*cells, *(one for path in self.paths for one in self._standbys(path))]

    def star(self) -> list[Cell | Standby]:
        """One axis at a time, from the first value of every other."""
        base = self.base()
        cells = [base]
        cells += [replace(base, link=link, rtt_ms=rtt_ms) for link, rtt_ms in self.paths]
        cells += [replace(base, loss=loss, burst=burst) for loss, burst in self.losses]
        cells += [replace(base, payload_bytes=one) for one in self.payloads]
        cells += [replace(base, version=one) for one in self.versions]
        cells += [replace(base, cuts=one) for one in self.cuts]
        for carrier, session in product(self.transports, self.sessions):
            cells.append(replace(base, transport=carrier, session=session))
        return [*dict.fromkeys(cells), *self._standbys(self.paths[0])]

    def _standbys(self, path: tuple[str, float]) -> list[Standby]:
        return [
            Standby(*path, self.transports[0], self.versions[0], nat_s) for nat_s in self.nats_s
        ]
