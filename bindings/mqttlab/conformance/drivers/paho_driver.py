"""Drives paho-mqtt, by its own thread (loop_start), as its documentation has it."""

from __future__ import annotations

import threading
from importlib import metadata
from typing import Any

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode
from paho.mqtt.subscribeoptions import SubscribeOptions

from mqttlab.conformance.drivers.console import Order, address, leave, orders, say

FEATURES = [
    "3.1.1", "5.0", "session", "empty client id", "login", "will", "will properties", "publish",
    "subscribe", "unsubscribe", "properties", "connect properties", "maximum_packet_size",
    "topic_alias", "subscription_identifier", "no_local", "disconnect reason", "disconnect",
    "websocket", "acknowledged", "message",
]  # fmt: skip
_V5 = paho.MQTTv5


class Driver:
    """One client."""

    def __init__(self) -> None:
        self.where = address()
        self.published: dict[int, int] = {}  # orders by packet id, and so are these
        self.asked: dict[int, int] = {}
        self.naming = threading.RLock()  # its thread may have the answer before its id is noted

    def connect(self, order: Order) -> None:
        """A new client."""
        self.version = _V5 if order["version"] == "5.0" else paho.MQTTv311
        web = order.get("websocket", False)
        self.client = client = paho.Client(
            CallbackAPIVersion.VERSION2, order["client_id"], protocol=self.version,
            transport="websockets" if web else "tcp", reconnect_on_failure=False,
            clean_session=None if self.version == _V5 else order["clean"],
        )  # fmt: skip
        if web:
            client.ws_set_options("/mqtt")
        if "user_name" in order or "password" in order:
            client.username_pw_set(order.get("user_name"), order.get("password"))
        if will := order.get("will"):
            carried = self.properties(PacketTypes.WILLMESSAGE, will.get("properties"))
            client.will_set(will["topic"], will["payload"], will["qos"], will["retain"], carried)
        client.on_connect = self._connected
        client.on_connect_fail = lambda *_: say("closed", what="no connection")
        client.on_disconnect = lambda *end: say("closed", what=str(end[3]))
        client.on_publish = self._published
        client.on_subscribe = client.on_unsubscribe = self._answered
        client.on_message = self._message
        self.keep_alive_s = order["keep_alive_s"]
        self.carried = self.properties(PacketTypes.CONNECT, order.get("properties"))
        self._dial(order)

    def reconnect(self, order: Order) -> None:
        """The same one again."""
        self.client.loop_stop()
        self._dial(order)

    def _dial(self, order: Order) -> None:
        more: dict[str, Any] = {}
        if self.version == _V5:
            more = {"clean_start": order["clean"], "properties": self.carried}
        self.client.connect(*self.where, keepalive=self.keep_alive_s, **more)
        self.client.loop_start()

    def properties(self, packet: int, given: dict[str, Any] | None) -> Properties | None:
        """In its own names: "topic_alias" is TopicAlias."""
        if not given or self.version != _V5:
            return None
        made = Properties(packet)  # type: ignore[no-untyped-call]
        for name, value in given.items():
            own = "".join(word.capitalize() for word in name.split("_"))
            if name == "user_property":
                made.UserProperty = [tuple(one) for one in value]
            else:
                setattr(made, own, value.encode() if name == "correlation_data" else value)
        return made

    def publish(self, order: Order) -> None:
        """See mqttlab.conformance.drivers."""
        carried = self.properties(PacketTypes.PUBLISH, order.get("properties"))
        with self.naming:
            info = self.client.publish(
                order["topic"], order["payload"], order["qos"], order["retain"], carried
            )
            if info.rc not in (paho.MQTT_ERR_SUCCESS, paho.MQTT_ERR_NO_CONN):
                raise ValueError(paho.error_string(info.rc))
            self.published[info.mid] = order["id"]

    def subscribe(self, order: Order) -> None:
        """See mqttlab.conformance.drivers."""
        carried = self.properties(PacketTypes.SUBSCRIBE, order.get("properties"))
        filters: list[tuple[str, Any]] = [(name, qos) for name, qos in order["filters"]]
        if self.version == _V5:
            no_local = order.get("no_local", False)
            filters = [(name, SubscribeOptions(qos, noLocal=no_local)) for name, qos in filters]
        with self.naming:
            self._called(order, *self.client.subscribe(filters, properties=carried))

    def unsubscribe(self, order: Order) -> None:
        """See mqttlab.conformance.drivers."""
        with self.naming:
            self._called(order, *self.client.unsubscribe(order["filters"]))

    def _called(self, order: Order, error: int, mid: int | None) -> None:
        if error or mid is None:
            raise ValueError(paho.error_string(MQTTErrorCode(error)))
        self.asked[mid] = order["id"]

    def disconnect(self, order: Order) -> None:
        """See mqttlab.conformance.drivers."""
        reason = order.get("reason")
        code = None
        if reason and self.version == _V5:
            code = ReasonCode(PacketTypes.DISCONNECT, identifier=reason)
        carried = self.properties(PacketTypes.DISCONNECT, order.get("properties"))
        self.client.disconnect(code, carried)

    # What its thread tells.

    def _connected(self, _client: Any, _data: Any, flags: Any, code: Any, _more: Any) -> None:
        if code.is_failure:
            say("closed", what=str(code))
        else:
            say("connected", session_present=bool(flags.session_present))

    def _published(self, _client: Any, _data: Any, mid: int, code: Any, _more: Any) -> None:
        with self.naming:
            number = self.published.pop(mid, None)
        if number is not None:
            fields = {"what": str(code)} if code.is_failure else {}
            say("failed" if fields else "acknowledged", id=number, **fields)

    def _answered(self, _client: Any, _data: Any, mid: int, codes: Any, _more: Any) -> None:
        with self.naming:
            number = self.asked.pop(mid, None)
        say("acknowledged", id=number, codes=[code.value for code in codes])

    def _message(self, _client: Any, _data: Any, message: Any) -> None:
        say(
            "message", topic=message.topic, payload=message.payload.decode(), qos=message.qos,
            retain=bool(message.retain),
        )  # fmt: skip


def main() -> None:
    """Until it is told to quit."""
    say("hello", name=f"paho-mqtt {metadata.version('paho-mqtt')}", features=FEATURES)
    driver = Driver()
    for order in orders():
        try:
            getattr(driver, order["do"])(order)
        except Exception as error:  # whatever it raises of what it does not like
            say("failed", id=order.get("id"), what=f"{type(error).__name__}: {error}")
    leave()


if __name__ == "__main__":
    main()
