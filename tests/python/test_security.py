"""Who is refused at the door of our broker: as the standard says, in bounded memory, with a line in
the log that names the reason, and no secret."""

from __future__ import annotations

import contextlib
import re
import ssl
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from door import Authority, Door, memory_bytes
from mqtt_bytes import PATIENCE_S, connect, frame, packet, say, text, upgrade
from running import program

SECRETS = ("ada's wonderland", "not ada's")  # a password, and one that is wrong
ADA = {version: connect(version, "ada", SECRETS[0]) for version in (4, 5)}


@pytest.fixture(scope="module")
def passwords(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    directory = tmp_path_factory.mktemp("passwords")
    users, acl = directory / "users", directory / "acl"
    subprocess.run([program("mqttlab-passwd"), "-c", users, "ada", SECRETS[0]], check=True)
    acl.write_text("user ada\ntopic read open/#\ntopic write open/#\n")
    return ["--passwords", str(users), "--acl", str(acl)]


@pytest.fixture(scope="module")
def door(tmp_path_factory: pytest.TempPathFactory, passwords: list[str]) -> Iterator[Door]:
    with Door(
        tmp_path_factory.mktemp("door"), *passwords, "--connect-timeout", "1",
        "--handshake-timeout", "1", "--max-packet-size", "65536",
        "--websocket-origin", "https://good.example", listen=("tcp", "ws"), secrets=SECRETS,
    ) as door:  # fmt: skip
        yield door


@dataclass(frozen=True)
class Case:
    name: str
    sends: tuple[bytes, ...]
    answer: bytes  # how what the broker sends begins
    log: str  # a pattern
    web_socket: bool = False
    pause_s: float = 0.0  # between the parts


UNTIL_TIRED = 40  # parts that are sent a tenth of a second apart: more than the time there is
OPEN = b"HTTP/1.1 101"
PLAIN_CASES = (
    Case("anonymous", (connect(4),), b"\x20\2\0\5", "refused: Not authorized"),
    Case("anonymous 5", (connect(5),), b"\x20\3\0\x87\0", "refused: Not authorized"),
    Case("wrong password", (connect(4, "ada", SECRETS[1]),), b"\x20\2\0\4", "refused: Bad"),
    Case("wrong password 5", (connect(5, "ada", SECRETS[1]),), b"\x20\3\0\x86", "refused: Bad"),
    Case("no password", (connect(5, "ada"),), b"\x20\3\0\x86", "refused: Bad User Name"),
    Case("nobody", (connect(5, "eve", SECRETS[0]),), b"\x20\3\0\x86", "refused: Bad User Name"),
    Case("publishes first", (packet(0x30, text("t") + b"\0"),), b"", "refused: Protocol Error, b"),
    Case("speaks HTTP", (upgrade(),), b"", "refused: "),
    Case("connects twice", (ADA[5] * 2,), b"\x20", "ended by the broker: Protocol Error, breaks"),
    Case("oversized", (b"\x10\xff\xff\xff\x7f" + bytes(99),), b"", "refused: Packet too large"),
    Case(
        "oversized later", (ADA[5] + b"\x30\xff\xff\xff\x7f",), b"\x20",
        "ended by the broker: Packet too large",
    ),
    Case("says nothing", (), b"", "no CONNECT in time"),
    Case("drips", tuple(b"\x10\x7f" + bytes(UNTIL_TIRED)), b"", "no CONNECT in time", pause_s=0.1),
    Case(
        "falls silent", (connect(5, "ada", SECRETS[0], 1),), b"\x20", "broker: Keep Alive timeout"
    ),
    Case(
        "may not publish", (ADA[5] + packet(0x32, text("shut") + b"\0\1\0x") + b"\xe0\0",),
        b"\x20", "'s', user 'ada': may not publish to 'shut'",
    ),
    Case(
        "may not subscribe", (ADA[4] + packet(0x82, b"\0\1" + text("#") + b"\0") + b"\xe0\0",),
        b"\x20\2\0\0\x90\3\0\1\x80", "'s', user 'ada': may not subscribe to '#'",
    ),
)  # fmt: skip
WEB_CASES = tuple(
    Case(name, sends, answer, log, True, pause_s)
    for name, sends, answer, log, pause_s in (
        ("no upgrade", (upgrade(Upgrade=""),), b"HTTP/1.1 426", "426: ", 0.0),
        ("plain MQTT", (ADA[4],), b"HTTP/1.1 400", "400: ", 0.0),
        ("foreign protocol", (upgrade(Sec_WebSocket_Protocol="chat"),), b"HTTP/1.1 400",
         "400: no subprotocol", 0.0),
        ("foreign page", (upgrade(Origin="https://bad.example"),), b"HTTP/1.1 403",
         "403: pages from .?https://bad.example", 0.0),
        ("endless head", (upgrade(X="x" * 100_000),), b"HTTP/1.1 431", "431: ", 0.0),
        ("dripping head", tuple(bytes([c]) for c in upgrade()[:UNTIL_TIRED]), b"", "408", 0.1),
        ("no mask", (upgrade() + frame(ADA[4], mask=False),), OPEN, "a frame without a mask", 0.0),
        ("text", (upgrade() + frame(b"x", opcode=1),), OPEN, "text|binary", 0.0),
        ("huge frame", (upgrade() + b"\x82\xff" + b"\x7f" + b"\xff" * 7 + bytes(5),), OPEN,
         "a message over", 0.0),
        ("fragments without end",
         (upgrade() + frame(b"\x10", fin=False),
          *[frame(b"\x7f", opcode=0, fin=False)] * UNTIL_TIRED), OPEN, "no CONNECT in time", 0.1),
    )
)  # fmt: skip


@pytest.mark.parametrize("case", PLAIN_CASES + WEB_CASES, ids=lambda case: case.name)
def test_each_is_refused_and_the_log_says_why(door: Door, case: Case) -> None:
    with door.dial(int(case.web_socket)) as link:
        name = ":".join(map(str, link.getsockname()))
        parts = tuple(bytes([p]) if isinstance(p, int) else p for p in case.sends)
        got = say(link, *parts, pause_s=case.pause_s, last=b"\x88" if case.web_socket else None)
        assert got.startswith(case.answer), got
    door.broker.until(rf"(?m)({re.escape(name)}|client) .*({case.log})")
    with door.dial() as ada:  # and whoever may is served
        assert say(ada, ADA[4] + b"\xe0\0") == b"\x20\2\0\0"


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[Path, Path] | Path]:
    directory = tmp_path_factory.mktemp("certificates")
    authority, stranger = (Authority(directory, name) for name in ("ours", "theirs"))
    made: dict[str, tuple[Path, Path] | Path] = {
        name: authority.issue(name, days)
        for name, days in (("device-7", 2), ("late", -2), ("lost", 2))
    }
    made["server"] = authority.issue("server", 2, "subjectAltName=IP:127.0.0.1")
    made["foreign"] = stranger.issue("foreign")
    made["ca"] = authority.certificate
    made["crl"] = authority.revoke(made["lost"][0])
    return made


