"""Drives our client: its core on asyncio, in real time and in virtual time alike."""

from __future__ import annotations

import asyncio
from typing import Any, cast

from mqttlab import _core, units
from mqttlab.conformance.drivers import FEATURES
from mqttlab.conformance.drivers.console import Order, Orders, Say, run
from mqttlab.errors import UsageError

__all__ = ["drive"]

_LEVELS = {"3.1.1": 4, "5.0": 5}
# Properties of CONNECT that are fields of the client's configuration, or another name there.
_FIELDS = {
    "session_expiry_interval": "session_expiry_s",
    "receive_maximum": "receive_maximum",
    "maximum_packet_size": "max_packet_size",
    "topic_alias_maximum": "topic_alias_maximum",
    "request_response_information": "request_response_information",
    "request_problem_information": "request_problem_information",
}
_SECOND_NS = 10**9
_ALIASES = 10  # that it uses towards a server that takes some


class _Host(asyncio.Protocol):
    """One client and its link."""

    def __init__(self, order: Order, say: Say, host: str, port: int) -> None:
        web = f"{host}:{port}" if order.get("websocket") else ""
        self._core = _core.Client(_config(order), 1, web)
        self._say, self._where = say, (host, port)
        self._loop = asyncio.get_running_loop()
        self._now_ns = 0
        self._transport: asyncio.Transport | None = None
        self._dial: asyncio.Task[Any] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._ids: dict[int, int] = {}  # of orders, by token
        self._proving: int | None = None  # the order to authenticate again

    # What it is told to do.

    def do(self, order: Order) -> None:
        """An order."""
        getattr(self, f"_{order['do']}")(order)
        self._turn()

    def _connect(self, order: Order) -> None:
        self._core.start(self._now())

    _reconnect = _connect

    def _disconnect(self, order: Order) -> None:
        expiry_s = order.get("properties", {}).get("session_expiry_interval")
        misuse = self._core.stop(self._now(), order.get("reason") == 0x04, expiry_s)
        if misuse is not None:
            self._say("failed", what=misuse.name)

    def _publish(self, order: Order) -> None:
        carried = _properties(order.get("properties", {}))
        topic, payload = units.text(order["topic"], "topic"), order["payload"].encode()
        token = self._core.publish(
            topic, payload, order["qos"], order["retain"], self._now(), carried
        )
        self._called(order, token)

    def _subscribe(self, order: Order) -> None:
        no_local = order.get("no_local", False)
        filters = [(units.text(name, "filter"), qos) for name, qos in order["filters"]]
        wanted = [(name, qos, no_local, False, 0) for name, qos in filters]
        carried = _properties(order.get("properties", {}))
        self._called(order, self._core.subscribe(wanted, self._now(), carried))

    def _unsubscribe(self, order: Order) -> None:
        filters = [units.text(name, "filter") for name in order["filters"]]
        self._called(order, self._core.unsubscribe(filters, self._now()))

    def _reauthenticate(self, order: Order) -> None:
        misuse = self._core.reauthenticate(self._now())
        if misuse is not None:
            self._say("failed", id=order["id"], what=misuse.name)
        self._proving = order["id"]

    def _called(self, order: Order, token: int | _core.Misuse) -> None:
        if isinstance(token, _core.Misuse):
            self._say("failed", id=order["id"], what=token.name)
        else:
            self._ids[token] = order["id"]

    # What its link tells.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """See asyncio.Protocol."""
        self._transport = cast(asyncio.Transport, transport)
        self._core.opened(self._now())
        self._turn()

    def data_received(self, data: bytes) -> None:
        """See asyncio.Protocol."""
        self._core.received(data, self._now())
        self._turn()

    def connection_lost(self, error: Exception | None) -> None:
        """See asyncio.Protocol."""
        closing = self._transport is not None and self._core.finished()
        self._transport = None
        self._core.closed("local" if closing else "reset" if error else "fin", self._now())
        self._turn()

    # A turn of the host: events out, bytes out, the next dial, the next timer.

    def _turn(self) -> None:
        while True:
            events = self._core.take(self._now())
            for event in events:
                self._tell(event)
            data = self._core.to_write(self._now())
            if data and self._transport:
                self._transport.write(data)
            if not events and not data:
                break
        if self._transport and self._core.finished():
            self._transport.close()
        elif self._core.wants_link() and not self._transport and not self._dial:
            self._dial = self._loop.create_task(self._dialing())
        if self._timer:
            self._timer.cancel()
        due = self._core.deadline()
        if due is not None:
            self._timer = self._loop.call_at(due / _SECOND_NS, self._due, due)

    async def _dialing(self) -> None:
        self._core.dialing(self._now())
        try:
            await self._loop.create_connection(lambda: self, *self._where)
        except OSError:
            self._core.dial_failed("reset", self._now())
        self._dial = None
        self._turn()

    def _due(self, due_ns: int) -> None:
        self._now_ns = max(self._now_ns, due_ns)  # seconds as floats may be a little early
        self._core.advance(self._now())
        self._turn()

    def _now(self) -> int:
        self._now_ns = max(self._now_ns, round(self._loop.time() * _SECOND_NS))
        return self._now_ns

    # What it tells.

    def _tell(self, event: _core.ClientEvent) -> None:
        match event:
            case _core.Connected():
                self._say("connected", session_present=event.session_present)
            case _core.Refused():
                self._say("closed", what=f"refused with 0x{event.code:02X}")
            case _core.Disconnected():
                self._say("closed", what=event.reason)
            case _core.Completed():
                self._completed(event)
            case _core.Reauthenticated() if self._proving is not None:
                self._say("acknowledged", id=self._proving)
            case _core.Received():
                self._say(
                    "message", topic=event.topic, payload=event.payload.decode(), qos=event.qos,
                    retain=event.retain, properties=_told(event.properties),
                )  # fmt: skip

    def _completed(self, event: _core.Completed) -> None:
        number = self._ids.pop(event.token)
        if event.failed or event.refused:
            self._say("failed", id=number, what=f"0x{event.reason_code:02X}")
        else:
            self._say("acknowledged", id=number, codes=event.codes)


