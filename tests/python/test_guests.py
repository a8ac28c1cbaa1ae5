"""Programs of asyncio that are none of ours, on the simulated network."""

from __future__ import annotations

import asyncio
import contextvars
import os
import random
import secrets
import socket
import time
import uuid
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

import mqttlab
from mqttlab import Lab
from mqttlab.errors import VirtualTimeError
from mqttlab.surroundings import EPOCH_S

ECHO = 7
Program = Callable[[Lab, mqttlab.Device], Awaitable[Any]]


async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(65_536):
        writer.write(data)
        await writer.drain()
    writer.close()


def on_a_device(program: Program, seed: int = 1, until: str = "10min", **link: Any) -> Any:
    """What a program returns that runs on a device; at the site is an echo server."""
    returned: list[Any] = []

    async def scenario(lab: Lab) -> None:
        lab.broker("site")
        device = lab.device("device", lab.link(**{"rate": "1Mbit/s", "delay": "20ms", **link}))
        await asyncio.start_server(echo, "site", ECHO)
        returned.append(await device.run(program(lab, device)))  # type: ignore[arg-type]

    mqttlab.run(scenario, seed=seed, until=until)
    return returned[0] if returned else None


class Recorder(asyncio.Protocol):
    """Writes down what it is told."""

    def __init__(self) -> None:
        self.told: list[str] = []
        self.size = 0
        self.lost: asyncio.Future[Any] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: Any) -> None:
        self.transport = transport
        self.told.append("made")

    def data_received(self, data: bytes) -> None:
        self.size += len(data)

    def eof_received(self) -> None:
        self.told.append("eof")

    def pause_writing(self) -> None:
        self.told.append("pause")

    def resume_writing(self) -> None:
        self.told.append("resume")

    def connection_lost(self, error: Exception | None) -> None:
        self.told.append("lost")
        self.lost.set_result(error)


async def recorders() -> list[Recorder]:
    """The site's ends of connections to ECHO, as they come."""
    ends: list[Recorder] = []

    def accept() -> Recorder:
        ends.append(Recorder())
        return ends[-1]

    await asyncio.get_running_loop().create_server(accept, "site", ECHO)
    return ends


async def dial(factory: Callable[[], Any] = Recorder, port: int = ECHO) -> Any:
    loop = asyncio.get_running_loop()
    return (await loop.create_connection(factory, "site", port))[1]


async def both_ends(lab: Lab) -> tuple[mqttlab.Device, Recorder, Recorder]:
    """A device, and a connection from it: its end, and the site's."""
    lab.broker("site")
    device = lab.device("device")
    servers = await recorders()
    client = await device.run(dial())
    await asyncio.sleep(1)
    (server,) = servers
    return device, client, server


@pytest.mark.parametrize("loss", [0, "10%"])
def test_bytes_arrive_whole_and_in_order(loss: object) -> None:
    sent = random.Random(1).randbytes(300_000)

    async def program(lab: Lab, device: mqttlab.Device) -> tuple[bytes, float]:
        reader, writer = await asyncio.open_connection("site", ECHO)
        writer.write(sent)
        got = await reader.readexactly(len(sent))
        writer.close()
        await writer.wait_closed()
        return got, lab.now()

    got, took_s = on_a_device(program, loss=loss)
    assert got == sent
    assert took_s > len(sent) * 8 / 1e6  # the link's rate


def test_a_connection_tells_its_addresses() -> None:
    async def program(lab: Lab, device: mqttlab.Device) -> list[Any]:
        transport = (await dial()).transport
        names = ("sockname", "peername")
        return [transport.get_extra_info(name) for name in names] + [
            transport.get_extra_info("socket").getpeername()
        ]

    here, there, again = on_a_device(program)
    assert here[0] == "10.1.0.1"
    assert there == again == ("10.0.0.1", ECHO)


def test_what_cannot_be_reached_raises_what_asyncio_raises() -> None:
    async def program(lab: Lab, device: mqttlab.Device) -> None:
        with pytest.raises(ConnectionRefusedError):
            await dial(port=ECHO + 1)
        assert lab.now() < 0.1
        with pytest.raises(socket.gaierror, match=r"'elsewhere': no such host .* 'site'"):
            await asyncio.open_connection("elsewhere", ECHO)
        async with lab.outage(device):
            with pytest.raises(TimeoutError):
                await dial()
        assert 127 < lab.now() < 128  # 1+2+4+...+64 s, as Linux
        device.die("silent")
        with pytest.raises(OSError, match="device is dead"):
            await dial()

    on_a_device(program)


def test_what_virtual_time_cannot_do_is_named_with_a_remedy() -> None:
    async def program(lab: Lab, device: mqttlab.Device) -> None:
        loop = asyncio.get_running_loop()
        with pytest.raises(VirtualTimeError, match=r"ssl=True .*transport='tls'"):
            await asyncio.open_connection("site", ECHO, ssl=True)
        with pytest.raises(VirtualTimeError, match="sock=5"):
            await loop.create_connection(Recorder, sock=5, host="site", port=1)  # type: ignore
        with pytest.raises(OverflowError, match="port 'x'"):
            await asyncio.open_connection("site", "x")
        with pytest.raises(OSError, match="devices take no connections"):
            await asyncio.start_server(echo, "site", 1)
        with pytest.raises(VirtualTimeError, match="create_datagram_endpoint"):
            loop.create_datagram_endpoint(asyncio.DatagramProtocol)

    on_a_device(program)


