"""Drives mosquitto_pub and mosquitto_sub, or ours, which take the same options: what a client is
for has to stand on its command line, so it publishes what "connect" has announced, or receives.
"""

from __future__ import annotations

import contextlib
import re
import subprocess
import sys
import threading
from collections.abc import Sequence

from mqttlab import programs
from mqttlab.conformance.drivers.console import Order, address, leave, orders, say

FEATURES = [
    "3.1.1", "5.0", "session", "login", "will", "will properties", "connect properties",
    "maximum_packet_size", "disconnect", "message",
]  # fmt: skip
_PATTERNS = {
    "mosquitto": (r"CONNACK \(0\)", r"sending CONNECT"),
    "mqttlab": (r"^connected", r"^disconnected"),
}
"""Lines that say that it is connected, and that it has not been for a while."""
_PROGRAMS = {
    "mosquitto": ("mosquitto_pub", "mosquitto_sub", 5),
    "mqttlab": ("mqttlab-pub", "mqttlab-sub", 1),
}
"""Names, and the shortest keep alive that they take."""
_CALLBACKS_S = 0.3  # until it has seen SUBACK, and is through with it
_FORMAT = "got\t%q\t%r\t%t\t%p"


class Driver:
    """One process, which connects again by itself when its connection ends."""

    def __init__(self, kind: str) -> None:
        self._kind = kind
        publisher, subscriber, self.least_keep_alive_s = _PROGRAMS[kind]
        self._publisher = programs.installed(publisher) or programs.path_of(publisher)
        self._subscriber = programs.installed(subscriber) or programs.path_of(subscriber)
        self._process: subprocess.Popen[bytes] | None = None
        self._subscribed = threading.Event()

    @property
    def name(self) -> str:
        """With its version."""
        said = subprocess.run([self._publisher, "--version"], capture_output=True, text=True)
        found = re.search(r"\d+\.\d+\S*", said.stdout)
        names = " and ".join(_PROGRAMS[self._kind][:2])
        return f"{names} {found[0].rstrip('.') if found else ''}".strip()

    def connect(self, order: Order) -> None:
        """Starts it."""
        words = [*self._where(order), "-V", "5" if order["version"] == "5.0" else "311", "-d"]
        words += ["-i", order["client_id"], "-k", str(order["keep_alive_s"])]
        words += [] if order["clean"] else ["-c"]
        for option, field in (("-u", "user_name"), ("-P", "password")):
            words += [option, order[field]] if field in order else []
        words += _properties("connect", order.get("properties", {}))
        if will := order.get("will"):
            words += ["--will-topic", will["topic"], "--will-payload", will["payload"]]
            words += ["--will-qos", str(will["qos"]), *["--will-retain"] * will["retain"]]
            words += _properties("will", will.get("properties", {}))
        if asked := order.get("publishes"):
            words = [self._publisher, *words, "-l", "-t", asked["topic"], "-q", str(asked["qos"])]
        else:
            words = [self._subscriber, *words, "-t", "#", "-q", "2", "-F", _FORMAT]
        self._program = words[0]
        self._process = subprocess.Popen(
            ["stdbuf", "-oL", *words], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )  # fmt: skip
        threading.Thread(target=self._read, args=[self._process], daemon=True).start()

    def _where(self, order: Order) -> Sequence[str]:
        host, port = address()
        return ("-h", host, "-p", str(port))

    def reconnect(self, order: Order) -> None:
        """It does so by itself."""

    def publish(self, order: Order) -> None:
        """A line."""
        assert self._process
        assert self._process.stdin
        self._process.stdin.write(order["payload"].encode() + b"\n")
        self._process.stdin.flush()

    def disconnect(self, order: Order) -> None:
        """As it does when it is asked to end."""
        assert self._process
        assert self._process.stdin
        self._process.stdin.close()
        if self._program == self._subscriber:
            # A signal in the midst of a callback leaves mosquitto_sub hanging.
            self._subscribed.wait(_CALLBACKS_S)
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(_CALLBACKS_S)
            self._process.terminate()

    def end(self) -> None:
        """No process is left behind."""
        if self._process:
            self._process.kill()
            self._process.wait()

    def _read(self, process: subprocess.Popen[bytes]) -> None:
        """Its lines, until it ends."""
        assert process.stdout
        # mosquitto_sub takes a signal for a refusal until it has seen CONNACK through.
        connected, parted = _PATTERNS[self._kind]
        if self._program == self._subscriber and self._kind == "mosquitto":
            connected = "sending SUBSCRIBE"
        was_connected = False
        for raw in process.stdout:
            line = raw.decode(errors="replace").rstrip("\n")
            if was_connected and re.search(parted, line):
                say("closed", what=line)
            elif re.search(connected, line):
                was_connected = True
                say("connected", session_present=False)
            elif "SUBACK" in line:
                self._subscribed.set()
            elif line.startswith("got\t"):
                _, qos, retain, topic, payload = line.split("\t", 4)
                say("message", topic=topic, payload=payload, qos=int(qos), retain=retain == "1")
        say("closed", what=f"exit code {process.wait()}")


def _properties(packet: str, given: dict[str, object]) -> list[str]:
    words: list[str] = []
    for name, value in given.items():
        if name == "session_expiry_interval":
            words += ["-x", str(value)]
        else:
            words += ["-D", packet, name.replace("_", "-"), str(value)]
    return words


def main() -> None:
    """Until it is told to quit."""
    driver = Driver(sys.argv[3])
    # mqttlab-pub ends with its connection.
    features = [one for one in FEATURES if one != "session" or sys.argv[3] == "mosquitto"]
    say("hello", name=driver.name, features=features, least_keep_alive_s=driver.least_keep_alive_s)
    for order in orders():
        try:
            getattr(driver, order["do"])(order)
        except OSError as error:
            say("failed", id=order.get("id"), what=str(error))
    driver.end()
    leave()


if __name__ == "__main__":
    main()