@pytest.fixture(scope="module")
def tls_door(tmp_path_factory: pytest.TempPathFactory, certificates: dict) -> Iterator[Door]:
    cert, key = certificates["server"]
    with Door(
        tmp_path_factory.mktemp("tls"), "--cert", str(cert), "--key", str(key), "--cafile",
        str(certificates["ca"]), "--crl", str(certificates["crl"]), "--require-client-cert",
        "--handshake-timeout", "2", listen=("tls",),
    ) as door:  # fmt: skip
        yield door


def client_context(certificates: dict, name: str | None) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=str(certificates["ca"]))
    if name:
        context.load_cert_chain(*certificates[name])
    return context


@pytest.mark.parametrize(
    ("name", "log"),
    [
        (None, "the client has shown no certificate"),
        ("late", "the client's certificate .*expired.*late"),
        ("foreign", "the client's certificate .*foreign"),
        ("lost", "the client's certificate .*revoked.*lost"),
        ("device-7", "is client 's'"),
    ],
)
def test_certificates(tls_door: Door, certificates: dict, name: str | None, log: str) -> None:
    with tls_door.dial() as link:
        address = ":".join(map(str, link.getsockname()))
        context = client_context(certificates, name)
        got = b""
        with (
            contextlib.suppress(ssl.SSLError, ConnectionError),
            context.wrap_socket(link, server_hostname="127.0.0.1") as secure,
        ):
            got = say(secure, connect(4) + b"\xe0\0")
        assert got == (b"\x20\2\0\0" if name == "device-7" else b"")
    tls_door.broker.until(rf"{re.escape(address)} {log}")


