"""A scenario with a client that breaks a rule, and what it has beside that: one of each type."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

import mqttlab

CONNECT = bytes.fromhex("100d00044d5154540402003c000161")
PUBLISH = bytes.fromhex("3a060001740001") + b"x"  # QoS 1, id 1, and DUP: DUP-RULE
PUBLISH_ONCE = b"\x32" + PUBLISH[1:]


@mqttlab.scenario(until="1min")
async def rude(
    lab: mqttlab.Lab,
    *,
    wait: mqttlab.Duration = mqttlab.Duration("1s"),
    loss: float = 0.05,
    polite: bool = False,
    at: Path | None = None,
    ends: str = "",
) -> None:
    """A client that sets DUP on what it sends for the first time.

    ends: "abort" takes the process down, "raise" raises ValueError, "never" goes round in circles;
    anything else none of these.
    """
    await lab.broker()
    device = lab.device("rude", via=lab.link("umts", loss=loss))
    await device.run(client(PUBLISH_ONCE if polite else PUBLISH))
    await asyncio.sleep(wait)
    if ends == "abort":
        os.abort()
    while ends == "never":
        pass
    if ends == "raise":
        raise ValueError("as asked")


async def client(publish: bytes) -> None:
    """Connects, publishes, and leaves."""
    reader, writer = await asyncio.open_connection("broker", 1883)
    writer.write(CONNECT)
    await reader.readexactly(4)
    writer.write(publish)
    await reader.readexactly(4)
    writer.write(bytes.fromhex("e000"))
    writer.close()
