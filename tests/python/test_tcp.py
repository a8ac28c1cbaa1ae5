"""The simulated network's TCP, where ns-3's own would not go on."""

from __future__ import annotations

import asyncio

import pytest

pytest.importorskip("mqttlab._sim")

import mqttlab
from mqttlab import Lab

PORT, SIZE, MANY = 7, 300_000, 10


class Reader(asyncio.Protocol):
    """Counts what comes."""

    def __init__(self) -> None:
        self.size = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        self.size += len(data)


# Seed 1: a window is filled to the byte while its sender recovers, where ns-3 ends the process; and
# the news that a small window has become large is lost. Seed 58: what filled a small window, too.
@pytest.mark.parametrize("seed", [1, 58])
def test_whoever_reads_again_gets_everything_whatever_is_lost_meanwhile(seed: int) -> None:
    async def scenario(lab: Lab) -> None:
        await lab.broker("site")
        readers: list[Reader] = []

        def accept() -> Reader:
            readers.append(Reader())
            return readers[-1]

        async def send() -> None:
            loop = asyncio.get_running_loop()
            transport, _ = await loop.create_connection(asyncio.Protocol, "site", PORT)
            transport.write(bytes(SIZE))

        await asyncio.get_running_loop().create_server(accept, "site", PORT)
        link = lab.link("gprs", loss="2%")
        for number in range(MANY):
            await lab.device(f"device-{number}", via=link).run(send())
        await asyncio.sleep(1)
        for reader in readers:
            reader.transport.pause_reading()
        await asyncio.sleep(100)  # until no window has room
        assert all(reader.size < SIZE // 2 for reader in readers)
        for reader in readers:
            reader.transport.resume_reading()
        await asyncio.sleep(1000)
        assert [reader.size for reader in readers] == [SIZE] * MANY

    mqttlab.run(scenario, seed=seed, until="1h")
