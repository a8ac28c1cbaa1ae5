"""The command line: `mqttlab list | run | replay | hunt | judge | ...`, and the programs.

Exit codes: 0 fine, 1 findings (an invariant was violated), 2 usage, 3 error, 4 not applicable
(the target cannot show it) or not judged, 130 interrupted by Ctrl-C or a full trace (the partial
results are valid and written).
Errors are one line on stderr.
"""

from __future__ import annotations

import os
import shlex
import sys
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import NoReturn

import click

import mqttlab
from mqttlab import catalog, run_command
from mqttlab.errors import Error, UsageError
from mqttlab.exits import FINDINGS, INTERRUPTED, NOT_APPLICABLE, OK, TROUBLE, USAGE

__all__ = ["FINDINGS", "INTERRUPTED", "NOT_APPLICABLE", "OK", "TROUBLE", "USAGE", "main"]


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


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(mqttlab.__version__, prog_name="mqttlab")
def _commands() -> None:
    """A proving ground for MQTT: simulated networks, virtual time, verdicts.

    Exit codes: 0 fine, 1 findings, 2 usage, 3 error, 4 not applicable or not judged, 130
    interrupted (partial results written).
    """


@_commands.command("list")
@click.argument("scenario", metavar="[NAME|FILE.py]", required=False)
@click.option("--invariants", is_flag=True, help="What the oracle checks, instead.")
def _list(scenario: str | None, invariants: bool) -> None:
    """Name the installed scenarios, what each shows and its parameters; or all about one."""
    from mqttlab import listing

    if scenario and invariants:
        raise UsageError(f"list: {scenario!r} is a scenario; --invariants lists those of all runs")
    console = run_command.console()
    if invariants:
        listing.invariants(console)
    elif scenario:
        listing.scenario(console, scenario)
    else:
        listing.scenarios(console)


@_commands.command("links")
def _links() -> None:
    """Print the named link profiles and where their numbers come from."""
    from mqttlab import listing

    listing.links(run_command.console())


@_commands.command("run")
@click.argument("scenario", metavar="NAME|FILE.py")
@click.option("--seed", type=int, default=1, show_default=True, help="Decides everything.")
@click.option("--devices", type=int, help="The same as --set devices=N.")
@click.option("--until", metavar="TIME", help="End at the latest, in virtual time: 10min.")
@click.option("--set", "settings", metavar="KEY=VALUE", multiple=True, help="A parameter.")
@click.option("--faults", metavar="FILE.toml", help="A schedule of faults.")
@click.option(
    "--pcap",
    is_flag=True,
    help="Capture all packets to DIR/capture.pcap, and TLS secrets to DIR/capture.keys.",
)
@click.option(
    "--pcap-side",
    type=click.Choice(["sender", "receiver", "device", "broker"]),
    default="receiver",
    show_default=True,
    help="Capture before or after the links' losses, or at one end.",
)
@click.option(
    "--battery",
    "battery_wh",
    type=click.FloatRange(0, min_open=True),
    metavar="WH",
    help="What the devices' radios take, and how long a battery lasts; rows in DIR/energy.csv.",
)
@click.option("--radio", "radios", metavar="NAME|LINK=NAME", multiple=True,
              help="The same by this model, of all links or of one (`mqttlab links`).")  # fmt: skip
@click.option("--ndjson", metavar="FILE", type=Path, help="The trace, for `mqttlab judge` or jq.")
@click.option("--no-trace", is_flag=True, help="Record nothing, and so judge nothing.")
@click.option("--trace-limit", metavar="SIZE", default="2GiB", show_default=True,
              help="Of memory: where the trace reaches it, the run ends in order.")  # fmt: skip
