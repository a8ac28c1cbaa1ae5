"""Drives gmqtt, in real time and, unmodified, in virtual time."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import ssl
from importlib import metadata
from typing import Any

import gmqtt  # type: ignore[import-untyped]
from gmqtt.storage import PersistentStorage  # type: ignore[import-untyped]

from mqttlab.conformance.drivers.console import Order, Orders, Say, run

FEATURES = [
    "3.1.1", "5.0", "session", "login", "will", "will properties", "publish", "subscribe",
    "unsubscribe", "properties", "connect properties", "maximum_packet_size",
    "topic_alias_maximum", "topic_alias", "subscription_identifier", "no_local",
    "disconnect reason", "disconnect", "acknowledged", "message",
]  # fmt: skip
_log = logging.Logger("gmqtt", logging.CRITICAL + 1)  # cases provoke what it complains of
_NAMES = {
    "payload_format_indicator": "payload_format_id",
    "request_problem_information": "request_problem_info",
    "request_response_information": "request_response_info",
}


class _Storage(PersistentStorage):  # type: ignore[misc]
    """Of messages under way; it is where gmqtt's user learns of each that it is not any more."""

    def __init__(self, driver: Driver) -> None:
        super().__init__()
        self._driver = driver
        self.newest = 0

    def push_message(self, mid: int, raw_package: bytes) -> None:
        self.newest = mid
        super().push_message(mid, raw_package)

    def remove_message_by_mid(self, mid: int) -> None:
        super().remove_message_by_mid(mid)
        self._driver.settled(mid)


class _Client(gmqtt.Client):  # type: ignore[misc]
    """Does not connect again by itself."""

    async def reconnect(self, delay: bool = False) -> None:
        """Ends the connection, as gmqtt does first: told not to connect again, it would not."""
        if self._allow_reconnect() and not self._connection.is_closing():
            self._temporarily_stop_reconnect()
            with contextlib.suppress(Exception):  # it ignores them, too
                await self._disconnect()


class Driver:
    """One client."""

    def __init__(self, say: Say, host: str, port: int) -> None:
        self._say, self._where = say, (host, port)
        self._published: dict[int, int] = {}  # orders by packet id, and so are these
        self._asked: dict[int, int] = {}
        self._dial: asyncio.Task[None] | None = None

    async def connect(self, order: Order) -> None:
        """A new client."""
        version = 5 if order["version"] == "5.0" else 4
        more = _properties(order.get("properties"))
        if will := order.get("will"):
            more["will_message"] = gmqtt.Message(
                will["topic"], will["payload"], qos=will["qos"], retain=will["retain"],
                **_properties(will.get("properties")),
            )  # fmt: skip
        self._storage = _Storage(self)
        self._client = client = _Client(
            order["client_id"], clean_session=order["clean"], persistent_storage=self._storage,
            logger=_log, **more,
        )  # fmt: skip
        if "user_name" in order or "password" in order:
            client.set_auth_credentials(order.get("user_name"), order.get("password"))
        client.on_connect = self._connected
        client.on_disconnect = lambda *_: self._say("closed", what="disconnected")
        client.on_message = self._message
        client.on_subscribe = lambda _client, mid, codes, _more: self._answered(mid, list(codes))
        client.on_unsubscribe = lambda _client, mid, *_: self._answered(mid, [])
        self._how = {"keepalive": order["keep_alive_s"], "version": version}
        await self.reconnect(order)

    async def reconnect(self, order: Order) -> None:
        """The same one again."""
        self._dial = asyncio.ensure_future(self._dialing())

    async def _dialing(self) -> None:
        try:
            await self._client.connect(*self._where, **self._how)
        except Exception as error:  # it raises of its own what it is refused with
            self._say("closed", what=f"{type(error).__name__}: {error}")

    async def publish(self, order: Order) -> None:
        """See mqttlab.conformance.drivers."""
        self._storage.newest = 0
        self._client.publish(
            order["topic"], order["payload"], order["qos"], order["retain"],
            **_properties(order.get("properties")),
        )  # fmt: skip
        if self._storage.newest:
            self._published[self._storage.newest] = order["id"]

    async def subscribe(self, order: Order) -> None:
        """See mqttlab.conformance.drivers."""
        given = _properties(order.get("properties"))
        wanted = [
            gmqtt.Subscription(name, qos=qos, no_local=order.get("no_local", False))
            for name, qos in order["filters"]
        ]
        self._asked[self._client.subscribe(wanted, **given)] = order["id"]

    async def unsubscribe(self, order: Order) -> None:
        """See mqttlab.conformance.drivers."""
        self._asked[self._client.unsubscribe(order["filters"])] = order["id"]

    async def disconnect(self, order: Order) -> None:
        """See mqttlab.conformance.drivers."""
        given = _properties(order.get("properties"))
        try:
            await self._client.disconnect(reason_code=order.get("reason", 0), **given)
        except ssl.SSLError:
            return  # what was still on its way to a closing end is an error to Python's ssl

    async def end(self) -> None:
        """Leaves no task behind."""
        if self._dial:
            self._dial.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._dial

    # What it tells.

    def _connected(self, _client: Any, flags: int, _code: int, _more: Any) -> None:
        self._say("connected", session_present=bool(flags))

    async def _message(
        self, _client: Any, topic: str, payload: bytes, qos: int, properties: dict[str, Any]
    ) -> int:
        retain = bool(properties["retain"])
        self._say("message", topic=topic, payload=payload.decode(), qos=qos, retain=retain)
        return 0

    def _answered(self, mid: int, codes: list[int]) -> None:
        self._say("acknowledged", id=self._asked.pop(mid, None), codes=codes)

    def settled(self, mid: int) -> None:
        """A message is no more under way."""
        number = self._published.pop(mid, None)
        if number is not None:
            self._say("acknowledged", id=number)


def _properties(given: dict[str, Any] | None) -> dict[str, Any]:
    made: dict[str, Any] = {}
    for name, value in (given or {}).items():
        own = value
        if name == "user_property":
            own = [tuple(one) for one in value]
        elif name == "correlation_data":
            own = value.encode()
        made[_NAMES.get(name, name)] = own
    return made


async def drive(orders: Orders, say: Say, host: str, port: int) -> None:
    """See console.Drive."""
    say("hello", name=f"gmqtt {metadata.version('gmqtt')}", features=FEATURES)
    driver = Driver(say, host, port)
    while (order := await orders.get())["do"] != "quit":
        try:
            await getattr(driver, order["do"])(order)
        except Exception as error:  # whatever it raises of what it does not like
            say("failed", id=order.get("id"), what=f"{type(error).__name__}: {error}")
    await driver.end()


if __name__ == "__main__":
    run(drive)
