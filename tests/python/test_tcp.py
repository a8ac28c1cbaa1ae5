"""The simulated network's TCP, where ns-3's own would not go on."""

from __future__ import annotations

import asyncio

import pytest

pytest.importorskip("mqttlab._sim")

import mqttlab
from mqttlab import Lab

PORT, SIZE, MANY = 7, 300_000, 10


def test_a_window_that_is_filled_to_the_byte_holds_up_who_recovers_from_losses() -> None:
    """ns-3 would end the process here."""
    reads = asyncio.Event()

    async def scenario(lab: Lab) -> None:
        await lab.broker("site")
        read: list[int] = []

        async def receives(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reads.wait()
            read.append(len(await reader.readexactly(SIZE)))

        async def sends() -> None:
            _, writer = await asyncio.open_connection("site", PORT)
            writer.write(bytes(SIZE))

        await asyncio.start_server(receives, "site", PORT)
        link = lab.link("gprs", loss="2%")
        for number in range(MANY):
            await lab.device(f"device-{number}", via=link).run(sends())
        await asyncio.sleep(100)  # until no window has room
        assert not read
        lab.settle()
        reads.set()
        await asyncio.sleep(600)
        assert read == [SIZE] * MANY

    mqttlab.run(scenario, until="1h")
