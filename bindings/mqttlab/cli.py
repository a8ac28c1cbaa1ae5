"""The command line: `mqttlab list | links | run | judge | conformance | bench`, and the programs.

Exit codes: 0 fine, 1 findings (an invariant was violated), 2 usage, 3 error, 130 interrupted by
Ctrl-C (the partial results are valid and written). Errors are one line on stderr.
"""

from __future__ import annotations

import os
import shlex
import sys
import tempfile
import traceback
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import NoReturn

import click
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

import mqttlab
from mqttlab import catalog
from mqttlab.errors import Error, UsageError

__all__ = ["FINDINGS", "INTERRUPTED", "OK", "TROUBLE", "USAGE", "main"]

OK, FINDINGS, USAGE, TROUBLE, INTERRUPTED = 0, 1, 2, 3, 130

_PLAIN_WIDTH = 120  # columns of tables that go into a file or a pipe


def main(arguments: list[str] | None = None) -> NoReturn:
    """Runs one command and leaves with its exit code."""
    try:
        code = _commands.main(arguments, prog_name="mqttlab", standalone_mode=False)
    except click.exceptions.NoArgsIsHelpError as error:
        print(error.format_message(), file=sys.stderr)
        sys.exit(USAGE)
    except click.UsageError as error:
        hint = f"; see `{error.ctx.command_path} --help`" if error.ctx else ""
        _fail(USAGE, error.format_message().rstrip(".") + hint)
    except click.Abort:
        _fail(INTERRUPTED, "interrupted")
    except KeyboardInterrupt:
        _fail(INTERRUPTED, "interrupted; nothing was written")
    except UsageError as error:
        _fail(USAGE, str(error))
    except ImportError as error:
        _fail(TROUBLE, f"cannot load {error.name or 'a module'}: {error}; build again: .ci/setup")
    except (Error, OSError) as error:
        _fail(TROUBLE, str(error))
    sys.exit(code if isinstance(code, int) else OK)


def _fail(code: int, message: str) -> NoReturn:
    print(f"mqttlab: {' '.join(message.split())}", file=sys.stderr)
    sys.exit(code)


class _Console(Console):
    """A console whose reader may leave early (`| head`): the verdict stays the exit code."""

    def on_broken_pipe(self) -> None:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _console() -> Console:
    return _Console() if sys.stdout.isatty() else _Console(width=_PLAIN_WIDTH)


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(mqttlab.__version__, prog_name="mqttlab")
def _commands() -> None:
    """A proving ground for MQTT: simulated networks, virtual time, verdicts.

    Exit codes: 0 fine, 1 findings, 2 usage, 3 error, 130 interrupted (partial results written).
    """


@_commands.command("list")
def _list() -> None:
    """Name the installed scenarios, with their parameters."""
    from mqttlab.parameters import parameters, until_of

    console = _console()
    for name in catalog.installed():
        function = catalog.load(name)
        console.print(f"[bold]{name}[/]  {_claim(function)}", highlight=False)
        grid = Table.grid(padding=(0, 2))
        for parameter in parameters(function).values():
            default = "required" if parameter.required else _default(parameter.default)
            grid.add_row("", f"--set {parameter.name}=", parameter.kind.__name__, default)
        grid.add_row("", "--until", "Duration", str(until_of(function) or "required"))
        console.print(grid)


def _claim(function: Callable[..., object]) -> str:
    """The first line of a scenario's docstring."""
    return (function.__doc__ or "").strip().partition("\n")[0]


def _default(value: object) -> str:
    if value is None:
        return "none"
    return f"{float(value):g} s" if isinstance(value, mqttlab.Duration) else str(value)


@_commands.command("links")
def _links() -> None:
    """Print the named link profiles and where their numbers come from."""
    console = _console()
    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in ("profile", "", "rate", "delay", "jitter", "loss", "bursts", "queue"):
        numeric = column not in ("profile", "", "bursts")
        table.add_column(column, justify="right" if numeric else "left", no_wrap=True)
    profiles = mqttlab.profiles()
    for name, profile in profiles.items():
        description = profile.link.describe()
        for label in ("up", "down"):
            table.add_row(name if label == "up" else "", label, *_direction(description[label]))
    console.print(table)
    console.print()
    for name, profile in profiles.items():
        console.print(f"[bold]{name}[/]: {profile.source}", highlight=False)


