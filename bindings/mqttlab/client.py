"""A scripted MQTT client on a simulated device; the names follow aiomqtt."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import TYPE_CHECKING

from mqttlab import _sim, units
from mqttlab.client_options import (
    ClientOptions,
    client_config,
    payload_bytes,
    qos_level,
)
from mqttlab.errors import (
    ConnectionLostError,
    PublishError,
    RefusedError,
    SubscribeError,
    UsageError,
)

if TYPE_CHECKING:
    from mqttlab.lab import Device, Lab

__all__ = ["Client", "Message", "Messages"]

_MOST_WAITING = 100_000  # messages that a scenario has not taken; more is a mistake in it


@dataclass(frozen=True, slots=True)
class Message:
    """A message as the application gets it."""

    topic: str
    payload: bytes
    qos: int
    retain: bool


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


class Client:
    """One MQTT client. `async with` connects it and, at the end, sends DISCONNECT.

    Inside, it dials again by itself when the link is lost (unless `reconnect=False`); publishes
    and subscriptions are accepted meanwhile and wait in its bounded offline queue.
    """

    def __init__(self, lab: Lab, device: Device, drain: bool, options: ClientOptions) -> None:
        self._lab = lab
        self._config = client_config(device.name, options)
        self._id = lab.add_client(device, self._config, "")
        self._drain = drain
        self._calls: dict[int, asyncio.Future[_sim.Completed]] = {}
        self._connecting: asyncio.Future[None] | None = None
        self._open = False
        self.device = device
        self.messages = Messages(lab.loop)
        """Asynchronous iterator over arriving messages; each is acknowledged as it arrives."""
        lab.host.routes[self._id] = self._on_event

    @property
    def client_id(self) -> str:
        """The client identifier sent in CONNECT."""
        return self._config.client_id

    @property
    def connected(self) -> bool:
        """True between an accepting CONNACK and the end of that link."""
        return self._lab.world.connected(self._id)

    async def __aenter__(self) -> Client:
        self._lab.check_live()
        if self._open:
            raise UsageError(f"client {self.client_id!r} is open already; make another one")
        self._open = True
        self._connecting = self._lab.loop.create_future()
        self._watch()
        self._lab.world.start(self._id)
        try:
            await self._connecting
        except BaseException:
            self._close()
            raise
        finally:
            self._connecting = None
            self._watch()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._close()

    async def publish(
        self,
        topic: str,
        payload: bytes | str = b"",
        *,
        qos: int = 0,
        retain: bool = False,
    ) -> None:
        """Publishes; returns when acknowledged (QoS 1: PUBACK, QoS 2: PUBCOMP), at QoS 0 at once.

        Errors: UsageError for a bad topic, QoS or payload; PublishError if the client's queue is
        full or its session ended before the exchange was complete.
        """
        where = f"publish by {self.client_id!r}"
        self._check_open(where)
        level = qos_level(qos, where)
        token = self._lab.world.publish(
            self._id,
            units.text(topic, where),
            payload_bytes(payload, where),
            level,
            units.flag(retain, f"{where}: retain"),
        )
        if isinstance(token, _sim.Misuse):
            raise _misuse(token, f"{where} to {topic!r}", PublishError)
        if level > 0 and (await self._completion(token)).failed:
            raise PublishError(
                f"{where} to {topic!r}: the session ended before it was acknowledged"
            )

    async def subscribe(
        self, topics: str | Sequence[str | tuple[str, int]], *, qos: int = 0
    ) -> tuple[int, ...]:
        """Subscribes to one filter, or to a list of filters or (filter, QoS) pairs.

        Returns the QoS granted to each filter, in order. Errors: UsageError for a bad filter or
        QoS; SubscribeError if the broker refused one, or the session ended before it answered.
        """
        where = f"subscribe by {self.client_id!r}"
        self._check_open(where)
        wanted = [_filter(one, qos, where) for one in _several(topics, where)]
        token = self._lab.world.subscribe(self._id, wanted)
        names = ", ".join(name for name, _ in wanted)
        if isinstance(token, _sim.Misuse):
            raise _misuse(token, f"{where} to {names}", SubscribeError)
        completed = await self._completion(token)
        if completed.failed:
            raise SubscribeError(f"{where} to {names}: the session ended before the answer")
        codes = tuple(completed.codes)
        refused = [name for (name, _), code in zip(wanted, codes, strict=True) if code >= 0x80]
        if refused:
            raise SubscribeError(f"{where}: the broker refused {', '.join(refused)}")
        return codes

    async def unsubscribe(self, topics: str | Sequence[str]) -> None:
        """Unsubscribes from one filter or a list of filters. Errors: as for subscribe()."""
        where = f"unsubscribe by {self.client_id!r}"
        self._check_open(where)
        names = [units.text(one, where) for one in _several(topics, where)]
        token = self._lab.world.unsubscribe(self._id, names)
        if isinstance(token, _sim.Misuse):
            raise _misuse(token, f"{where} from {', '.join(names)}", SubscribeError)
        if (await self._completion(token)).failed:
            raise SubscribeError(f"{where}: the session ended before the answer")

    async def disconnect(self) -> None:
        """Sends DISCONNECT and stays offline, as at the end of `async with`."""
        self._close()

    async def _completion(self, token: int) -> _sim.Completed:
        future: asyncio.Future[_sim.Completed] = self._lab.loop.create_future()
        self._calls[token] = future
        self._watch()
        try:
            return await future
        finally:
            self._calls.pop(token, None)
            self._watch()

    def _watch(self) -> None:
        """A draining client costs Python something only while somebody waits for an answer."""
        if self._lab.live:
            wanted = not self._drain or bool(self._calls) or self._connecting is not None
            self._lab.world.watch(self._id, wanted)

    def _on_event(self, event: object) -> None:
        match event:
            case _sim.Received():
                self._on_message(event)
            case _sim.Completed():
                call = self._calls.get(event.token)
                if call is not None and not call.done():
                    call.set_result(event)
            case _sim.Connected():
                if self._connecting is not None and not self._connecting.done():
                    self._connecting.set_result(None)
            case _sim.Refused():
                self._on_failure(
                    RefusedError(
                        f"client {self.client_id!r}: the broker refused the connection with return "
                        f"code {event.code} ({event.name})",
                        event.code,
                    )
                )
            case _sim.Disconnected() if not self._config.reconnect:
                self._on_failure(
                    ConnectionLostError(f"client {self.client_id!r} lost its link: {event.reason}")
                )

    def _on_message(self, event: _sim.Received) -> None:
        if self._drain:
            return
        waiting = self.messages.put(Message(event.topic, event.payload, event.qos, event.retain))
        if waiting > _MOST_WAITING:
            raise UsageError(
                f"client {self.client_id!r}: {waiting} messages wait that nobody takes; iterate "
                "over client.messages, or open the client with drain=True"
            )

    def _on_failure(self, error: Exception) -> None:
        """A refusal ends connecting; without reconnect, a lost link ends everything."""
        if self._connecting is not None and not self._connecting.done():
            self._connecting.set_exception(error)
        if not self._config.reconnect:
            for call in self._calls.values():
                if not call.done():
                    call.set_exception(error)
            self.messages.end(error)

    def _check_open(self, where: str) -> None:
        self._lab.check_live()
        if not self._open:
            raise UsageError(
                f"{where}: the client is not open; use `async with device.client(...)`"
            )

    def _close(self) -> None:
        if not self._open:
            return
        self._open = False
        self.messages.end(StopAsyncIteration())
        if self._lab.live and self.device.alive:
            self._lab.world.stop(self._id)


def _several(topics: object, where: str) -> Sequence[object]:
    """One filter or a sequence of them as a sequence of one or more."""
    if isinstance(topics, str):
        return [topics]
    if not isinstance(topics, Sequence) or isinstance(topics, (bytes, bytearray, memoryview)):
        raise UsageError(f"{where}: {topics!r} is neither a filter nor a list of filters")
    if not topics:
        raise UsageError(f"{where}: names no filter; give one or more")
    return topics


def _filter(one: object, qos: int, where: str) -> tuple[str, int]:
    """A filter, or a pair of filter and QoS, as a pair."""
    if isinstance(one, str):
        return units.text(one, where), qos_level(qos, where)
    if not isinstance(one, tuple) or len(one) != 2:
        raise UsageError(f"{where}: {one!r} is no filter and no pair such as ('site/#', 1)")
    return units.text(one[0], where), qos_level(one[1], where)


def _misuse(misuse: _sim.Misuse, what: str, refusal: type[Exception]) -> Exception:
    """What the caller got wrong as an exception that says how to do better."""
    if misuse == _sim.Misuse.bad_topic:
        return UsageError(
            f"{what}: not a valid topic (1 to 65,535 bytes of UTF-8, wildcards only "
            "in filters, as whole levels)"
        )
    if misuse == _sim.Misuse.queue_full:
        return refusal(
            f"{what}: the client's offline queue is full; raise queue_messages or "
            "queue_bytes, or publish more slowly"
        )
    if misuse == _sim.Misuse.too_large:
        return UsageError(f"{what}: larger than MQTT can carry (268,435,455 bytes)")
    return refusal(f"{what}: {misuse.name.replace('_', ' ')}")
