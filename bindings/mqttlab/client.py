"""A scripted MQTT client on a simulated device; the names follow aiomqtt."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from types import TracebackType
from typing import TYPE_CHECKING, Any, Unpack

from mqttlab import _core, properties, units
from mqttlab.client_options import (
    VERSIONS,
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
from mqttlab.messages import Message, Messages
from mqttlab.properties import PropertyOptions
from mqttlab.reasons import Reason
from mqttlab.subscriptions import PLAIN, Subscription, Wanted, several
from mqttlab.subscriptions import wanted as wanted_of
from mqttlab.trace import Packet

if TYPE_CHECKING:
    from mqttlab.lab import Device, Lab

__all__ = ["Client"]

_MOST_WAITING = 100_000  # messages that a scenario has not taken; more is a mistake in it


class Client:
    """One MQTT client. `async with` connects it and, at the end, sends DISCONNECT.

    Inside, it dials again by itself when the link is lost (unless `reconnect=False`); publishes
    and subscriptions are accepted meanwhile and wait in its bounded offline queue.
    """

    def __init__(self, lab: Lab, device: Device, drain: bool, options: ClientOptions) -> None:
        self._lab = lab
        self._config = client_config(device.name, options, lab.seed)
        self._id = lab.add_client(device, self._config, options, "")
        self._drain = drain
        self._calls: dict[int, asyncio.Future[_core.Completed]] = {}
        self._connecting: asyncio.Future[None] | None = None
        self._proving: asyncio.Future[None] | None = None  # a re-authentication
        self._open = False
        self.device = device
        self.session_present = False
        """The last accepting CONNACK's."""
        self.connack: dict[str, Any] = {}
        """Properties of the last accepting CONNACK by name, such as "server_keep_alive" (5.0)."""
        self.refusal: Reason | None = None
        """Why the broker last refused to connect it; None if it never has."""
        self.ended_by_broker: Reason | None = None
        """The broker's last DISCONNECT (5.0); None if it has sent none."""
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
        **options: Unpack[PropertyOptions],
    ) -> None:
        """Publishes; returns when acknowledged (QoS 1: PUBACK, QoS 2: PUBCOMP), at QoS 0 at once.

        Options: see PropertyOptions (MQTT 5.0). Errors: UsageError for a bad topic, QoS, payload
        or option; PublishError if the client's queue is full, the broker refused the message
        (5.0; `reason`), or the session ended before the exchange was complete.
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
            self._properties(properties.encode(options, where), where),
        )
        if isinstance(token, _core.Misuse):
            raise _misuse(token, f"{where} to {topic!r}", PublishError)
        if level > 0:
            completed = await self._completion(token)
            if completed.failed:
                raise PublishError(
                    f"{where} to {topic!r}: the session ended before it was acknowledged"
                )
            if completed.refused:
                reason = Reason.read(completed.reason_code, completed.reason, completed.properties)
                raise PublishError(f"{where} to {topic!r}: the broker refused it: {reason}", reason)

    async def subscribe(
        self,
        topics: str | Subscription | Sequence[str | tuple[str, int] | Subscription],
        *,
        qos: int = 0,
        identifier: int | None = None,
    ) -> tuple[int, ...]:
        """Subscribes to one filter, or to a list of filters, (filter, QoS) pairs or Subscriptions.

        `identifier`: Subscription Identifier, 1..268,435,455 (MQTT 5.0). Returns the QoS granted
        to each filter, in order. Errors: UsageError for a bad filter or QoS; SubscribeError if
        the broker refused one (`reasons`), or the session ended before it answered.
        """
        where = f"subscribe by {self.client_id!r}"
        self._check_open(where)
        wanted = [wanted_of(one, qos, where) for one in several(topics, where)]
        number = None
        if identifier is not None:
            value = units.count(identifier, f"{where}: identifier", least=1, most=268_435_455)
            number = _core.Properties([("subscription_identifier", value)])
        self._check_options(wanted, where)
        token = self._lab.world.subscribe(self._id, wanted, self._properties(number, where))
        names = ", ".join(one[0] for one in wanted)
        if isinstance(token, _core.Misuse):
            raise _misuse(token, f"{where} to {names}", SubscribeError)
        completed = await self._completion(token)
        return _answers(completed, [one[0] for one in wanted], Packet.SUBACK, where)

    async def unsubscribe(self, topics: str | Sequence[str]) -> tuple[int, ...]:
        """Unsubscribes from one filter or a list of filters. Errors: as for subscribe().

        Returns what the broker says to each, in order: 0, or 0x11 if there was no such
        subscription. Before MQTT 5.0 it says nothing: empty.
        """
        where = f"unsubscribe by {self.client_id!r}"
        self._check_open(where)
        names = [units.text(one, where) for one in several(topics, where)]
        token = self._lab.world.unsubscribe(self._id, names)
        if isinstance(token, _core.Misuse):
            raise _misuse(token, f"{where} from {', '.join(names)}", SubscribeError)
        return _answers(await self._completion(token), names, Packet.UNSUBACK, where)

    async def disconnect(
        self, *, with_will: bool = False, session_expiry: float | str | None = None
    ) -> None:
        """Sends DISCONNECT and stays offline, as at the end of `async with`.

        MQTT 5.0: `with_will` lets the broker publish the will all the same; `session_expiry`
        (whole seconds or "never") takes the place of what CONNECT said, unless that was 0.
        """
        where = f"disconnect of {self.client_id!r}"
        expiry_s = None
        if session_expiry is not None:
            expiry_s = properties.session_expiry_s(session_expiry, where)
        if (units.flag(with_will, where) or expiry_s is not None) and not self._is_5:
            raise UsageError(f"{where}: with_will and session_expiry are MQTT 5.0's; add version=5")
        self._close(with_will, expiry_s)

    async def reauthenticate(self) -> None:
        """Proves who this is once more, with the client's `authentication` (MQTT 5.0).

        Returns when both ends are content. A failure ends the link: ConnectionLostError, whether
        or not the client reconnects.
        """
        where = f"reauthenticate by {self.client_id!r}"
        self._check_open(where)
        misuse = self._lab.world.reauthenticate(self._id)
        if misuse is not None:
            raise UsageError(
                f"{where}: {misuse.name.replace('_', ' ')}; it takes a connected client of MQTT "
                "5.0 with authentication=mqttlab.Scram(...)"
            )
        self._proving = self._lab.loop.create_future()
        self._watch()
        try:
            await self._proving
        finally:
            self._proving = None
            self._watch()

    @property
    def _is_5(self) -> bool:
        return self._config.version == VERSIONS["5"]

    def _properties(self, given: _core.Properties | None, where: str) -> _core.Properties | None:
        """Properties that this client's version can carry."""
        if given is not None and not self._is_5:
            raise UsageError(f"{where}: properties are MQTT 5.0's; make the client with version=5")
        return given

    def _check_options(self, wanted: Sequence[Wanted], where: str) -> None:
        if not self._is_5 and any(one[2:] != PLAIN for one in wanted):
            raise UsageError(
                f"{where}: no_local, retain_as_published and retain_handling are MQTT 5.0's; "
                "make the client with version=5"
            )

    async def _completion(self, token: int) -> _core.Completed:
        future: asyncio.Future[_core.Completed] = self._lab.loop.create_future()
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
            waiting = self._calls or self._connecting is not None or self._proving is not None
            self._lab.world.watch(self._id, not self._drain or bool(waiting))

    def _on_event(self, event: object) -> None:
        match event:
            case _core.Received():
                self._on_message(event)
            case _core.Completed():
                call = self._calls.get(event.token)
                if call is not None and not call.done():
                    call.set_result(event)
            case _core.Connected():
                self.session_present = event.session_present
                self.connack = {
                    name: value.decode() if isinstance(value, bytes) else value
                    for name, value in event.properties
                    if name not in ("user_property", "authentication_data")
                }
                if self._connecting is not None and not self._connecting.done():
                    self._connecting.set_result(None)
            case _core.Refused():
                self.refusal = Reason.read(event.code, event.name, event.properties)
                self._on_failure(
                    RefusedError(
                        f"client {self.client_id!r}: the broker refused the connection with "
                        f"code {self.refusal}",
                        self.refusal,
                    )
                )
            case _core.Reauthenticated():
                if self._proving is not None and not self._proving.done():
                    self._proving.set_result(None)
            case _core.Disconnected():
                words, reason = event.reason, None
                if event.server is not None:
                    self.ended_by_broker = reason = Reason.read(*event.server)
                    words = f"the broker ended it with {reason}"
                lost = ConnectionLostError(
                    f"client {self.client_id!r} lost its link: {words}", reason
                )
                if self._proving is not None and not self._proving.done():
                    self._proving.set_exception(lost)
                if not self._config.reconnect:
                    self._on_failure(lost)

    def process_lost(self) -> None:
        """The device has crashed: what the next process does not know is over."""
        survivors = self._lab.ends("device.crash()").survivors(self._lab.world, self._id)
        lost = ConnectionLostError(f"client {self.client_id!r}: its device has crashed")
        pending: list[asyncio.Future[Any]] = [
            call for token, call in self._calls.items() if token not in survivors
        ]
        if self._proving is not None:
            pending.append(self._proving)
        for call in pending:
            if not call.done():
                call.set_exception(lost)

    def _on_message(self, event: _core.Received) -> None:
        if self._drain:
            return
        carried = properties.read(event.properties)
        message = Message(event.topic, event.payload, event.qos, event.retain, carried)
        waiting = self.messages.put(message)
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

    def _close(self, with_will: bool = False, expiry_s: int | None = None) -> None:
        if not self._open:
            return
        if self._lab.live and self.device.alive:
            misuse = self._lab.world.stop(self._id, with_will, expiry_s)
            if misuse is not None:
                raise UsageError(
                    f"disconnect of {self.client_id!r}: its session ends with the link, and "
                    "session_expiry cannot change that any more; give the client a session_expiry"
                )
        self._open = False
        self.messages.end(StopAsyncIteration())


