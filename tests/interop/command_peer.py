"""mosquitto_pub and mosquitto_sub, and ours, which take the same options."""

from __future__ import annotations

import signal
import subprocess
import tempfile
from pathlib import Path
from typing import ClassVar

from peers import EXPIRY_S, HOST, Broker, Message
from running import CLIENTS, PATIENCE_S, Running, program


class CommandPeer:
    """A subscriber is one process from connect() or subscribe() on; each message has one, too."""

    clients = "mosquitto"
    subscriptions: ClassVar[dict[str, tuple[str, ...]]] = {}  # of sessions, by client id

    def __init__(self, broker: Broker, transport: str, version: int) -> None:
        self._pub, self._sub = (program(name) for name in CLIENTS[self.clients])
        self._directory = tempfile.TemporaryDirectory()
        name = {4: "mqttv311", 5: "mqttv5"}[version]
        self._where = (*self.address(broker, transport), "-V", name)
        if transport in ("tls", "wss"):
            self._where += ("--cafile", str(broker.ca))
        self._version = version
        # mosquitto_sub of 5.0 says "Disconnect with Will Message" when it is told to leave.
        self.spares_will = version == 4 or self.clients == "mqttlab"
        self._running: Running | None = None
        self._seen = 0

    def address(self, broker: Broker, transport: str) -> tuple[str, ...]:
        return ("-h", HOST, "-p", str(broker.ports[transport]))

    def connect(
        self, client_id: str, clean: bool = True, will: Message | None = None
    ) -> bool | None:
        self._id, self._who = client_id, ("-i", client_id)
        if not clean:
            self._who += ("-c",)
            if self._version == 5:
                self._who += ("-x", str(EXPIRY_S))
        if will:
            self._who += ("--will-topic", will.topic, "--will-payload", will.payload)
            self._who += ("--will-qos", str(will.qos), *(("--will-retain",) if will.retain else ()))
            self.subscribe(f"{client_id}/nothing", 0)
        elif not clean and client_id in self.subscriptions:
            self._start(*self.subscriptions[client_id])
        return None

    def _start(self, *words: str) -> None:
        self._running = Running(
            Path(self._directory.name), self._sub, *self._where, *self._who, *words, "-d",
            "-F", "got %q %r %t %p.", "-W", str(int(PATIENCE_S)),
        )  # fmt: skip

    def subscribe(self, topic_filter: str, qos: int) -> None:
        words = self.subscriptions[self._id] = ("-t", topic_filter, "-q", str(qos))
        self._start(*words)
        assert self._running
        self._running.until("(?i)suback|answer to")

    def publish(self, message: Message) -> None:
        what = ("-m", message.payload) if message.payload else ("-n",)
        words = [self._pub, *self._where, "-t", message.topic, "-q", str(message.qos), *what]
        if message.retain:
            words.append("-r")
        done = subprocess.run(words, capture_output=True, text=True, timeout=PATIENCE_S)
        assert done.returncode == 0, done.stderr

    def receive(self) -> Message:
        assert self._running
        self._seen += 1
        pattern = rf"(?:got (\d) (\d) (\S+) (.*)\.\n[^\0]*?){{{self._seen}}}"
        qos, retain, topic, payload = self._running.until(pattern).groups()
        return Message(topic, payload, int(qos), retain == "1")

    def disconnect(self) -> None:
        self._end(signal.SIGTERM)

    def close(self) -> None:
        self.disconnect()
        self._directory.cleanup()

    def cut(self) -> None:
        self._end(signal.SIGKILL)

    def _end(self, how: signal.Signals) -> None:
        if self._running:
            self._running.process.send_signal(how)
            self._running.leaves()


class OurCommandPeer(CommandPeer):
    clients = "mqttlab"

    def address(self, broker: Broker, transport: str) -> tuple[str, ...]:
        return ("-L", broker.url(transport))
