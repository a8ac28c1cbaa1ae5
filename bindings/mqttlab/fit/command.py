"""What `mqttlab fit` does and says."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.table import Table

from mqttlab.errors import UsageError
from mqttlab.exits import INTERRUPTED, OK
from mqttlab.fit import broker_logs, captures, link_file
from mqttlab.fit.captures import Capture
from mqttlab.fit.estimates import Fit, Silence, fit
from mqttlab.fit.exchanges import Exchange, exchanges
from mqttlab.links import make_link
from mqttlab.units import Duration

__all__ = ["run"]


def run(
    file: Path,
    out: Path | None,
    device: str | None,
    client_id: str | None,
    profile: str | None,
    keep_alive: str | None,
    console: Console,
) -> int:
    """Fits a link to a capture or a log, writes it, and tells what it rests on."""
    path = out or Path(f"{file.stem}.toml")
    if path.suffix != ".toml":
        raise UsageError(f"--out {str(path)!r}: link files end in .toml; write {path.stem}.toml")
    make_link(profile, "fit")  # before minutes of reading
    if kind := broker_logs.kind_of(file):
        if device is not None:
            raise UsageError(f"--device {device}: a log knows clients; name one with --client")
        keep_alive_s = Duration(keep_alive, "--keep-alive") if keep_alive else None
        absent = broker_logs.read(file, kind, client_id, keep_alive_s)
        source = f"{file.name}: the absences of client {absent.client_id}"
        written = link_file.write(path, source, profile, absent.span_s, absent.silences, None)
        console.print(f"client {absent.client_id}: {_away(absent.silences, absent.span_s)}")
        if absent.undated:
            console.print(
                f"Noticed only by the keep alive: {absent.undated}, which began up to 1.5 times it "
                "earlier. The log does not tell it; give --keep-alive TIME.",
                soft_wrap=True,
            )
        console.print("A log tells neither rate, delay nor loss; --profile and options do.")
        interrupted = False
    else:
        if client_id is not None:
            raise UsageError(f"--client {client_id}: a capture knows devices; write --device ADDR")
        if keep_alive is not None:
            raise UsageError("--keep-alive: is of logs; a capture has the packets themselves")
        capture = captures.read(file)
        who, connections = _connections_of(capture, device, file)
        found = fit(connections, capture.segments[-1].at_s)
        source = f"{file.name}: {who}, {len(connections)} connections in {found.span_s:.1f} s"
        written = link_file.write(path, source, profile, found.span_s, found.silences, found)
        console.print(_table(found, who))
        console.print(_away(found.silences, found.span_s))
        if capture.cut:
            console.print("The capture breaks off inside a packet; what is before it was read.")
        interrupted = capture.interrupted
        if interrupted:
            console.print("Interrupted: the capture was not read to its end.")
    console.print(
        f"written: {', '.join(map(str, written))}; lab.link({str(path)!r}), "
        f"mqttlab link --profile {path}",
        highlight=False, soft_wrap=True,
    )  # fmt: skip
    return INTERRUPTED if interrupted else OK


def _connections_of(
    capture: Capture, device: str | None, file: Path
) -> tuple[str, list[tuple[Exchange, Exchange]]]:
    """A device's address and both ways of its connections: by default of that which sent most."""
    by_device: dict[str, list[tuple[Exchange, Exchange]]] = {}
    sizes: dict[str, int] = {}
    for client, _, segments in captures.connections(capture.segments):
        by_device.setdefault(client[0], []).append(exchanges(client, segments))
        sizes[client[0]] = sizes.get(client[0], 0) + len(segments)
    if not by_device:
        raise UsageError(f"fit: {str(file)!r} has no TCP in it ({capture.others} other packets)")
    if device is not None and device not in by_device:
        known = sorted(sizes, key=lambda one: -sizes[one])[:5]
        raise UsageError(f"--device {device}: opens no connection there; {', '.join(known)} do")
    chosen = device or max(sizes, key=lambda one: sizes[one])
    return chosen, by_device[chosen]


def _table(found: Fit, who: str) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in (who, "rate", "delay", "jitter", "loss", "bursts", "packets"):
        table.add_column(column, justify="left" if column == who else "right", no_wrap=True)
    delay, jitter = "not known", "not known"
    if found.delay_s is not None:
        delay, jitter = f"{found.delay_s * 1e3:.1f} ms", f"{found.jitter_s * 1e3:.1f} ms"
    for way, name in enumerate(("up", "down")):
        rate, loss = found.rate_bps[way], found.loss[way]
        table.add_row(
            name, f"{rate / 1e3:,.1f} kbit/s" if rate else "never busy", delay, jitter,
            f"{loss.share * 100:.2f} %", f"of {loss.burst:.1f}" if loss.burst else "none",
            str(loss.packets),
        )  # fmt: skip
    return table


def _away(silences: Sequence[Silence], span_s: float, shown: int = 10) -> str:
    if not silences:
        return f"no silence in {span_s:.1f} s"
    lines = [f"{len(silences)} silences in {span_s:.1f} s"]
    for one in silences[:shown]:
        lines.append(
            f"  {one.begin_s:10.1f} s to {one.end_s:.1f} s, give or take {one.uncertain_s:.1f} s"
        )
    if len(silences) > shown:
        lines.append(f"  ... and {len(silences) - shown} more in the file")
    return "\n".join(lines)