def _answers(
    completed: _core.Completed, filters: Sequence[str], packet: Packet, where: str
) -> tuple[int, ...]:
    """The broker's codes, one per filter; SubscribeError if it refused one."""
    if completed.failed:
        raise SubscribeError(
            f"{where}: {', '.join(filters)}: the session ended before the broker answered"
        )
    # Refused without being asked: there is one reason for all.
    codes = completed.codes or [completed.reason_code] * (completed.refused * len(filters))
    reasons = [
        Reason.read(code, _core.reason_name(code, packet), completed.properties) for code in codes
    ]
    refused = [
        f"{one} with {reason}"
        for one, reason in zip(filters, reasons, strict=bool(reasons))
        if reason.code >= 0x80
    ]
    if refused:
        raise SubscribeError(f"{where}: the broker refused {', '.join(refused)}", reasons)
    return tuple(codes)


def _misuse(misuse: _core.Misuse, what: str, refusal: type[Exception]) -> Exception:
    """What the caller got wrong as an exception that says how to do better."""
    if misuse == _core.Misuse.bad_topic:
        return UsageError(
            f"{what}: not a valid topic (1 to 65,535 bytes of UTF-8, wildcards only "
            "in filters, as whole levels)"
        )
    if misuse == _core.Misuse.queue_full:
        return refusal(
            f"{what}: the client's offline queue is full; raise queue_messages or "
            "queue_bytes, or publish more slowly"
        )
    if misuse == _core.Misuse.too_large:
        return UsageError(
            f"{what}: larger than MQTT can carry (268,435,455 bytes), or than the broker takes "
            "(client.connack)"
        )
    if misuse == _core.Misuse.not_supported:
        return refusal(f"{what}: the broker has announced that it does not do this; see connack")
    if misuse == _core.Misuse.bad_argument:
        return UsageError(
            f"{what}: an option that MQTT does not allow here (response_topic: a topic without "
            "wildcards; no_local: not on a shared subscription)"
        )
    return refusal(f"{what}: {misuse.name.replace('_', ' ')}")
