"""gmqtt, in an event loop of its own that runs while somebody waits."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from typing import Any

import gmqtt
from gmqtt.storage import PersistentStorage

from peers import EXPIRY_S, HOST, Broker, Message
from running import PATIENCE_S


class GmqttPeer:
    spares_will = True

    def __init__(self, broker: Broker, transport: str, version: int) -> None:
        self._broker, self._transport, self._version = broker, transport, version
        self._runner = asyncio.Runner()

    def _run(self, coroutine: Any) -> Any:
        async def bounded() -> Any:
            return await asyncio.wait_for(coroutine, PATIENCE_S)

        return self._runner.run(bounded())

    def connect(
        self, client_id: str, clean: bool = True, will: Message | None = None
    ) -> bool | None:
        return self._run(self._connect(client_id, clean, will))

    async def _connect(self, client_id: str, clean: bool, will: Message | None) -> bool:
        self._messages: asyncio.Queue[Message] = asyncio.Queue()
        self._subacks: asyncio.Queue[list[int]] = asyncio.Queue()
        connacks: asyncio.Queue[int] = asyncio.Queue()
        self._gone = asyncio.Event()
        self._unacknowledged = PersistentStorage()
        more: dict[str, Any] = {}
        if will:
            more["will_message"] = gmqtt.Message(
                will.topic, will.payload, qos=will.qos, retain=will.retain
            )
        if self._version == 5 and not clean:
            more["session_expiry_interval"] = EXPIRY_S
        self._client = client = gmqtt.Client(
            client_id, clean_session=clean, persistent_storage=self._unacknowledged, **more
        )
        client.set_config({"reconnect_retries": 0})
        client.on_connect = lambda _client, flags, _code, _properties: connacks.put_nowait(flags)
        client.on_subscribe = lambda _client, _id, granted, _properties: self._subacks.put_nowait(
            granted
        )
        client.on_disconnect = lambda *_end: self._gone.set()
        client.on_message = self._on_message
        tls = ssl.create_default_context(cafile=self._broker.ca)
        await client.connect(
            HOST, self._broker.ports[self._transport], version=self._version,
            ssl=tls if self._transport == "tls" else False,
        )  # fmt: skip
        return bool(await connacks.get())

    async def _on_message(
        self, _client: Any, topic: str, payload: bytes, qos: int, properties: dict[str, Any]
    ) -> int:
        retain = bool(properties["retain"])
        self._messages.put_nowait(Message(topic, payload.decode(), qos, retain))
        return 0

    def subscribe(self, topic_filter: str, qos: int) -> None:
        async def subscribed() -> list[int]:
            self._client.subscribe(topic_filter, qos)
            return list(await self._subacks.get())

        assert self._run(subscribed()) == [qos]

    def publish(self, message: Message) -> None:
        async def published() -> None:
            self._client.publish(*message)
            await self._unacknowledged.wait_empty()

        self._run(published())

    def receive(self) -> Message:
        async def received() -> Message:
            return await self._messages.get()

        return self._run(received())

    def disconnect(self) -> None:
        async def disconnected() -> None:
            # What was still on its way to a closing end is an error to Python's ssl.
            with contextlib.suppress(ssl.SSLError):
                await self._client.disconnect()
            await self._gone.wait()

        if not self._gone.is_set():
            self._run(disconnected())

    def cut(self) -> None:
        async def abort() -> None:
            self._client._connection._transport.abort()
            await self._gone.wait()

        self._run(abort())

    def close(self) -> None:
        self.disconnect()
        self._runner.close()