def _direction(direction: object) -> tuple[str, ...]:
    """One direction of a link, each value with its unit."""
    assert isinstance(direction, Mapping)
    burst = direction["burst"]
    return (
        f"{direction['rate_bps'] / 1e3:g} kbit/s" if direction["rate_bps"] else "unlimited",
        f"{direction['delay_s'] * 1e3:g} ms",
        f"{direction['jitter_s'] * 1e3:g} ms",
        f"{direction['loss'] * 100:g} %",
        f"{burst['good_to_bad'] * 100:g} % in, {burst['bad_to_good'] * 100:g} % out, "
        f"{burst['loss_bad'] * 100:g} % lost"
        if burst
        else "none",
        f"{direction['queue_packets']} packets",
    )


@_commands.command("run")
@click.argument("scenario", metavar="NAME|FILE.py")
@click.option("--seed", type=int, default=1, show_default=True, help="Decides everything.")
@click.option("--devices", type=int, help="The same as --set devices=N.")
@click.option("--until", metavar="TIME", help="End at the latest, in virtual time: 10min.")
@click.option("--set", "settings", metavar="KEY=VALUE", multiple=True, help="A parameter.")
@click.option(
    "--pcap",
    is_flag=True,
    help="Capture all packets to DIR/capture.pcap, and TLS secrets to DIR/capture.keys.",
)
@click.option(
    "--pcap-side",
    type=click.Choice(["sender", "receiver"]),
    default="receiver",
    show_default=True,
    help="Capture before or after the links' losses.",
)
@click.option("--out", metavar="DIR", type=Path, help="Results; default out/NAME.")
def _run(
    scenario: str,
    seed: int,
    devices: int | None,
    until: str | None,
    settings: tuple[str, ...],
    pcap: bool,
    pcap_side: str,
    out: Path | None,
) -> int:
    """Run a scenario: judge it, write run.json, tables and report.html."""
    from mqttlab.report import summary

    parameters = _parameters(settings, devices)
    function = catalog.load(scenario)
    directory = out or Path("out") / Path(_file(scenario)).stem
    _check_writable(directory)
    with _progress() as progress, _located(scenario):
        result = mqttlab.run(
            function,
            seed=seed,
            until=until,
            parameters=parameters,
            pcap=directory / "capture.pcap" if pcap else None,
            pcap_side="sender" if pcap_side == "sender" else "receiver",
            progress=progress,
        )
    from mqttlab import report

    page = report.write(result, directory, command=_again(scenario, seed, until, parameters))
    summary.show(result, page, _console())
    if result.interrupted:
        return INTERRUPTED
    return OK if result.passed else FINDINGS


def _parameters(settings: tuple[str, ...], devices: int | None) -> dict[str, object]:
    """--set and --devices as one mapping; texts are converted where the scenario is known."""
    values: dict[str, object] = {}
    for setting in settings:
        key, equals, value = setting.partition("=")
        if not key or not equals:
            raise UsageError(f"--set {setting!r}: write --set key=value")
        if key in values:
            raise UsageError(f"--set {setting!r}: {key} is set twice; give it once")
        values[key] = value
    if devices is not None:
        if "devices" in values:
            raise UsageError("--devices and --set devices=: give one of them")
        values["devices"] = devices
    return values


def _again(scenario: str, seed: int, until: str | None, parameters: Mapping[str, object]) -> str:
    """The command line that repeats a run."""
    words = ["mqttlab", "run", scenario, "--seed", str(seed)]
    words += ["--until", until] if until is not None else []
    for key, value in parameters.items():
        words += ["--set", f"{key}={value}"]
    return shlex.join(words)


def _check_writable(directory: Path) -> None:
    """Before minutes of work, not after. Leaves the directory behind."""
    try:
        directory.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=directory):
            pass
    except OSError as error:
        raise UsageError(
            f"--out {str(directory)!r}: cannot write there: {error.strerror}; name another DIR"
        ) from None


