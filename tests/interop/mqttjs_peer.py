"""MQTT.js under Node: one process for all clients, which are told what to do in lines of JSON."""

from __future__ import annotations

import itertools
import json
import queue
import subprocess
import threading
from functools import cache
from pathlib import Path
from typing import Any

import node
from peers import EXPIRY_S, Broker, Message
from running import PATIENCE_S


class Node:
    def __init__(self) -> None:
        self.process = subprocess.Popen(
            node.command(Path(__file__).with_name("mqttjs.cjs")), env=node.environment(),
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        self._answers: dict[int, queue.Queue[dict[str, Any]]] = {}
        self.messages: dict[int, queue.Queue[list[Any]]] = {}
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        assert self.process.stdout
        for line in self.process.stdout:
            said = json.loads(line)
            if "message" in said:
                self.messages[said["client"]].put(said["message"])
            else:
                self._answers[said["n"]].put(said)

    def order(self, n: int, **order: Any) -> Any:
        assert self.process.stdin
        self._answers[n] = queue.Queue()
        self.process.stdin.write(json.dumps({"n": n, **order}) + "\n")
        self.process.stdin.flush()
        answer = self._answers[n].get(timeout=PATIENCE_S)
        assert "error" not in answer, answer
        return answer["value"]


@cache
def shared() -> Node:
    """Ends with this process: then its input does."""
    return Node()


_numbers = itertools.count(1)


class MqttJsPeer:
    spares_will = True

    def __init__(self, broker: Broker, transport: str, version: int) -> None:
        self._broker, self._transport, self._version = broker, transport, version
        self._number = next(_numbers)
        self._node = shared()
        self._node.messages[self._number] = queue.Queue()

    def _order(self, verb: str, **more: Any) -> Any:
        return self._node.order(next(_numbers), client=self._number, verb=verb, **more)

    def connect(
        self, client_id: str, clean: bool = True, will: Message | None = None
    ) -> bool | None:
        options: dict[str, Any] = {
            "clientId": client_id, "clean": clean, "protocolVersion": self._version,
        }  # fmt: skip
        if self._transport in ("tls", "wss"):
            options["ca"] = self._broker.ca.read_text()
        if will:
            options["will"] = will._asdict()
        if self._version == 5 and not clean:
            options["properties"] = {"sessionExpiryInterval": EXPIRY_S}
        url = self._broker.url(self._transport).replace("tls:", "mqtts:").replace("tcp:", "mqtt:")
        return bool(self._order("connect", url=url, options=options))

    def subscribe(self, topic_filter: str, qos: int) -> None:
        assert self._order("subscribe", filter=topic_filter, qos=qos) == [qos]

    def publish(self, message: Message) -> None:
        self._order("publish", **message._asdict())

    def receive(self) -> Message:
        return Message(*self._node.messages[self._number].get(timeout=PATIENCE_S))

    def disconnect(self) -> None:
        self._order("disconnect")

    close = disconnect

    def cut(self) -> None:
        self._order("cut")
