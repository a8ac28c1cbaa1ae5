"""`mqttlab bench live`: load on real sockets, and our broker beside another under the same load.

Both brokers have the same limits. They take turns, round by round, on a core of their own while
the generator has another; the cheapest round of each counts: whatever else the machine does only
ever adds time.
"""

from __future__ import annotations

import itertools
import json
import os
import platform
import resource
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from mqttlab import programs
from mqttlab.errors import Error, UsageError

__all__ = ["BROKERS", "ROWS", "Comparison", "Row", "compare", "load", "serve", "show"]

GENERATOR = "mqttlab-bench"
START_S = 10.0  # for a broker to listen
# So that at most 200 KiB wait for the one subscriber of a fan-in: no broker need drop anything.
IN_FLIGHT = {"point-to-point": 20, "fan-out": 20, "fan-in": 2}

# The same as mqttlab-broker's defaults.
MOSQUITTO = """
listener {port} 127.0.0.1
allow_anonymous true
persistence false
max_inflight_messages 20
max_queued_messages 1000
set_tcp_nodelay true
log_dest none
"""


@dataclass(frozen=True)
class Row:
    """One kind of load."""

    pattern: str
    qos: int
    payload_bytes: int

    @property
    def arguments(self) -> list[str]:
        """For the generator."""
        words = ["--pattern", self.pattern, "--qos", str(self.qos)]
        words += ["--payload", str(self.payload_bytes)]
        return [*words, "--in-flight", str(IN_FLIGHT[self.pattern])]


ROWS = tuple(itertools.starmap(Row, itertools.product(IN_FLIGHT, (0, 1, 2), (64, 1024))))


@dataclass(frozen=True)
class Comparison:
    """One row for two brokers, the first one ours. CPU time is per delivery."""

    row: Row
    cpu_us: tuple[float, float]
    per_s: tuple[float, float]
    generator_cpu_us: tuple[float, float]

    @property
    def cpu_ratio(self) -> float:
        """Of our CPU time to theirs: 0.5 is half of it."""
        return self.cpu_us[0] / self.cpu_us[1]


def _ours(port: int, _: Path, tls: tuple[Path, Path] | None) -> list[str]:
    url = f"{'tls' if tls else 'tcp'}://127.0.0.1:{port}"
    words = [programs.path_of("mqttlab-broker"), "--listen", url, "--allow-anonymous"]
    return [*words, "--cert", str(tls[0]), "--key", str(tls[1])] if tls else words


def _mosquitto(port: int, directory: Path, tls: tuple[Path, Path] | None) -> list[str]:
    found = shutil.which("mosquitto") or shutil.which("mosquitto", path="/usr/sbin")
    if not found:
        raise UsageError("--against mosquitto: it is not installed; apt-get install mosquitto")
    config = directory / "mosquitto.conf"
    files = f"certfile {tls[0]}\nkeyfile {tls[1]}\nuser root\n" if tls else ""
    config.write_text(MOSQUITTO.format(port=port) + files)
    return [found, "-c", str(config)]


# Port, a directory of its own, certificate and key if it is to serve TLS: the command.
Command = Callable[[int, Path, tuple[Path, Path] | None], list[str]]
BROKERS: dict[str, Command] = {"mqttlab": _ours, "mosquitto": _mosquitto}


@contextmanager
def serve(name: str, tls: tuple[Path, Path] | None = None) -> Iterator[tuple[int, int]]:
    """A broker on a free port of 127.0.0.1 while the block lasts: its port and process id.

    `tls`: certificate and key.
    """
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    with tempfile.TemporaryDirectory() as directory:
        command = BROKERS[name](port, Path(directory), tls)
        log = Path(directory) / "log"
        with log.open("wb") as output:
            process = subprocess.Popen(command, stdout=output, stderr=output)
        try:
            _wait_for(name, port, process, log)
            yield port, process.pid
        finally:
            process.terminate()
            process.wait()