def test_a_program_runs_on_a_device_and_its_tasks_with_it() -> None:
    async def scenario(lab: Lab) -> None:
        with pytest.raises(VirtualTimeError, match="make it first"):
            await dial()
        lab.broker("site")
        with pytest.raises(OSError, match=r"write await device\.run"):
            await dial()
        await asyncio.start_server(echo, port=ECHO)

        async def program() -> str:
            peer = await asyncio.create_task(dial())
            return str(peer.transport.get_extra_info("sockname")[0])

        devices = lab.devices(3)
        async with asyncio.TaskGroup() as tasks:
            found = [tasks.create_task(device.run(program())) for device in devices]
        assert [one.result() for one in found] == ["10.1.0.1", "10.1.0.2", "10.1.0.3"]

    mqttlab.run(scenario, until="1min")


def test_a_server_may_be_closed_when_the_run_is_over() -> None:
    kept: list[asyncio.Server] = []

    async def scenario(lab: Lab) -> None:
        lab.broker("site")
        kept.append(await asyncio.start_server(echo, "site", ECHO))

    mqttlab.run(scenario, until="1min")
    kept[0].close()
    assert not kept[0].is_serving()


def test_a_port_has_one_server_and_is_refused_after_it() -> None:
    async def scenario(lab: Lab) -> None:
        lab.broker("site")
        device = lab.device("device")
        with pytest.raises(OSError, match="port 1883 of site: it is taken"):
            await asyncio.start_server(echo, port=1883)
        with pytest.raises(OSError, match=r"'0\.0\.0\.1': this site is 'site'"):
            await asyncio.start_server(echo, "0.0.0.1", 1)
        server = await asyncio.start_server(echo, port=0)
        port = server.sockets[0].getsockname()[1]
        peer = await device.run(dial(port=port))
        await asyncio.sleep(1)
        server.close()
        await server.wait_closed()
        peer.transport.write(b"still")
        await asyncio.sleep(1)
        assert peer.size == 5
        with pytest.raises(ConnectionRefusedError):
            await device.run(dial(port=port))
        async with await asyncio.start_server(echo, port=port, start_serving=False) as again:
            with pytest.raises(ConnectionRefusedError):
                await device.run(dial(port=port))
            await again.start_serving()
            await device.run(dial(port=port))

    mqttlab.run(scenario, until="1min")


def test_one_way_does_not_end_alone() -> None:
    async def scenario(lab: Lab) -> None:
        _, client, server = await both_ends(lab)
        assert not client.transport.can_write_eof()
        with pytest.raises(VirtualTimeError, match=r"write_eof\(\) is not possible.*use close"):
            client.transport.write_eof()
        client.transport.close()
        assert await server.lost is None

    mqttlab.run(scenario, until="1min")


def test_a_writer_is_paused_while_its_reader_does_not_read() -> None:
    size = 2_000_000

    async def scenario(lab: Lab) -> None:
        _, client, server = await both_ends(lab)
        server.transport.pause_reading()
        client.transport.write(bytes(size))
        await asyncio.sleep(60)
        assert server.size == 0
        assert client.told == ["made", "pause"]
        assert size > client.transport.get_write_buffer_size() > size // 2
        server.transport.resume_reading()
        await asyncio.sleep(60)
        assert server.size == size
        assert client.told == ["made", "pause", "resume"]
        assert client.transport.get_write_buffer_size() == 0

    mqttlab.run(scenario, until="5min")


def test_close_says_all_and_abort_only_what_the_socket_has() -> None:
    async def scenario(lab: Lab) -> None:
        lab.broker("site")
        device = lab.device("device", "lte")
        servers = await recorders()
        closes, aborts = await device.run(dial()), await device.run(dial())
        for client in (closes, aborts):
            client.transport.write(bytes(500_000))
        closes.transport.close()
        closes.transport.write(b"no more")
        aborts.transport.abort()
        assert await closes.lost is None
        assert await aborts.lost is None
        closed, aborted = servers
        assert await closed.lost is None
        assert closed.told == ["made", "eof", "lost"]
        assert closed.size == 500_000
        assert await aborted.lost is None
        assert aborted.size < 500_000

    mqttlab.run(scenario, until="5min")


@pytest.mark.parametrize(
    ("how", "expected"), [("fin", type(None)), ("reset", ConnectionResetError)]
)
def test_a_death_ends_streams_as_the_kernel_would(how: Any, expected: type) -> None:
    async def scenario(lab: Lab) -> None:
        device, client, server = await both_ends(lab)
        device.die(how)
        assert "device is dead" in str(await client.lost)
        assert isinstance(await server.lost, expected)

    mqttlab.run(scenario, until="5min")


class Faulty(Recorder):
    def data_received(self, data: bytes) -> None:
        raise LookupError("oops")


