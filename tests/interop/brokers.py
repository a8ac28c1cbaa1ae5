"""Independent brokers for `mqttlab conformance`: installs them into a cache, and becomes one.

    python tests/interop/brokers.py install aedes mochi     # or all; ~/.cache/mqttlab/brokers
    python tests/interop/brokers.py run aedes ARGUMENTS     # what `start` of a profile says

Versions are pinned here and in `brokers/`, and what is fetched is checked by the registry's own
client: against lock files (npm, cargo), the checksum database (Go), the repository's checksums
(Maven), the archive's signatures (apt).
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

_HERE = Path(__file__).resolve().parent / "brokers"
_CACHE = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "mqttlab" / "brokers"
_ERLANG = "/usr/lib/erlang/bin/erl"
_RABBITMQ = "/usr/lib/rabbitmq/bin/rabbitmq-server"


@dataclass(frozen=True)
class Broker:
    """How one is installed and started. In all words: {cache}, where it is installed; {here}, its
    folder in `brokers/`; {version}; in those of `run`, {0}, {1}, ...: the arguments.
    """

    version: str
    needs: dict[str, str]  # programs, and the Debian package that has each
    run: list[str]
    install: list[list[str]] = field(default_factory=list)
    env: dict[str, str] = field(default_factory=dict)


def _maven(version: str, *main: str) -> Broker:
    """One from Maven Central, of which a class of its own or a source file of ours is run."""
    copy = "mvn --quiet --batch-mode --strict-checksums --file {here}/pom.xml"
    copy += " -Dversion={version} -DoutputDirectory={cache} dependency:copy-dependencies"
    java = ["java", "-Xmx512m", "-cp", "{0}:{cache}/*", *main]
    needs = {"java": "default-jdk-headless", "mvn": "maven"}
    return Broker(version, needs, run=java, install=[copy.split()])


BROKERS = {
    "aedes": Broker(
        "1.2.0",
        {"node": "nodejs", "npm": "npm"},
        install=[["npm", "ci", "--silent", "--prefix", "{cache}"]],
        run=["node", "{cache}/broker.mjs", "{0}", "{1}"],
    ),
    "artemis": _maven("2.40.0", "org.apache.activemq.artemis.core.server.embedded.Main", "{0}"),
    "ejabberd": Broker(
        "23.01-1",
        {_ERLANG: "erlang-base", "ejabberdctl": "ejabberd"},
        run=[_ERLANG, "-noinput", "-mnesia", "dir", '"{0}/mnesia"', "-s", "ejabberd"],
        env={
            "EJABBERD_CONFIG_PATH": "{0}/ejabberd.yml",
            "EJABBERD_LOG_PATH": "{0}/ejabberd.log",
            "ERL_LIBS": "/usr/lib/x86_64-linux-gnu",
        },
    ),
    "hivemq": _maven("2025.5", "{here}/HiveMq.java", "{0}"),
    "mochi": Broker(
        "2.7.9",
        {"go": "golang-go of Debian 13 (1.21 or later)"},
        install=[["go", "install", "github.com/mochi-mqtt/server/v2/cmd/docker@v{version}"]],
        run=["{cache}/docker", "-config", "{0}"],
        env={"GOBIN": "{cache}"},
    ),
    "moquette": _maven("0.17", "-Dmoquette.path={0}", "io.moquette.broker.Server"),
    "rabbitmq": Broker(
        "3.10.8",
        {_ERLANG: "erlang-base", _RABBITMQ: "rabbitmq-server"},
        run=[_RABBITMQ],
        env={
            "HOME": "{0}",
            "RABBITMQ_NODENAME": "mqttlab@localhost",
            "RABBITMQ_MNESIA_BASE": "{0}",
            "RABBITMQ_LOGS": "-",
            "RABBITMQ_CONFIG_FILE": "{0}/rabbitmq.conf",
            "RABBITMQ_ENABLED_PLUGINS_FILE": "{0}/enabled_plugins",
            "RABBITMQ_DIST_PORT": "{1}",
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": "-kernel inet_dist_use_interface {127,0,0,1}",
            "ERL_EPMD_ADDRESS": "127.0.0.1",
            "ERL_EPMD_PORT": "{2}",
        },
    ),
    "rumqttd": Broker(
        "0.20.0",
        {"cargo": "cargo of Debian 13 (1.85 or later)"},
        install=[["cargo", "install", "--locked", "--path", "{here}", "--root", "{cache}",
                  "--target-dir", "{cache}/target"]],
        run=["{cache}/bin/rumqttd", "{0}"],
    ),
}  # fmt: skip


class BrokerError(Exception):
    """One line: what is missing, and what to do."""


def _cache(name: str) -> Path:
    return _CACHE / f"{name}-{BROKERS[name].version}"


def _filled(name: str, text: str, arguments: list[str]) -> str:
    words = {"cache": str(_cache(name)), "here": str(_HERE / name)}
    words["version"] = BROKERS[name].version
    for key, value in {**words, **{str(i): one for i, one in enumerate(arguments)}}.items():
        text = text.replace("{" + key + "}", value)
    return text


def _environment(name: str, arguments: list[str]) -> dict[str, str]:
    env = BROKERS[name].env
    return {**os.environ, **{key: _filled(name, env[key], arguments) for key in env}}


def _tools(name: str) -> None:
    for program, package in BROKERS[name].needs.items():
        if not shutil.which(program, path=f"{os.environ.get('PATH', '')}:/usr/sbin"):
            raise BrokerError(f"{name}: {Path(program).name} is missing: apt-get install {package}")


def install(name: str) -> None:
    """Into the cache, unless it is there. Errors: BrokerError."""
    _tools(name)
    broker, folder = BROKERS[name], _cache(name)
    if folder.exists() or not broker.install:
        return
    making = folder.with_name(f".{folder.name}.{os.getpid()}")
    if (_HERE / name).is_dir():
        shutil.copytree(_HERE / name, making)
    making.mkdir(parents=True, exist_ok=True)
    for words in broker.install:
        command = [_filled(name, w, []).replace(str(folder), str(making)) for w in words]
        env = {k: v.replace(str(folder), str(making)) for k, v in _environment(name, []).items()}
        try:
            subprocess.run(command, check=True, env=env)
        except (OSError, subprocess.CalledProcessError) as error:
            shutil.rmtree(making)
            raise BrokerError(
                f"{name}: {' '.join(command)}: {error}; see above, and repeat"
            ) from None
    shutil.rmtree(making / "target", ignore_errors=True)  # what cargo compiled on the way
    making.rename(folder)


def run(name: str, arguments: list[str]) -> None:
    """Becomes the broker. Errors: BrokerError."""
    _tools(name)
    broker = BROKERS[name]
    if broker.install and not _cache(name).exists():
        raise BrokerError(
            f"{name} {broker.version} is not installed: python {__file__} install {name}"
        )
    command = [_filled(name, word, arguments) for word in broker.run]
    os.execvpe(command[0], command, _environment(name, arguments))


def main() -> int:
    """The command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    verbs = parser.add_subparsers(dest="verb", required=True)
    installing = verbs.add_parser("install", help="into the cache")
    installing.add_argument("names", nargs="+", choices=[*BROKERS, "all"], metavar="NAME")
    running = verbs.add_parser("run", help="becomes the broker")
    running.add_argument("name", choices=list(BROKERS), metavar="NAME")
    running.add_argument("arguments", nargs="*")
    said = parser.parse_args()
    try:
        if said.verb == "run":
            run(said.name, said.arguments)
        for name in BROKERS if "all" in said.names else said.names:
            install(name)
    except BrokerError as error:
        print(error, file=sys.stderr)
        return 3
    return 0


if __name__ == "__main__":
    sys.exit(main())