def _wait_for(name: str, port: int, process: subprocess.Popen[bytes], log: Path) -> None:
    until = time.monotonic() + START_S
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
            return
        except OSError:
            ended = process.poll() is not None
            if ended or time.monotonic() > until:
                said = log.read_text(errors="replace").strip() or "nothing"
                raise Error(f"{name} does not listen on port {port}; it said: {said}") from None
            _linger(process, 0.05)


def _linger(process: subprocess.Popen[bytes], timeout_s: float) -> None:
    try:
        process.wait(timeout_s)
    except subprocess.TimeoutExpired:
        return


def load(port: int, arguments: Sequence[str], pid: int | None = None) -> dict[str, Any]:
    """Runs the generator; its results. `pid`: the broker's, to measure it."""
    command = [programs.path_of(GENERATOR), "--json", "--port", str(port), *arguments]
    command += ["--broker-pid", str(pid)] if pid is not None else []
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode not in (0, 1):
        raise Error(f"{' '.join(command)}: {done.stderr.strip() or done.returncode}")
    outcome: dict[str, Any] = json.loads(done.stdout)
    if done.returncode == 1:
        wrong = {key: outcome[key] for key in ("lost", "duplicates", "strangers")}
        raise Error(f"{' '.join(command)}: {wrong}")
    return outcome


@contextmanager
def _cores_apart(pids: Sequence[int]) -> Iterator[None]:
    """Brokers on one core, the generator, a child of this process, on the others."""
    before = os.sched_getaffinity(0)
    if len(before) > 1:
        broker = min(before)
        for pid in pids:
            os.sched_setaffinity(pid, {broker})
        os.sched_setaffinity(0, before - {broker})
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def compare(row: Row, other: str, rounds: int, duration_s: float) -> Comparison:
    """Our broker and another one, in turn, so often."""
    arguments = [*row.arguments, "--duration", str(duration_s)]
    results: tuple[list[dict[str, Any]], list[dict[str, Any]]] = ([], [])
    with serve("mqttlab") as ours, serve(other) as theirs, _cores_apart([ours[1], theirs[1]]):
        for _ in range(rounds):
            for (port, pid), outcomes in zip((ours, theirs), results, strict=True):
                outcomes.append(load(port, arguments, pid))
    cpu = [min(one["broker_cpu_us"] for one in of) for of in results]
    per_s = [max(one["delivered_per_s"] for one in of) for of in results]
    generator = [min(one["generator_cpu_us"] for one in of) for of in results]
    return Comparison(row, (cpu[0], cpu[1]), (per_s[0], per_s[1]), (generator[0], generator[1]))


@contextmanager
def _certificate() -> Iterator[tuple[Path, Path]]:
    """A certificate of 127.0.0.1 that is its own authority, and its key, while the block lasts."""
    with tempfile.TemporaryDirectory() as directory:
        certificate, key = (Path(directory) / name for name in ("cert.pem", "key.pem"))
        subprocess.run(
            ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
             "-nodes", "-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1",
             "-days", "2", "-out", certificate, "-keyout", key],
            check=True, capture_output=True,
        )  # fmt: skip
        yield certificate, key