def test_what_a_protocol_raises_ends_the_run() -> None:
    async def program(lab: Lab, device: mqttlab.Device) -> None:
        (await dial(Faulty)).transport.write(b"x")
        await asyncio.sleep(10)

    with pytest.raises(LookupError, match="oops"):
        on_a_device(program)


def test_what_a_protocol_raises_goes_to_the_handler_and_ends_the_connection() -> None:
    async def program(lab: Lab, device: mqttlab.Device) -> tuple[Any, list[Any]]:
        seen: list[Any] = []
        asyncio.get_running_loop().set_exception_handler(lambda _, what: seen.append(what))
        peer = await dial(Faulty)
        peer.transport.write(b"x")
        return await peer.lost, seen

    error, seen = on_a_device(program)
    assert isinstance(error, LookupError)
    assert [one["exception"] for one in seen] == [error]
    assert seen[0]["message"] == "Fatal error: protocol.data_received() call failed."


def test_a_cancelled_dial_leaves_nothing_behind() -> None:
    async def program(lab: Lab, device: mqttlab.Device) -> int:
        async with lab.outage(device):
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(dial(), 5)
        accepted = []
        server = await asyncio.create_task(
            asyncio.get_running_loop().create_server(lambda: accepted.append(1), port=9),
            context=contextvars.Context(),  # not on the device
        )
        dialing = asyncio.create_task(dial(port=9))
        await asyncio.sleep(0.03)  # the SYN is there, its answer is not
        dialing.cancel()
        await asyncio.sleep(60)
        server.close()
        return len(accepted)

    assert on_a_device(program) == 0


def test_streams_that_a_run_leaves_open_are_of_no_consequence() -> None:
    left: list[Any] = []

    async def program(lab: Lab, device: mqttlab.Device) -> None:
        peer = await dial()
        left.append(peer.transport)
        peer.transport.write(bytes(1_000_000))
        reader, writer = await asyncio.open_connection("site", ECHO)
        left.append(writer)
        try:
            await reader.read()
        finally:
            writer.write(b"goodbye")
            writer.close()

    on_a_device(program, until="1s")
    transport, writer = left
    assert transport.is_closing()
    transport.write(b"x")
    transport.close()
    transport.abort()
    writer.close()
    assert transport.get_write_buffer_size() == 0


def test_programs_see_virtual_clocks_and_chance_from_the_seed() -> None:
    before = (time.time, time.monotonic, os.urandom)

    async def program(lab: Lab, device: mqttlab.Device) -> list[Any]:
        start = time.monotonic()
        await asyncio.sleep(100)
        assert time.monotonic() - start == pytest.approx(100)
        assert time.perf_counter_ns() == time.monotonic_ns() == round(lab.now() * 1e9)
        assert time.time() == EPOCH_S + lab.now()
        assert time.ctime() == time.ctime(time.time()) != time.ctime(EPOCH_S)
        assert time.strftime("%F %T") == time.strftime("%F %T", time.localtime(time.time()))
        ids = [str(uuid.uuid4()), str(uuid.uuid1())]
        return [*ids, secrets.token_hex(), random.random(), os.urandom(4)]

    first, again, other = (on_a_device(program, seed=seed) for seed in (1, 1, 2))
    assert first == again
    assert all(a != b for a, b in zip(first, other, strict=True))
    assert before == (time.time, time.monotonic, os.urandom)


GMQTT = """
import asyncio, gmqtt, mqttlab

async def program(lab):
    client = gmqtt.Client("guest", clean_session=True)
    connected = asyncio.Event()
    client.on_connect = lambda *_: connected.set()
    await client.connect("site", 1883, keepalive=10, version={version})
    await connected.wait()
    for number in range(20):
        client.publish("guest/t", f"message {{number}}", qos=2)
        await asyncio.sleep(1)
    await asyncio.sleep(12 * 10)  # idle: over ten keep alives
    assert client.is_connected
    await client.disconnect()

async def scenario(lab):
    lab.broker("site")
    guest = lab.device("guest", lab.link("umts", loss="5%"))
    got = []
    async with lab.device("desk").client() as desk:
        await desk.subscribe("guest/#", qos=2)
        running = asyncio.create_task(guest.run(program(lab)))
        while len(got) < 20:
            got.append((await anext(desk.messages)).payload.decode())
        await running
    assert got == [f"message {{number}}" for number in range(20)]

result = mqttlab.run(scenario, seed=7, until="10min", pcap={pcap!r})
"""
SHOWN = """
result.check("Q2-ONCE", "KA-ENFORCE", "NO-FABRICATION", "STREAM-OK")
print(result.fingerprint, *(one.why for one in result.verdicts if one.invariant == "Q2-ONCE"))
"""


@pytest.mark.parametrize("version", [4, 5])
def test_gmqtt_as_it_is_keeps_its_promises_over_a_lossy_link(
    version: int, in_process: Callable[..., str], tmp_path: Path
) -> None:
    code = GMQTT.format(version=version, pcap=str(tmp_path / "run.pcap")) + SHOWN
    first, again = (in_process(code, hash_seed=seed) for seed in (0, 1))
    assert first == again
    assert "what its application got is not in the trace" in first
