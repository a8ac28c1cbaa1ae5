"""Our programs beside mosquitto's, on real sockets of this machine."""

from __future__ import annotations

import contextlib
import re
import signal
import socket
import subprocess
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from running import CLIENTS, PATIENCE_S, Running, program, self_signed

VERSIONS = ("mqttv311", "mqttv5")


class Site:
    """A broker, and whoever talks to it."""

    def __init__(self, directory: Path, clients: str = "mosquitto") -> None:
        self.directory = directory
        self.pub, self.sub = (program(name) for name in CLIENTS[clients])
        self.port = 0
        self.running: list[Running] = []

    def start(self, *words: str) -> Running:
        self.running.append(Running(self.directory, *words))
        return self.running[-1]

    def ours(self, *options: str, url: str = "tcp://127.0.0.1:0") -> Running:
        broker = self.start(program("mqttlab-broker"), "--listen", url, *options)
        self.port = int(broker.until(r"listening on .*?:(\d+)(/|\n)")[1])
        return broker

    def mosquitto(self) -> Running:
        with socket.create_server(("127.0.0.1", 0)) as probe:
            self.port = probe.getsockname()[1]
        config = self.directory / "mosquitto.conf"
        config.write_text(f"listener {self.port} 127.0.0.1\nallow_anonymous true\n")
        broker = self.start(program("mosquitto"), "-c", str(config), "-v")
        broker.until("running")
        return broker

    def publish(self, *words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [self.pub, "-h", "127.0.0.1", "-p", str(self.port), *words],
            capture_output=True, text=True, timeout=PATIENCE_S,
        )  # fmt: skip

    def subscribe(self, *words: str, until: str | None = "(?i)suback|answer to") -> Running:
        address = ("-h", "127.0.0.1", "-p", str(self.port), "-W", str(int(PATIENCE_S)))
        subscriber = self.start(self.sub, *address, "-d", "-v", *words)
        if until:
            subscriber.until(until)
        return subscriber


def messages(subscriber: Running) -> list[str]:
    """The lines of -v, without those of -d."""
    return re.findall(r"^(?:t/\S+ \S*)$", subscriber.said, re.MULTILINE)


Make = Callable[..., Site]


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Make]:
    made: list[Site] = []

    def make(clients: str = "mosquitto") -> Site:
        made.append(Site(tmp_path, clients))
        return made[-1]

    yield make
    for one in made:
        for running in one.running:
            running.kill()


@pytest.fixture(params=["our broker", "mosquitto's broker", "our broker, our clients"])
def pair(request: pytest.FixtureRequest, site: Make) -> Site:
    """A broker and clients of which at least one is ours."""
    ours = "our clients" in request.param or request.param.startswith("mosquitto")
    one = site("mqttlab" if ours else "mosquitto")
    if request.param.startswith("our"):
        one.ours("--allow-anonymous")
    else:
        one.mosquitto()
    return one


@pytest.mark.parametrize("version", VERSIONS)
def test_every_qos(pair: Site, version: str) -> None:
    subscriber = pair.subscribe("-t", "t/#", "-q", "2", "-V", version, "-C", "3")
    for qos in "012":
        done = pair.publish("-t", f"t/{qos}", "-m", f"m{qos}", "-q", qos, "-V", version)
        assert done.returncode == 0, done.stderr
    assert subscriber.leaves() == 0
    assert messages(subscriber) == ["t/0 m0", "t/1 m1", "t/2 m2"]


def test_retained_messages(pair: Site) -> None:
    assert pair.publish("-t", "t/kept", "-m", "x", "-r", "-q", "1").returncode == 0
    assert pair.publish("-t", "t/not", "-m", "x", "-q", "1").returncode == 0
    late = pair.subscribe("-t", "t/#", "-C", "1", until=None)
    assert late.leaves() == 0
    assert messages(late) == ["t/kept x"]
    assert pair.publish("-t", "t/kept", "-n", "-r", "-q", "1").returncode == 0
    later = pair.subscribe("-t", "t/#", "-C", "1")
    assert pair.publish("-t", "t/last", "-m", "y").returncode == 0
    assert later.leaves() == 0
    assert messages(later) == ["t/last y"]