def idle(connections: int, other: str) -> dict[str, dict[str, float]]:
    """Resident bytes of each broker per connection that does nothing, over TCP and over TLS."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < connections + 64:
        raise UsageError(f"--idle {connections}: this process may open {hard} files; ulimit -n")
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    arguments = ["--pattern", "idle", "--idle", str(connections), "--duration", "1"]
    found: dict[str, dict[str, float]] = {"tcp": {}, "tls": {}}
    try:
        with _certificate() as certificate:
            for transport, name in itertools.product(found, ("mqttlab", other)):
                words, files = list(arguments), None
                if transport == "tls":
                    files = certificate
                    words += ["--cafile", str(certificate[0]), "--connect-timeout", "300"]
                with serve(name, files) as (port, pid):
                    size = load(port, words, pid)["broker_bytes_per_connection"]
                    found[transport][name] = float(size)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    return found


def show(
    other: str,
    rows: Sequence[Row],
    rounds: int,
    duration_s: float,
    connections: int,
    out: Path | None,
    console: Console,
) -> None:
    """Measures and prints the table, and writes it to `out` as Markdown and JSON."""
    results = []
    for number, row in enumerate(rows, 1):
        label = f"{number} of {len(rows)}: {row.pattern} QoS {row.qos} {row.payload_bytes} B"
        with console.status(label):
            results.append(compare(row, other, rounds, duration_s))
    memory = idle(connections, other) if connections else {}
    if results:
        console.print(_table(results, other))
        console.print(LEGEND)
    for line in _idle_lines(memory, connections):
        console.print(line)
    if out:
        _write(out, results, other, memory, connections, rounds, duration_s)


def _cells(one: Comparison) -> list[str]:
    return [
        one.row.pattern,
        str(one.row.qos),
        str(one.row.payload_bytes),
        *(f"{value:.2f}" for value in one.cpu_us),
        f"{one.cpu_ratio:.2f}",
        *(f"{value:,.0f}" for value in one.per_s),
        f"{one.per_s[0] / one.per_s[1]:.2f}",
        *(f"{value:.2f}" for value in one.generator_cpu_us),
    ]


def _idle_lines(memory: dict[str, dict[str, float]], connections: int) -> list[str]:
    return [
        f"{transport}: {', '.join(f'{name} {size:,.0f} B' for name, size in sizes.items())} "
        f"resident for each of {connections:,} idle connections"
        for transport, sizes in memory.items()
    ]


LEGEND = (
    "µs: CPU time of the broker per delivery. /s: deliveries per second. "
    "gen. µs: CPU time of the generator per delivery with either, on a core of its own."
)


def _columns(other: str) -> list[str]:
    cpu = ["µs mqttlab", f"µs {other}", "ratio"]
    per_s = ["/s mqttlab", f"/s {other}", "ratio"]
    return ["pattern", "QoS", "bytes", *cpu, *per_s, "gen. µs", "gen. µs"]


def _table(results: Sequence[Comparison], other: str) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in _columns(other):
        table.add_column(column, no_wrap=True, justify="left" if column == "pattern" else "right")
    for one in results:
        table.add_row(*_cells(one))
    return table


def _write(
    out: Path,
    results: Sequence[Comparison],
    other: str,
    memory: dict[str, dict[str, float]],
    connections: int,
    rounds: int,
    duration_s: float,
) -> None:
    command = f"mqttlab bench live --against {other}"
    command += f" --rounds {rounds} --duration {duration_s:g}" if results else " --pattern idle"
    command += f" --idle {connections}" if connections else ""
    machine = {"cpu": _cpu(), "cores": os.cpu_count(), "system": platform.platform()}
    rows = [asdict(one) | {"cpu_ratio": one.cpu_ratio} for one in results]
    document: dict[str, Any] = {
        "command": command,
        "versions": _versions(other),
        "machine": machine,
        "rows": rows,
    }
    document |= {"idle_connections": connections, "idle_bytes_per_connection": memory}
    out.mkdir(parents=True, exist_ok=True)
    (out / "table.json").write_text(json.dumps(document, indent=2) + "\n")
    lines = [f"`{command}` on {machine['cpu']}, {machine['cores']} cores."]
    if results:
        lines += [LEGEND, "", f"| {' | '.join(_columns(other))} |", "| --- " + "| ---: " * 10 + "|"]
    lines += [f"| {' | '.join(_cells(one))} |" for one in results]
    for line in _idle_lines(memory, connections):
        lines += ["", f"{line}."]
    (out / "table.md").write_text("\n".join(lines) + "\n")


def _cpu() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()


def _versions(other: str) -> dict[str, str]:
    import mqttlab

    with tempfile.TemporaryDirectory() as directory:
        program = BROKERS[other](0, Path(directory), None)[0]
    said = subprocess.run([program, "-h"], capture_output=True, text=True).stdout
    return {"mqttlab": mqttlab.__version__, other: said.partition("\n")[0]}