@contextmanager
def _located(scenario: str) -> Iterator[None]:
    """What a scenario's own code raises becomes one line with file and line number."""
    try:
        yield
    except KeyboardInterrupt:
        raise
    except BaseException as error:
        cause: BaseException = error
        while isinstance(cause, BaseExceptionGroup):
            cause = cause.exceptions[0]
        if isinstance(cause, UsageError) and not _file(scenario).endswith(".py"):
            raise cause from None  # about a parameter: the place in an installed file says nothing
        place = _place(cause, _file(scenario))
        if isinstance(cause, Error):
            kind = UsageError if isinstance(cause, UsageError) else Error
            raise kind(f"{place}{cause}") from error
        raise Error(f"{place}{type(cause).__name__}: {cause}") from error


def _file(scenario: str) -> str:
    """The file's part of FILE.py or FILE.py:function."""
    return scenario.partition(":")[0]


def _place(error: BaseException, path: str) -> str:
    """ "my.py:12: " for the innermost line of the scenario's file in a traceback, or ""."""
    frames = traceback.extract_tb(error.__traceback__)
    if path.endswith(".py"):
        here = [f for f in frames if Path(f.filename).resolve() == Path(path).resolve()]
    else:
        here = [f for f in frames if Path(f.filename).parent.name == "scenarios"]
    return f"{here[-1].filename}:{here[-1].lineno}: " if here else ""