@pytest.mark.parametrize("version", VERSIONS)
def test_a_session_outlives_its_connection(pair: Site, version: str) -> None:
    who = ("-i", "sleeper", "-c", "-q", "1", "-t", "t/#", "-V", version)
    who += ("-x", "300") if version == "mqttv5" else ()
    first = pair.subscribe(*who, "-C", "1")
    assert pair.publish("-t", "t/awake", "-m", "1", "-q", "1").returncode == 0
    assert first.leaves() == 0
    assert pair.publish("-t", "t/asleep", "-m", "2", "-q", "1").returncode == 0
    second = pair.subscribe(*who, "-C", "1", until=None)
    assert second.leaves() == 0
    assert messages(second) == ["t/asleep 2"]


def test_a_will(pair: Site) -> None:
    watcher = pair.subscribe("-t", "t/will", "-q", "1", "-C", "1")
    doomed = pair.subscribe(
        "-t", "t/other", "--will-topic", "t/will", "--will-payload", "gone", "--will-qos", "1"
    )
    doomed.kill()
    assert watcher.leaves() == 0
    assert messages(watcher) == ["t/will gone"]


def test_lines_and_large_files(pair: Site) -> None:
    many = [f"line{n}" for n in range(500)]
    subscriber = pair.subscribe("-t", "t/#", "-q", "1", "-C", "501")
    feed = subprocess.run(
        [pair.pub, "-h", "127.0.0.1", "-p", str(pair.port), "-t", "t/l", "-l", "-q", "1"],
        input="\n".join(many) + "\n", text=True, timeout=PATIENCE_S, check=True,
    )  # fmt: skip
    assert feed.returncode == 0
    big = pair.directory / "big"
    big.write_text("b" * 700_000)
    assert pair.publish("-t", "t/f", "-f", str(big), "-q", "2").returncode == 0
    assert subscriber.leaves() == 0
    assert messages(subscriber) == [*(f"t/l {line}" for line in many), "t/f " + "b" * 700_000]