def _config(order: Order) -> _core.ClientConfig:
    config = _core.ClientConfig()
    config.version = _LEVELS[order["version"]]
    config.client_id = order["client_id"]
    config.clean_session = order["clean"]
    config.keep_alive_s = order["keep_alive_s"]
    config.ping_timeout = max(1, order["keep_alive_s"]) * _SECOND_NS
    config.user_name, config.password = order.get("user_name"), order.get("password")
    config.reconnect = False
    if config.version == _LEVELS["5.0"]:
        config.send_topic_alias_maximum = _ALIASES
    if will := order.get("will"):
        carried = _properties(will.get("properties", {}))
        topic, payload = will["topic"], will["payload"].encode()
        config.set_will(topic, payload, will["qos"], will["retain"], 0, carried)
    rest = {}
    for name, value in order.get("properties", {}).items():
        if name in _FIELDS:
            setattr(config, _FIELDS[name], value)
        else:
            rest[name] = value
    if carried := _properties(rest):
        config.properties = carried
    if scram := order.get("scram"):
        config.set_scram(scram["user_name"], scram["password"], 1)
    return config


def _properties(given: dict[str, Any]) -> _core.Properties | None:
    items: list[tuple[str, Any]] = []
    for name, value in given.items():
        if name == "user_property":
            items += [(name, (one.encode(), other.encode())) for one, other in value]
        else:
            items.append((name, value.encode() if isinstance(value, str) else value))
    return _core.Properties(items) if items else None


def _told(items: list[tuple[str, Any]]) -> dict[str, Any]:
    told: dict[str, Any] = {}
    for name, value in items:
        if name == "user_property":
            told.setdefault(name, []).append([one.decode() for one in value])
        else:
            told[name] = value.decode() if isinstance(value, bytes) else value
    return told


async def drive(orders: Orders, say: Say, host: str, port: int) -> None:
    """See console.Drive."""
    say("hello", name=f"mqttlab {_core.version}", features=list(FEATURES))
    client: _Host | None = None
    while (order := await orders.get())["do"] != "quit":
        try:
            if order["do"] == "connect":
                client = _Host(order, say, host, port)
            assert client
            client.do(order)
        except (ValueError, UsageError) as error:  # the client takes no such option
            say("failed", id=order.get("id"), what=str(error))


if __name__ == "__main__":
    run(drive)
