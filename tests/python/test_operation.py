"""What an operator does with our broker: files that change while it runs, clients without end."""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import ssl
import subprocess
import threading
import urllib.request
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from door import Authority, Door, memory_bytes
from mqtt_bytes import connect, frame, packet, say, text, upgrade
from running import PATIENCE_S, program

GOODBYE = b"\xe0\0"
ACCEPTED, REFUSED = b"\x20\2\0\0", b"\x20\2\0\4"


def knock(door: Door, user: str, password: str) -> bytes:
    with door.dial() as link:
        return say(link, connect(4, user, password) + GOODBYE)


@pytest.mark.parametrize(
    ("lines", "says"),
    [
        ("listen = [\n 'tcp://[::1]:0',\n]\nno-such = 1\n", "line 4: unknown key 'no-such'"),
        ("max-qos = 3\n", "line 1: --max-qos: "),
        ("acl = 'a#b, c'\n", "a#b, c"),
        ("# x\nallow-anonymous = 1\n", "line 2: 'allow-anonymous' must be true or false"),
        ("max-qos = true\n", "line 1: 'max-qos' needs a value"),
        ("max-qos = [1, 2]\n", "line 1: 'max-qos' takes one value, not an array"),
        ("max-qos = \n", "line 1: "),
        ("[limits]\nmax-qos = 1\n", "line 1: unknown key 'limits'"),
        ("config = 'x'\n", "line 1: unknown key 'config'"),
    ],
)  # fmt: skip
def test_a_broken_config_file_is_told_where(tmp_path: Path, lines: str, says: str) -> None:
    config = tmp_path / "broker.toml"
    config.write_text(lines)
    done = subprocess.run(
        [program("mqttlab-broker"), "--config", str(config), "--allow-anonymous"],
        capture_output=True, text=True, timeout=PATIENCE_S,
    )  # fmt: skip
    assert done.returncode in (2, 3)
    assert says in done.stderr, done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_the_command_line_counts_before_the_config_file(tmp_path: Path) -> None:
    config = tmp_path / "broker.toml"
    config.write_text(
        "listen = ['tcp://127.0.0.1:1', 'tcp://127.0.0.1:2']  # of root\n"
        "allow-anonymous = true\nlog-level = 'error'\nconnect-timeout = 0.5\nmax-packet-size = 99\n"
    )
    with Door(tmp_path, "--config", str(config)) as door:
        with door.dial() as link:
            assert say(link, packet(0x10, bytes(120))) == b""
        door.broker.until("refused: Packet too large")
        with door.dial() as link:
            assert say(link) == b""
        door.broker.until("no CONNECT in time")


class Files:
    """Users, rights and certificates of a broker, all of which may change."""

    def __init__(self, directory: Path) -> None:
        self.users, self.acl = directory / "users", directory / "acl"
        self.cert, self.key = directory / "cert", directory / "key"
        self.set_password("ada", "worn out")
        self.acl.write_text("user ada\ntopic readwrite a/#\n")
        self.authority = Authority(directory, "authority")
        self.certify("first")

    def set_password(self, user: str, password: str) -> None:
        create = [] if self.users.exists() else ["-c"]
        subprocess.run(
            [program("mqttlab-passwd"), *create, str(self.users), user, password], check=True
        )

    def certify(self, name: str) -> None:
        made = self.authority.issue(name, 2, "subjectAltName=IP:127.0.0.1")
        for path, text_of in zip((self.cert, self.key), made, strict=True):
            path.write_bytes(text_of.read_bytes())

    @property
    def options(self) -> list[str]:
        files = {"passwords": self.users, "acl": self.acl, "cert": self.cert, "key": self.key}
        return [word for name, path in files.items() for word in (f"--{name}", str(path))]