def test_properties_go_through(site: Make) -> None:
    here = site("mqttlab")
    here.ours("--allow-anonymous")
    names = [*CLIENTS["mosquitto"][1:]]
    here.sub = program(names[0])
    subscriber = here.subscribe("-t", "t/p", "-V", "mqttv5", "-C", "1", "-F", "got %C|%R|%P")
    done = here.publish(
        "-t", "t/p", "-m", "x", "-V", "5", "-D", "publish", "content-type", "text/plain",
        "-D", "publish", "response-topic", "t/r", "-D", "publish", "user-property", "a", "b",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert subscriber.leaves() == 0
    assert "got text/plain|t/r|a:b" in subscriber.said


@pytest.fixture
def refusing() -> Iterator[Callable[[str], int]]:
    """The port of a server that says "server moved" to clients of 5.0, and where to."""
    servers: list[socket.socket] = []

    def serve(server: socket.socket, reference: str) -> None:
        moved = b"\x1c" + len(reference).to_bytes(2, "big") + reference.encode()
        why = b"\x1f\x00\x06gone\x1b." + b"\x26\x00\x01k\x00\x01v"
        body = b"\x00\x9d" + bytes([len(moved + why)]) + moved + why
        with contextlib.suppress(OSError):  # the server has been closed
            while True:
                client, _ = server.accept()
                with client:
                    client.recv(4096)
                    client.sendall(b"\x20" + bytes([len(body)]) + body)
                    client.recv(4096)  # until the client closes

    def start(reference: str) -> int:
        servers.append(socket.create_server(("127.0.0.1", 0)))
        threading.Thread(target=serve, args=(servers[-1], reference), daemon=True).start()
        return servers[-1].getsockname()[1]

    yield start
    for server in servers:
        server.shutdown(socket.SHUT_RDWR)
        server.close()


def test_our_clients_go_where_a_server_sends_them(
    site: Make, refusing: Callable[[str], int]
) -> None:
    here = site("mqttlab")
    here.ours("--allow-anonymous")
    reference = f"127.0.0.1:{here.port}"
    here.port = refusing(reference)
    subscriber = here.subscribe("-t", "t/#", "-V", "5", "-C", "1")
    done = here.publish("-t", "t/x", "-m", "hi", "-q", "1", "-V", "5", "-d")
    assert done.returncode == 0, done.stderr
    words = f"connection refused: Server moved; go to {reference}; gone?.; k=v\n"
    assert words in done.stderr
    assert words in subscriber.said
    assert subscriber.leaves() == 0
    assert messages(subscriber) == ["t/x hi"]
    here.port = refusing("not/a/server")
    lost = here.publish("-t", "t/x", "-m", "hi", "-V", "5")
    assert lost.returncode == 1
    assert "Server moved; go to not/a/server" in lost.stderr


@pytest.fixture
def users(tmp_path: Path) -> Path:
    """ada, and bob, whose line mosquitto_passwd would write; eve has been deleted."""
    path = tmp_path / "passwords"
    passwd = program("mqttlab-passwd")
    subprocess.run([passwd, "-c", path, "ada", "secret"], check=True)
    subprocess.run([passwd, "--stdin", path], input="bob:old\neve:x\n", text=True, check=True)
    subprocess.run([passwd, path, "bob", "pass word"], check=True)
    subprocess.run([passwd, "-D", path, "eve"], check=True)
    assert path.stat().st_mode & 0o777 == 0o600
    return path


@pytest.mark.parametrize("clients", list(CLIENTS))
def test_passwords_and_acl(site: Make, users: Path, clients: str, tmp_path: Path) -> None:
    acl = tmp_path / "acl"
    acl.write_text("user ada\ntopic readwrite t/#\nuser bob\ntopic read t/#\n")
    here = site(clients)
    broker = here.ours("--passwords", str(users), "--acl", str(acl), "--log-level", "info")
    ada, bob = ("-u", "ada", "-P", "secret"), ("-u", "bob", "-P", "pass word")
    for who in ((), ("-u", "ada", "-P", "wrong"), ("-u", "eve", "-P", "x")):
        refused = here.publish("-t", "t/x", "-m", "no", *who)
        assert refused.returncode != 0, who
        assert "authori" in refused.stderr.lower() or "password" in refused.stderr.lower()
    subscriber = here.subscribe("-t", "t/#", "-C", "1", *bob)
    here.publish("-t", "t/x", "-m", "bob", "-q", "1", *bob)
    assert here.publish("-t", "t/x", "-m", "ada", "-q", "1", *ada).returncode == 0
    assert subscriber.leaves() == 0
    assert messages(subscriber) == ["t/x ada"]
    broker.until(r"127\.0\.0\.1:\d+ refused: (Bad user name or password|Not authorized) after 0 s")
    broker.until(r"127\.0\.0\.1:\d+ is client '\S+'")
    broker.until(r"127\.0\.0\.1:\d+ disconnected after 0 s")
    assert "secret" not in broker.said


def test_mosquitto_reads_our_password_file(site: Make, users: Path) -> None:
    here = site("mosquitto")
    with socket.create_server(("127.0.0.1", 0)) as probe:
        here.port = probe.getsockname()[1]
    config = here.directory / "mosquitto.conf"
    # Without `user`, mosquitto would give up the rights to read the file.
    config.write_text(f"listener {here.port} 127.0.0.1\npassword_file {users}\nuser root\n")
    here.start(program("mosquitto"), "-c", str(config)).until("running")
    assert here.publish("-t", "t", "-m", "x", "-u", "bob", "-P", "pass word").returncode == 0
    assert here.publish("-t", "t", "-m", "x", "-u", "bob", "-P", "old").returncode != 0


@pytest.fixture
def certificate(tmp_path: Path) -> tuple[Path, Path]:
    """A certificate of 127.0.0.1 that is its own authority, and its key."""
    return self_signed(tmp_path)


@pytest.mark.parametrize("clients", list(CLIENTS))
def test_tls_and_client_certificates(
    site: Make, certificate: tuple[Path, Path], clients: str
) -> None:
    ca, own = ("--cafile", str(certificate[0])), [*map(str, certificate)]
    here = site(clients)
    broker = here.ours(
        "--cert", own[0], "--key", own[1], *ca, "--require-client-cert", "--log-level", "info",
        url="tls://127.0.0.1:0",
    )  # fmt: skip
    with_certificate = (*ca, "--cert", own[0], "--key", own[1])
    subscriber = here.subscribe("-t", "t/#", "-C", "1", *with_certificate)
    assert here.publish("-t", "t/x", "-m", "no", *ca).returncode != 0
    broker.until(r"127\.0\.0\.1:\d+ .*certificate.* after")
    done = here.publish("-t", "t/x", "-m", "yes", "-q", "1", *with_certificate)
    assert done.returncode == 0, done.stderr
    assert subscriber.leaves() == 0
    assert messages(subscriber) == ["t/x yes"]


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_in_order(site: Make, how: signal.Signals) -> None:
    here = site("mosquitto")
    broker = here.ours("--allow-anonymous")
    subscriber = here.subscribe("-t", "t/#", "-V", "mqttv5")
    broker.process.send_signal(how)
    subscriber.until(r"DISCONNECT \(139\)")
    subscriber.kill()
    assert broker.leaves() == 0
    assert broker.said.rstrip().endswith("stopped")


def test_it_says_what_is_wrong(tmp_path: Path) -> None:
    config = tmp_path / "broker.toml"
    config.write_text('listen = ["tcp://127.0.0.1:0"]\nno-such-option = 1\n')
    for words, says in (
        ([], "--allow-anonymous"),
        (["--listen", "tcp://0.0.0.0:0"], "--passwords"),
        (["--allow-anonymous", "--listen", "udp://x"], "unknown scheme 'udp'"),
        (["--allow-anonymous", "--listen", "tls://127.0.0.1:0"], "--cert"),
        (["--allow-anonymous", "--listen", "tcp://192.0.2.1:1"], "cannot listen on tcp://192.0.2"),
        (["--allow-anonymous", "--max-connections", "99999999"], "open files"),
        (["--passwords", "/nowhere"], "/nowhere"),
        (["--allow-anonymous", "--listen", "http://127.0.0.1:0/x"], "--websocket-path"),
        (["--allow-anonymous", "--listen", "http://127.0.0.1:0", "--page", "/nowhere"], "--page"),
        (["--config", str(config), "--allow-anonymous"], "no-such-option"),
    ):
        done = subprocess.run(
            [program("mqttlab-broker"), *words], capture_output=True, text=True, timeout=PATIENCE_S
        )
        assert done.returncode in (2, 3), done
        assert says in done.stderr, words
        assert len([*filter(None, done.stderr.splitlines())]) == 1, done.stderr


def test_a_config_file(site: Make, tmp_path: Path) -> None:
    config = tmp_path / "broker.toml"
    config.write_text('listen = ["tcp://127.0.0.1:0"]\nallow-anonymous = true\nmax-qos = 1\n')
    here = site("mosquitto")
    broker = here.start(program("mqttlab-broker"), "--config", str(config))
    here.port = int(broker.until(r"listening on .*?:(\d+)\n")[1])
    assert here.publish("-t", "t", "-m", "x", "-q", "1", "-V", "mqttv5").returncode == 0