def hello(certificates: dict) -> bytes:
    """The first bytes of a client of TLS."""
    out = ssl.MemoryBIO()
    client = client_context(certificates, None).wrap_bio(
        ssl.MemoryBIO(), out, server_hostname="127.0.0.1"
    )
    with contextlib.suppress(ssl.SSLWantReadError):
        client.do_handshake()
    return out.read()


@contextlib.contextmanager
def flood(door: Door, count: int, first: Callable[[int], bytes]) -> Iterator[float]:
    """So many connections that begin and do not go on: resident bytes for each, while they last.

    They last until the broker has ended all of them.
    """
    with contextlib.ExitStack() as stack:
        before = memory_bytes(door.broker)
        links = [stack.enter_context(door.dial()) for _ in range(count)]
        for number, link in enumerate(links):
            link.sendall(first(number))
        while f"{links[-1].getsockname()[1]} connected" not in door.broker.said:
            links[0].settimeout(0.01)
            with contextlib.suppress(TimeoutError, ConnectionError):
                links[0].recv(4096)
        yield (memory_bytes(door.broker, "VmHWM") - before) / count
        for link in links:
            link.settimeout(PATIENCE_S)
            with contextlib.suppress(ConnectionError):
                while link.recv(4096):
                    pass


@pytest.mark.parametrize(
    ("kind", "first"),
    [
        ("silent", lambda number: b""),
        ("half a CONNECT", lambda number: ADA[4][: 1 + number % 20]),
        ("announced", lambda number: b"\x10\xf0\xff\x03" + b"\0" * 100),
    ],
)
def test_a_flood_of_connections_is_bounded(
    tmp_path: Path, passwords: list[str], kind: str, first: Callable[[int], bytes]
) -> None:
    with Door(tmp_path, *passwords, "--connect-timeout", "1", "--max-connections", "450") as door:
        with flood(door, 400, first) as each:
            print(f"{kind}: {each:.0f} B for each connection")
            assert each < 8_000
        with door.dial() as ada:
            assert say(ada, ADA[4] + b"\xe0\0") == b"\x20\2\0\0"


def test_a_flood_of_handshakes_is_bounded(tls_door: Door, certificates: dict) -> None:
    begun = hello(certificates)
    with flood(tls_door, 200, lambda number: begun if number % 2 else begun[:50]) as each:
        print(f"handshakes: {each:.0f} B for each connection")
        assert each < 80_000
    tls_door.broker.until("has not finished the TLS handshake in time")
    context = client_context(certificates, "device-7")
    with tls_door.dial() as link, context.wrap_socket(link, server_hostname="127.0.0.1") as secure:
        assert say(secure, connect(4) + b"\xe0\0") == b"\x20\2\0\0"


def test_those_over_a_limit_are_closed_and_named(tmp_path: Path, passwords: list[str]) -> None:
    with Door(tmp_path, *passwords, "--max-connections", "3") as door:
        inside = [door.dial() for _ in range(3)]
        door.broker.until(rf"{re.escape(':'.join(map(str, inside[2].getsockname())))} connected")
        with door.dial() as outside:
            assert say(outside, ADA[4]) == b""
        door.broker.until("refused: 3 connections are the limit of this broker")
        for link in inside:
            link.close()
