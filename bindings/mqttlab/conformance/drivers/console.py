"""A driver's standard input and output: orders in, events out, as lines of JSON."""

from __future__ import annotations

import asyncio
import json
import os
import sys
import threading
from collections.abc import Awaitable, Callable, Iterator
from typing import Any, NoReturn

__all__ = ["Drive", "Order", "Orders", "Say", "address", "leave", "orders", "run", "say"]

Order = dict[str, Any]
Orders = asyncio.Queue[Order]
Say = Callable[..., None]
"""say("connected", session_present=True)"""
Drive = Callable[[Orders, Say, str, int], Awaitable[None]]
"""A driver on asyncio; it returns when it is told to quit."""

_saying = threading.Lock()


def say(event: str, **fields: Any) -> None:
    """One event, from any thread."""
    line = json.dumps({"event": event, **fields}, ensure_ascii=False) + "\n"
    with _saying:
        sys.stdout.buffer.write(line.encode("utf-8", "surrogatepass"))
        sys.stdout.buffer.flush()


def orders() -> Iterator[Order]:
    """The orders as they come, without "quit"."""
    for line in sys.stdin.buffer:
        order = json.loads(line)
        if order["do"] == "quit":
            return
        yield order


def leave() -> NoReturn:
    """Ends the program as it stands. A thread may be amid a word, holding standard output, and
    Python, which ends by flushing that, would abort (CPython: _enter_buffered_busy).
    """
    os._exit(0)


def address() -> tuple[str, int]:
    """HOST and PORT, the command line's first two words."""
    return sys.argv[1], int(sys.argv[2])


def run(drive: Drive) -> None:
    """The program of a driver on asyncio."""
    host, port = address()

    async def main() -> None:
        loop, waiting = asyncio.get_running_loop(), Orders()

        def read() -> None:
            for order in orders():
                loop.call_soon_threadsafe(waiting.put_nowait, order)
            loop.call_soon_threadsafe(waiting.put_nowait, {"do": "quit"})

        threading.Thread(target=read, daemon=True).start()
        await drive(waiting, say, host, port)

    asyncio.run(main())
    leave()  # the reading thread may be waiting for a line that never comes
