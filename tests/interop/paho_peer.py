"""paho-mqtt, driven by its loop() from here: no thread of its own."""

from __future__ import annotations

import collections
import os
import socket
import time
from collections.abc import Callable
from typing import Any

import paho.mqtt.client as paho
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from peers import EXPIRY_S, HOST, Broker, Message
from running import PATIENCE_S


class PahoPeer:
    spares_will = True

    def __init__(self, broker: Broker, transport: str, version: int) -> None:
        self._broker, self._transport, self._version = broker, transport, version
        self._messages: collections.deque[Message] = collections.deque()
        self._connacks: list[Any] = []
        self._subacks: list[Any] = []

    def connect(
        self, client_id: str, clean: bool = True, will: Message | None = None
    ) -> bool | None:
        web = self._transport.startswith("ws")
        self._client = client = paho.Client(
            paho.CallbackAPIVersion.VERSION2, client_id, protocol=self._version,
            transport="websockets" if web else "tcp",
            clean_session=clean if self._version == 4 else None,
        )  # fmt: skip
        if web:
            client.ws_set_options("/mqtt")
        if self._transport in ("tls", "wss"):
            client.tls_set(str(self._broker.ca))
        if will:
            client.will_set(will.topic, will.payload, will.qos, will.retain)
        client.on_connect = lambda *answer: self._connacks.append(answer)
        client.on_subscribe = lambda *answer: self._subacks.append(answer)
        client.on_message = lambda _client, _data, m: self._messages.append(
            Message(m.topic, m.payload.decode(), m.qos, bool(m.retain))
        )
        more: dict[str, Any] = {}
        if self._version == 5:
            more = {"clean_start": clean, "properties": Properties(PacketTypes.CONNECT)}
            more["properties"].SessionExpiryInterval = 0 if clean else EXPIRY_S
        client.connect(HOST, self._broker.ports[self._transport], **more)
        self._until(lambda: self._connacks)
        _, _, flags, reason, _ = self._connacks.pop()
        assert not reason.is_failure, reason
        return bool(flags.session_present)

    def _until(self, happened: Callable[[], Any]) -> None:
        end = time.monotonic() + PATIENCE_S
        while not happened():
            assert time.monotonic() < end, "nothing came"
            error = self._client.loop(0.05)
            assert error == paho.MQTT_ERR_SUCCESS, paho.error_string(error)

    def subscribe(self, topic_filter: str, qos: int) -> None:
        self._client.subscribe(topic_filter, qos)
        self._until(lambda: self._subacks)
        granted = self._subacks.pop()[3]
        assert [code.value for code in granted] == [qos]

    def publish(self, message: Message) -> None:
        info = self._client.publish(*message)
        self._until(info.is_published)

    def receive(self) -> Message:
        self._until(lambda: self._messages)
        return self._messages.popleft()

    def disconnect(self) -> None:
        self._client.disconnect()

    close = disconnect

    def cut(self) -> None:
        with socket.socket(fileno=os.dup(self._client.socket().fileno())) as same:
            same.shutdown(socket.SHUT_RDWR)
