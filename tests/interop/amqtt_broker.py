"""amqtt, as it comes from PyPI, in whatever event loop there is."""

from __future__ import annotations

from amqtt.broker import Broker

ANYBODY = {"amqtt.plugins.authentication.AnonymousAuthPlugin": {"allow_anonymous": True}}


async def serve(host: str, port: int) -> None:
    """Starts it; it goes on as long as the loop does."""
    listener = {"type": "tcp", "bind": f"{host}:{port}"}
    await Broker({"listeners": {"default": listener}, "plugins": ANYBODY}).start()