@click.option("--no-oracle", is_flag=True, help="Judge nothing.")
@click.option("--strict", is_flag=True, help="What is only recommended or left open counts, too.")
@click.option(
    "--target",
    metavar="HOST:PORT",
    help="Run on real sockets, in real time, against this broker (or a tcp, tls, ws or wss URL); "
    "live: against one of our own.",
)
@click.option("--cafile", metavar="FILE", type=Path, help="Authorities to trust, of tls and wss.")
@click.option("--out", metavar="DIR", type=Path, help="Results; default out/NAME.")
def _run(
    scenario: str,
    seed: int,
    devices: int | None,
    until: str | None,
    settings: tuple[str, ...],
    faults: str | None,
    pcap: bool,
    pcap_side: str,
    battery_wh: float | None,
    radios: tuple[str, ...],
    ndjson: Path | None,
    no_trace: bool,
    trace_limit: str,
    no_oracle: bool,
    strict: bool,
    target: str | None,
    cafile: Path | None,
    out: Path | None,
) -> int:
    """Run a scenario, by name, number or file: judge it, write run.json, tables, report.html."""
    from mqttlab import energy_command
    from mqttlab.report import summary

    parameters = run_command.parameters_of(settings, devices)
    models = energy_command.models_of(radios, battery_wh)
    function = catalog.load(scenario)
    directory = out or Path("out") / Path(run_command.file_of(scenario)).stem
    run_command.check_writable(directory)
    shorter = None if target is None else run_command.times(function, parameters)
    watched = run_command.watched_by(traced=not no_trace, judged=not no_oracle, strict=strict)
    command = run_command.again(scenario, seed, until, faults, target, cafile, parameters, watched)
    with (
        run_command.progress(shorter) as progress,
        run_command.located(scenario),
        run_command.kept(directory, command),
        energy_command.missing_told(models),
    ):
        result = mqttlab.run(
            function,
            seed=seed,
            until=until,
            parameters=parameters,
            faults=faults or (),
            pcap=directory / "capture.pcap" if pcap else None,
            pcap_side=pcap_side,  # type: ignore[arg-type]  # click has checked it
            radio=models is not None,
            ndjson=ndjson,
            trace=not no_trace,
            trace_limit=trace_limit,
            oracle=not no_oracle,
            strict=strict,
            target=target,
            ca_file=cafile,
            progress=progress,
        )
    from mqttlab import report

    page = report.write(result, directory, command=command)
    summary.show(result, page, run_command.console())
    if models is not None and result.radio is not None:
        energy_command.tell(result, models, battery_wh, directory, run_command.console())
    if result.interrupted:
        return INTERRUPTED
    if result.passed:
        return OK
    return FINDINGS if result.violations else NOT_APPLICABLE


@_commands.command("replay")
@click.argument("capsule", metavar="FILE", type=Path)
@click.option("--pcap", is_flag=True, help="Capture all packets to DIR/capture.pcap.")
@click.option("--out", metavar="DIR", type=Path, help="Write the run's results there.")
def _replay(capsule: Path, pcap: bool, out: Path | None) -> int:
    """Make the run of a capsule again, as a run or a test that failed has left it.

    Exit codes: 0 it is the same run, 1 it is another one; what differs is said.
    """
    from mqttlab import replaying, report
    from mqttlab.capsule import Capsule

    if pcap and not out:
        raise UsageError("--pcap: needs --out DIR")
    if out and Capsule.read(capsule).runs_elsewhere:
        raise UsageError("--out: this run is made in another process, which writes no report")
    if out:
        run_command.check_writable(out)
    with run_command.progress(None) as progress:
        found = replaying.replay(
            capsule, pcap=out / "capture.pcap" if pcap and out else None, progress=progress
        )
    replaying.show(found, run_command.console())
    if out and found.result:
        print(f"report: {report.write(found.result, out)}")
    elif found.result and found.result.violations:
        print(f"ladder: mqttlab replay {shlex.quote(str(capsule))} --out DIR")
    return OK if found.reproduced else FINDINGS


@_commands.command("judge")
@click.argument("trace", metavar="FILE", type=Path)
@click.option("--keep-alive-slack", metavar="TIME", default="1s", show_default=True,
              help="How much later than it must a broker may close.")  # fmt: skip
@click.option("--ping-timeout", metavar="TIME", help="Of the clients; KA-DETECT needs it.")
@click.option("--converge-within", metavar="TIME", default="30s", show_default=True,
              help="From the end of the faults until all has arrived.")  # fmt: skip
@click.option("--answer-within", metavar="TIME", default="30s", show_default=True,
              help="How long an answer may take.")  # fmt: skip
@click.option("--broker", type=click.Choice(["any", "mqttlab"]), default="any", show_default=True,
              help="Whose it is: of our own, less is let pass.")  # fmt: skip
@click.option("--strict", is_flag=True, help="What is only recommended counts, too.")
def _judge(
    trace: Path,
    keep_alive_slack: str,
    ping_timeout: str | None,
    converge_within: str,
    answer_within: str,
    broker: str,
    strict: bool,
) -> int:
    """Let the oracle judge a trace, of `mqttlab link --trace FILE` or `run --ndjson FILE`."""
    from mqttlab import judge

    found = judge.judge(
        trace,
        keep_alive_slack_s=mqttlab.Duration(keep_alive_slack, "--keep-alive-slack"),
        ping_timeout_s=mqttlab.Duration(ping_timeout, "--ping-timeout") if ping_timeout else None,
        converge_within_s=mqttlab.Duration(converge_within, "--converge-within"),
        answer_within_s=mqttlab.Duration(answer_within, "--answer-within"),
        broker=broker,
        strict=strict,
    )
    judge.show(found, run_command.console())
    return OK if found.passed else FINDINGS


