"""Drivers: programs that tell somebody's client what a case wants of it. How to write one:

`mqttlab conformance --client 'COMMAND {host} {port}'` starts the command once per case, with the
address of a server that the case plays. Orders come on its standard input and events go to its
standard output, each a line that is one JSON object in UTF-8; standard error is shown if it dies.

At its start it says, once, what it is and what it can do:

    {"event": "hello", "name": "paho-mqtt 2.1.0", "features": ["3.1.1", "5.0", "session", ...]}

`features` are keys of `FEATURES` below. What needs another one is *not claimed* and never asked
for. `least_keep_alive_s` (default 1) is the shortest keep alive that the client takes.

Orders; `id` is a number that its answer repeats, optional fields are absent when not wanted:

    {"do": "connect", "version": "5.0", "client_id": "a", "clean": true, "keep_alive_s": 60, ...}
        optional: user_name, password; will: {topic, payload, qos, retain, properties};
        properties: those of CONNECT (5.0); scram: {user_name, password}; websocket: true
        (at ws://HOST:PORT/mqtt); publishes: {topic, qos}, which it will be told to publish
        later, for programs that are told on their command line. A new client.
    {"do": "reconnect", "clean": false}     the same client again, with what it had in flight
    {"do": "publish", "id": 1, "topic": "t", "payload": "x", "qos": 1, "retain": false}
        optional: properties
    {"do": "subscribe", "id": 2, "filters": [["t/#", 1]]}
        optional: no_local: true, for all of them; properties
    {"do": "unsubscribe", "id": 3, "filters": ["t/#"]}
    {"do": "reauthenticate", "id": 4}
    {"do": "disconnect"}                    optional: reason (5.0), properties
    {"do": "quit"}                          so does the end of input: end at once

Events, as they happen:

    {"event": "connected", "session_present": false}
    {"event": "acknowledged", "id": 1}      by PUBACK, PUBCOMP, SUBACK (codes: [1]), UNSUBACK
    {"event": "failed", "id": 1, "what": "0x87"}     it was refused, by the server or the client
    {"event": "message", "topic": "t", "payload": "x", "qos": 1, "retain": false}
        optional: properties
    {"event": "closed", "what": "..."}      the connection ended, or could not be had
    {"event": "warning", "what": "..."}     what the client complains of; shown, not judged
    {"event": "error", "what": "..."}       the driver cannot go on

Properties are an object by the standard's names in small letters, "response_topic", with
"user_property" a list of pairs. Payloads and binary data are text, which the driver encodes as
UTF-8. A driver makes one client, does not connect again by itself, subscribes to nothing by itself,
and hands every order to its client as it is: what the client refuses, it says (`failed`).

Drivers in Python on asyncio are coroutines `drive(orders, say, host, port)`: see `console.py`. They
also run in virtual time. One whose client has threads ends with `console.leave`. Shipped: `ours`,
`paho_driver`, `gmqtt_driver`, `commands` (mosquitto_pub and mosquitto_sub, and ours, which take the
same options) and `mqttjs.cjs`, which needs NODE_PATH.
"""

from __future__ import annotations

__all__ = ["FEATURES"]

FEATURES = {
    "3.1.1": "MQTT 3.1.1",
    "5.0": "MQTT 5.0",
    "session": "sessions that outlive a connection, within one run of the client",
    "empty client id": "connecting without a client id",
    "login": "user name and password",
    "will": "a will",
    "will properties": "properties of a will",
    "publish": "publishing what it is told when it is connected",
    "subscribe": "subscribing to what it is told when it is connected",
    "unsubscribe": "UNSUBSCRIBE",
    "properties": "properties of PUBLISH",
    "connect properties": "properties of CONNECT",
    "maximum_packet_size": "a Maximum Packet Size of its own",
    "topic_alias_maximum": "aliases of the server",
    "topic_alias": "aliases of its own",
    "subscription_identifier": "Subscription Identifiers",
    "no_local": "No Local",
    "disconnect reason": "reason and properties of DISCONNECT",
    "disconnect": "going with DISCONNECT when it is told to",
    "scram": "enhanced authentication by SCRAM-SHA-256",
    "reauthenticate": "authenticating again",
    "websocket": "MQTT over WebSocket",
    "acknowledged": "telling when a message has been acknowledged",
    "message": "telling what it received",
}
"""Features by the names that hello has for them: what a driver may lack."""
