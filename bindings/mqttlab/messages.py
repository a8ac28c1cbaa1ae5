"""What arrives for a scripted client."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

from mqttlab.properties import Properties

__all__ = ["Message", "Messages"]


@dataclass(frozen=True, slots=True)
class Message:
    """A message as the application gets it."""

    topic: str
    payload: bytes
    qos: int
    retain: bool
    properties: Properties = field(default_factory=Properties)
    """Of MQTT 5.0."""


class Messages(AsyncIterator[Message]):
    """What has arrived for a client, oldest first; ends when the client is closed."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._waiting: deque[Message] = deque()
        self._wake: asyncio.Future[None] | None = None
        self._end: BaseException | None = None

    def __len__(self) -> int:
        return len(self._waiting)

    async def __anext__(self) -> Message:
        while not self._waiting:
            if self._end is not None:
                raise self._end
            if self._wake is None:
                self._wake = self._loop.create_future()
            await asyncio.shield(self._wake)  # several tasks may take from one client
        return self._waiting.popleft()

    def put(self, message: Message) -> int:
        """Adds a message; returns how many are waiting."""
        self._waiting.append(message)
        self._notify()
        return len(self._waiting)

    def end(self, error: BaseException) -> None:
        """After what is waiting, iteration raises `error`; the first call counts."""
        self._end = self._end or error
        self._notify()

    def _notify(self) -> None:
        if self._wake is not None and not self._wake.done():
            self._wake.set_result(None)
        self._wake = None