def test_files_are_read_again_and_nobody_is_dropped(tmp_path: Path) -> None:
    files = Files(tmp_path)
    secrets = ("worn out", "brand new")
    with Door(tmp_path, *files.options, listen=("tcp", "tls"), secrets=secrets) as door:
        context = ssl.create_default_context(cafile=str(files.authority.certificate))

        def certified() -> str:
            with (
                door.dial(1) as link,
                context.wrap_socket(link, server_hostname="127.0.0.1") as secure,
            ):
                subject = secure.getpeercert()
                assert subject
                return str(subject["subject"])

        def hang_up(says: str) -> None:
            door.broker.process.send_signal(signal.SIGHUP)
            door.broker.until(f"SIGHUP: {says}")

        with door.dial() as stays:
            stays.settimeout(PATIENCE_S)
            stays.sendall(connect(5, "ada", "worn out", client_id="stays"))
            assert stays.recv(99).startswith(b"\x20")
            hang_up("nothing is new")
            files.set_password("ada", "brand new")
            hang_up("new passwords count")
            assert knock(door, "ada", "worn out") == REFUSED
            assert knock(door, "ada", "brand new") == ACCEPTED

            files.users.write_text("ada:what is this\n")
            hang_up(r".*users, line 1: .*; the old passwords count on")
            assert knock(door, "ada", "brand new") == ACCEPTED

            stays.sendall(packet(0x82, b"\0\1\0" + text("b") + b"\0"))
            assert stays.recv(999).endswith(b"\x87")
            files.acl.write_text("user ada\ntopic readwrite b/#\n")
            hang_up("new rights")
            stays.sendall(packet(0x82, b"\0\2\0" + text("b") + b"\0"))
            assert stays.recv(99) == b"\x90\4\0\2\0\0"

            assert "first" in certified()
            files.certify("second")
            hang_up("new certificates")
            assert "second" in certified()
            files.key.unlink()
            hang_up(r".*--key.*; the old certificates count on")
            assert "second" in certified()
            stays.sendall(b"\xc0\0")
            assert stays.recv(99) == b"\xd0\0"


class IdentitySystem(ThreadingHTTPServer):
    """Knows ada, and what was asked."""

    daemon_threads = True

    def __init__(self, certificate: tuple[Path, Path] | None = None) -> None:
        self.asked: list[dict[str, str]] = []
        self.status = 0  # instead of an answer
        super().__init__(("127.0.0.1", 0), Clerk)
        if certificate:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(*certificate)
            self.socket = context.wrap_socket(
                self.socket, server_side=True, do_handshake_on_connect=False
            )
        threading.Thread(target=self.serve_forever, daemon=True).start()


class Clerk(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: IdentitySystem

    def handle(self) -> None:
        with contextlib.suppress(ssl.SSLError, ConnectionError):
            super().handle()

    def do_POST(self) -> None:
        question = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.asked.append(question)
        known = question.get("password") == "wonderland" or question.get("certificate") == "dev"
        answer = b""
        if known:
            answer = json.dumps({"user_name": "alice", "acl": ["read own/%u"]}).encode()
        self.send_response(self.server.status or (200 if known else 403))
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, format: str, *arguments: object) -> None:
        pass


@pytest.fixture
def identity_system() -> Iterator[IdentitySystem]:
    system = IdentitySystem()
    yield system
    system.shutdown()
    system.server_close()


def test_an_identity_system_says_who_may_connect(
    tmp_path: Path, identity_system: IdentitySystem
) -> None:
    url = f"http://127.0.0.1:{identity_system.server_address[1]}/mqtt"
    with Door(
        tmp_path, "--identity-url", url, "--identity-cache-denied", "0",
        secrets=("wonderland", "guess"),
    ) as door:  # fmt: skip
        with door.dial() as link:
            both = packet(0x82, b"\0\1" + text("own/alice") + b"\0" + text("own/ada") + b"\0")
            got = say(link, connect(4, "ada", "wonderland"), both + GOODBYE)
            assert got == ACCEPTED + b"\x90\4\0\1\0\x80"
        assert identity_system.asked == [
            {"client_id": "s", "user_name": "ada", "password": "wonderland", "address": "127.0.0.1"}
        ]
        assert knock(door, "ada", "guess") == REFUSED
        identity_system.status = 500
        assert knock(door, "ada", "guess") == b"\x20\2\0\3", "server unavailable"
        door.broker.until(r"identity system http://\S+: it answers 500; nobody")
        assert knock(door, "ada", "wonderland") == ACCEPTED, "known from before"
        assert len(identity_system.asked) == 3
        identity_system.status = 0
        assert knock(door, "ada", "guess") == REFUSED
        door.broker.until("answers again")


