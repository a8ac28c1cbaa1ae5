"""amqtt, as it comes from PyPI, in whatever event loop there is."""

from __future__ import annotations

import asyncio
import sys

from amqtt.broker import Broker

# Not anonymous: of such clients it keeps no messages while they are away.
ANYBODY = {"amqtt.plugins.authentication.AnonymousAuthPlugin": {"allow_anonymous": False}}


async def serve(host: str, port: int) -> None:
    """Starts it; it goes on as long as the loop does."""
    listener = {"type": "tcp", "bind": f"{host}:{port}"}
    await Broker({"listeners": {"default": listener}, "plugins": ANYBODY}).start()


async def main(port: int) -> None:
    """On a real socket."""
    await serve("127.0.0.1", port)
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1])))