@contextmanager
def _progress() -> Iterator[Callable[[float, float], None] | None]:
    """A bar of virtual time on a terminal, nothing elsewhere."""
    if not sys.stderr.isatty():
        yield None
        return
    columns = (
        TextColumn("virtual time"),
        BarColumn(),
        TextColumn("{task.completed:.0f} of {task.total:.0f} s"),
        TextColumn("wall"),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("run", total=None)
        yield lambda now, until: bar.update(task, completed=now, total=until)


@_commands.command("judge")
@click.argument("trace", metavar="FILE", type=Path)
@click.option("--keep-alive-slack", metavar="TIME", default="1s", show_default=True,
              help="How much later than it must a broker may close.")  # fmt: skip
@click.option("--ping-timeout", metavar="TIME", help="Of the clients; KA-DETECT needs it.")
@click.option("--converge-within", metavar="TIME", default="30s", show_default=True,
              help="From the end of the faults until all has arrived.")  # fmt: skip
@click.option("--answer-within", metavar="TIME", default="30s", show_default=True,
              help="How long an answer may take.")  # fmt: skip
def _judge(
    trace: Path,
    keep_alive_slack: str,
    ping_timeout: str | None,
    converge_within: str,
    answer_within: str,
) -> int:
    """Let the oracle judge a trace that `mqttlab link --trace FILE` wrote."""
    from mqttlab import judge

    found = judge.judge(
        trace,
        keep_alive_slack_s=mqttlab.Duration(keep_alive_slack, "--keep-alive-slack"),
        ping_timeout_s=mqttlab.Duration(ping_timeout, "--ping-timeout") if ping_timeout else None,
        converge_within_s=mqttlab.Duration(converge_within, "--converge-within"),
        answer_within_s=mqttlab.Duration(answer_within, "--answer-within"),
    )
    judge.show(found, _console())
    return OK if found.passed else FINDINGS


@_commands.group("bench")
def _bench() -> None:
    """Measure the laboratory itself, and brokers on real sockets."""


@_bench.command("sim")
@click.option("--devices", "counts", type=int, multiple=True, help="Default: 100, 300 and 1000.")
@click.option("--seed", type=int, default=1, show_default=True)
@click.option(
    "--transport",
    type=click.Choice(["tcp", "tls", "ws", "wss"]),
    default="tcp",
    show_default=True,
    help="Of MQTT; bare ns-3 moves the bytes of MQTT over TCP.",
)
def _bench_sim(counts: tuple[int, ...], seed: int, transport: str) -> int:
    """Wall time per delivered QoS 1 message, beside raw ns-3 moving the same bytes."""
    from mqttlab import bench

    return OK if bench.show(counts or bench.SIZES, seed, transport, _console()) else FINDINGS


@_bench.command(
    "live",
    context_settings={"ignore_unknown_options": True, "help_option_names": []},
    add_help_option=False,
)
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
def _bench_live(arguments: tuple[str, ...]) -> int:
    """Load a broker at a host and port, or ours --against mosquitto (each has its --help)."""
    if any(word.split("=")[0] == "--against" for word in arguments):
        code = _against.main(list(arguments), "mqttlab bench live", standalone_mode=False)
        return code if isinstance(code, int) else OK
    _become("mqttlab-bench", arguments)


@_commands.command(
    "conformance",
    context_settings={"ignore_unknown_options": True, "help_option_names": []},
    add_help_option=False,
)
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
def _conformance(arguments: tuple[str, ...]) -> int:
    """Put a broker to every normative statement of MQTT (has its own --help)."""
    from mqttlab.conformance import command

    code = command.main.main(list(arguments), "mqttlab conformance", standalone_mode=False)
    return code if isinstance(code, int) else OK


def _become(name: str, arguments: tuple[str, ...]) -> NoReturn:
    """Goes on as one of the package's programs."""
    from mqttlab import programs

    program = programs.path_of(name)
    sys.stdout.flush()
    os.execv(program, [program, *arguments])


def _add_program(name: str, summary: str) -> None:
    """A command that is one of the package's programs, with that program's options."""

    @_commands.command(
        name,
        help=summary,
        context_settings={"ignore_unknown_options": True, "help_option_names": []},
        add_help_option=False,
    )
    @click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
    def command(arguments: tuple[str, ...]) -> None:
        _become(f"mqttlab-{name}", arguments)


_add_program("broker", "Serve MQTT on real sockets.")
_add_program("link", "Be the link between clients and a broker: delay, loss, cuts, outages.")
_add_program("pub", "Publish to a broker; mosquitto_pub's options.")
_add_program("sub", "Print what a broker sends; mosquitto_sub's options.")
_add_program("passwd", "Change a broker's password file.")


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--against", metavar="NAME", required=True, help="The other broker: mosquitto.")
@click.option("--rounds", type=click.IntRange(1), default=3, show_default=True)
@click.option("--duration", type=click.FloatRange(0.1), default=2.0, show_default=True,
              help="Seconds of each round.")  # fmt: skip
@click.option("--pattern", "patterns", metavar="NAME", multiple=True,
              help="Rows of this one only; idle: none, only --idle.")  # fmt: skip
@click.option("--qos", "qualities", type=click.IntRange(0, 2), multiple=True, help="The same.")
@click.option("--payload", "payloads", type=int, metavar="BYTES", multiple=True, help="The same.")
@click.option("--idle", type=click.IntRange(0), default=0, help="Connections, for their memory.")
@click.option("--out", metavar="DIR", type=Path, help="Writes table.md and table.json there.")
def _against(
    against: str,
    rounds: int,
    duration: float,
    patterns: tuple[str, ...],
    qualities: tuple[int, ...],
    payloads: tuple[int, ...],
    idle: int,
    out: Path | None,
) -> int:
    """CPU time and messages per second of our broker beside another one, load by load."""
    from mqttlab import bench_live

    others = sorted(set(bench_live.BROKERS) - {"mqttlab"})
    if against not in others:
        raise UsageError(f"--against {against}: must be {' or '.join(others)}")
    rows = [
        row
        for row in bench_live.ROWS
        if (not patterns or row.pattern in patterns)
        and (not qualities or row.qos in qualities)
        and (not payloads or row.payload_bytes in payloads)
    ]
    if not rows and not (idle and set(patterns) == {"idle"}):
        raise UsageError("--pattern, --qos and --payload leave no row; see --against NAME --help")
    if out:
        _check_writable(out)
    bench_live.show(against, rows, rounds, duration, idle, out, _console())
    return OK


if __name__ == "__main__":
    main()