@pytest.mark.parametrize(
    ("name", "of_authority", "granted"),
    [("IP:127.0.0.1", True, True), ("IP:127.0.0.1", False, False), ("DNS:other", True, False)],
)
def test_an_identity_system_has_to_prove_itself(
    tmp_path: Path, name: str, of_authority: bool, granted: bool
) -> None:
    ours, theirs = (Authority(tmp_path, who) for who in ("ours", "theirs"))
    issuer = ours if of_authority else theirs
    system = IdentitySystem(issuer.issue("clerk", 2, f"subjectAltName={name}"))
    url = f"https://127.0.0.1:{system.server_address[1]}/mqtt"
    options = ("--identity-url", url, "--identity-cafile", str(ours.certificate))
    with Door(tmp_path, *options, secrets=("wonderland",)) as door:
        answer = knock(door, "ada", "wonderland")
        assert answer == (ACCEPTED if granted else b"\x20\2\0\3")
        assert len(system.asked) == granted
        if not granted:
            door.broker.until(r"identity system https://\S+: TLS: .*; nobody")
    system.shutdown()
    system.server_close()


def test_who_a_certificate_is(tmp_path: Path) -> None:
    authority = Authority(tmp_path, "authority")
    server = authority.issue("server", 2, "subjectAltName=IP:127.0.0.1")
    device = authority.issue("device", 2, "subjectAltName=URI:urn:dev:7,email:dev@example.org")
    acl = tmp_path / "acl"
    acl.write_text("pattern read %u\n")
    context = ssl.create_default_context(cafile=str(authority.certificate))
    context.load_cert_chain(*device)
    for kind, name in (("cn", "device"), ("uri", "urn:dev:7"), ("email", "dev@example.org")):
        options = ["--cert", str(server[0]), "--key", str(server[1]), "--acl", str(acl)]
        options += ["--cafile", str(authority.certificate), "--certificate-login"]
        with (
            Door(tmp_path, *options, "--certificate-identity", kind, listen=("tls",)) as door,
            door.dial() as link,
            context.wrap_socket(link, server_hostname="127.0.0.1") as secure,
        ):
            filters = packet(0x82, b"\0\1" + text(name) + b"\0" + text("other") + b"\0")
            assert say(secure, connect(4), filters + GOODBYE) == ACCEPTED + b"\x90\4\0\1\0\x80"


def metrics_of(page: str) -> dict[str, float]:
    """Prometheus' text format, more strictly than Prometheus reads it: its conventions count."""
    values: dict[str, float] = {}
    helped, kinds = set(), {}
    assert page.endswith("\n")
    for line in page.splitlines():
        if found := re.fullmatch(r"# HELP ([a-z][a-z0-9_]*) ([^\\]+[.])", line):
            assert found[1] not in helped, line
            helped.add(found[1])
        elif found := re.fullmatch(r"# TYPE ([a-z][a-z0-9_]*) (counter|gauge)", line):
            assert found[1] in helped, line
            assert found[1] not in kinds, line
            assert found[1].endswith("_total") == (found[2] == "counter"), line
            kinds[found[1]] = found[2]
        else:
            found = re.fullmatch(r'([a-z_]+)(\{[a-z_]+="[^"\\]*"\})? ([0-9.e+-]+)', line)
            assert found, line
            assert found[1] == [*kinds][-1], "samples stand behind their TYPE"
            assert found[1] + (found[2] or "") not in values, line
            values[found[1] + (found[2] or "")] = float(found[3])
    assert helped == set(kinds)
    return values