@_commands.command("fit")
@click.argument("file", metavar="PCAP|LOG", type=Path)
@click.option("--out", metavar="FILE.toml", type=Path, help="The link file; default: as PCAP|LOG.")
@click.option("--device", metavar="ADDR", help="Whose link; default: who sent most.")
@click.option("--client", metavar="ID", help="The same, of a log; default: who was away most.")
@click.option("--profile", metavar="NAME", help="What the file leaves open is this link's.")
@click.option("--keep-alive", metavar="TIME", help="The client's, of a log that tells none.")
def _fit(
    file: Path, out: Path | None, device: str | None, client: str | None, profile: str | None,
    keep_alive: str | None,
) -> int:  # fmt: skip
    """Fit a link to an outage: a capture (pcap, pcapng) at one end, or a broker's log.

    Logs are mosquitto's, those of `mqttlab broker --log-level info`, or CSV: time,client,event.
    """
    from mqttlab.fit import command

    return command.run(file, out, device, client, profile, keep_alive, run_command.console())


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
@click.option("--part", type=click.Choice(["messages", "watching"]), help="Default: both.")
@click.option("--trial-devices", type=int, default=200, show_default=True,
              help="Of the field trial, by which watching is measured.")  # fmt: skip
@click.option("--rounds", type=click.IntRange(1), default=5, show_default=True)
def _bench_sim(
    counts: tuple[int, ...],
    seed: int,
    transport: str,
    part: str | None,
    trial_devices: int,
    rounds: int,
) -> int:
    """What MQTT costs beside raw ns-3, and what trace and oracle cost in the field trial."""
    from mqttlab import bench, bench_watching

    console, is_within = run_command.console(), True
    if part != "watching":
        is_within = bench.show(counts or bench.SIZES, seed, transport, rounds, console)
    if part != "messages":
        is_within &= bench_watching.show(trial_devices, seed, rounds, console)
    return OK if is_within else FINDINGS


@_bench.command(
    "live",
    context_settings={"ignore_unknown_options": True, "help_option_names": []},
    add_help_option=False,
)
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
def _bench_live(arguments: tuple[str, ...]) -> int:
    """Load a broker at a host and port, or ours --against mosquitto (each has its --help)."""
    if any(word.split("=")[0] == "--against" for word in arguments):
        from mqttlab import bench_command

        code = bench_command.main.main(list(arguments), "mqttlab bench live", standalone_mode=False)
        return code if isinstance(code, int) else OK
    _become("mqttlab-bench", arguments)


def _add_command(name: str, module: str, summary: str) -> None:
    """A command with options and a help of its own, in a module that is loaded when it is used."""

    @_commands.command(
        name,
        help=f"{summary} (has its own --help).",
        context_settings={"ignore_unknown_options": True, "help_option_names": []},
        add_help_option=False,
    )
    @click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
    def command(arguments: tuple[str, ...]) -> int:
        main = import_module(module).main
        code = main.main(list(arguments), f"mqttlab {name}", standalone_mode=False)
        return code if isinstance(code, int) else OK


_add_command("hunt", "mqttlab.hunt_command", "Run many seeds and collect what goes wrong")
_add_command("results", "mqttlab.results.command", "Check the reference runs in results/")
_add_command("diff", "mqttlab.diff.command", "Say what changed between two runs")
_add_command("overhead", "mqttlab.overhead.command", "Measure what each QoS level costs")
_add_command(
    "conformance",
    "mqttlab.conformance.command",
    "Put a broker or a client to every normative statement of MQTT",
)


def _become(name: str, arguments: tuple[str, ...]) -> NoReturn:
    """Goes on as one of the package's programs."""
    from mqttlab import programs

    program = programs.path_of(name)
    sys.stdout.flush()
    os.execv(program, [program, *arguments])


def _add_program(
    name: str,
    summary: str,
    prepare: Callable[[tuple[str, ...]], tuple[str, ...]] = lambda arguments: arguments,
) -> None:
    """A command that is one of the package's programs, with that program's options."""

    @_commands.command(
        name,
        help=summary,
        context_settings={"ignore_unknown_options": True, "help_option_names": []},
        add_help_option=False,
    )
    @click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
    def command(arguments: tuple[str, ...]) -> None:
        _become(f"mqttlab-{name}", prepare(arguments))


def _with_link_file(arguments: tuple[str, ...]) -> tuple[str, ...]:
    from mqttlab import link_files

    return link_files.expanded(arguments)


_add_program("broker", "Serve MQTT on real sockets.")
_add_program(
    "link", "Be the link between clients and a broker: delay, loss, cuts, outages.", _with_link_file
)
_add_program("pub", "Publish to a broker; mosquitto_pub's options.")
_add_program("sub", "Print what a broker sends; mosquitto_sub's options.")
_add_program("passwd", "Change a broker's password file.")


if __name__ == "__main__":
    main()
