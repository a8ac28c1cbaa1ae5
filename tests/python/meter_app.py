"""A small MQTT client in asyncio, as users test theirs: it publishes readings at QoS 1, dials again
when it is cut off, and sends again what was not acknowledged. With FORGETS_DUP in the environment
it does so without DUP.
"""

from __future__ import annotations

import asyncio
import os

CONNECT = bytes.fromhex("1011 0004 4d515454 04 00 003c 0005") + b"meter"


async def meter(readings: int) -> None:
    """Returns when all are acknowledged."""
    done, dup = 0, 0
    while done < readings:
        writer = None
        try:
            async with asyncio.timeout(20):
                reader, writer = await asyncio.open_connection("broker", 1883)
                writer.write(CONNECT)
                await reader.readexactly(4)
            while done < readings:
                body = b"\0\1t" + (done + 1).to_bytes(2) + b"%d" % done
                writer.write(bytes([0x32 | dup, len(body)]) + body)
                dup = 0 if "FORGETS_DUP" in os.environ else 8
                async with asyncio.timeout(20):
                    await reader.readexactly(4)
                done, dup = done + 1, 0
                await asyncio.sleep(1)
            writer.write(b"\xe0\0")
        except (OSError, EOFError, TimeoutError):
            await asyncio.sleep(0.5)
        finally:
            if writer:
                writer.close()