def test_metrics_are_as_prometheus_wants_them(tmp_path: Path) -> None:
    with Door(tmp_path, "--allow-anonymous", "--metrics", listen=("http", "tcp")) as door:

        def scrape() -> dict[str, float]:
            with urllib.request.urlopen(
                f"http://127.0.0.1:{door.ports[0]}/metrics", timeout=PATIENCE_S
            ) as page:
                assert page.headers["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8"
                return metrics_of(page.read().decode())

        before = scrape()
        with door.dial(1) as link, door.dial(1) as stranger:
            link.settimeout(PATIENCE_S)
            words = connect(5) + packet(0x82, b"\0\1\0" + text("a") + b"\0")
            words += packet(0x31, text("a") + b"\0hello") * 3
            link.sendall(words)
            got = b""
            while got.count(b"hello") < 3:
                got += link.recv(999)
            assert say(stranger, b"\xc0\0") == b""
            after = scrape()
        grown = {name: after[name] - was for name, was in before.items() if after[name] != was}
        assert grown.pop("mqttlab_received_bytes_total") == len(words) + 2
        assert grown.pop("mqttlab_sent_bytes_total") == len(got)
        assert grown.pop("mqttlab_retained_bytes") > 0
        assert grown.pop("mqttlab_sockets") in (1, 2), "the broker may wait for the stranger's end"
        for name in [name for name in grown if name.startswith("process_")]:
            del grown[name]
        assert grown == {
            "mqttlab_clients_connected": 1, "mqttlab_clients_connected_maximum": 1,
            "mqttlab_sessions": 1, "mqttlab_connects_total{result=\"accepted\"}": 1,
            "mqttlab_connects_total{result=\"refused\"}": 1, "mqttlab_subscriptions": 1,
            "mqttlab_retained_messages": 1, "mqttlab_messages_received_total": 3,
            "mqttlab_messages_sent_total": 3, "mqttlab_packets_received_total": 6,
            "mqttlab_packets_sent_total": 5,
            "mqttlab_sockets_accepted_total": 3,
        }  # fmt: skip


def test_visitors_leave_no_memory_behind(tmp_path: Path) -> None:
    visits = int(os.environ.get("MQTTLAB_LEAK_VISITS", "2000"))
    authority = Authority(tmp_path, "authority")
    cert, key = authority.issue("server", 2, "subjectAltName=IP:127.0.0.1")
    with Door(
        tmp_path, "--allow-anonymous", "--cert", str(cert), "--key", str(key),
        "--accept-rate", "0", listen=("tcp", "ws", "tls"), level="notice",
    ) as door:  # fmt: skip
        context = ssl.create_default_context(cafile=str(authority.certificate))

        def visit(number: int) -> None:
            client_id = f"visitor-{number:09}"
            expires = b"\5\x11\0\0\0\1" if number % 2 else b"\0"  # in a second
            body = text("MQTT") + b"\5\2\0\0" + expires + text(client_id)
            words = packet(0x10, body) + packet(0x82, b"\0\1\0" + text(f"to/{client_id}") + b"\1")
            words += packet(0x32, text(f"to/{client_id}") + b"\0\2\0" + b"x" * (number % 500))
            words += GOODBYE if number % 3 else b""
            listener = 2 if number % 20 == 0 else number % 2
            with door.dial(listener) as link:
                if listener == 2:
                    with context.wrap_socket(link, server_hostname="127.0.0.1") as secure:
                        secure.sendall(words)
                        assert secure.recv(4096).startswith(b"\x20")
                    return
                if listener == 1:
                    link.sendall(upgrade())
                    assert link.recv(4096).startswith(b"HTTP/1.1 101")
                    words = b"".join(frame(words[i : i + 100]) for i in range(0, len(words), 100))
                link.sendall(words)
                assert link.recv(4096)

        def after(begin: int, count: int) -> int:
            for number in range(begin, begin + count):
                visit(number)
            return memory_bytes(door.broker)

        before = after(0, 1000)
        grown = after(1000, visits) - before
        print(f"{visits} visits: {grown} B more than the {before} B before")
        assert grown < 512 << 10
