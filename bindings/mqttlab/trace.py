"""The names and the memory layout of the trace: what the columns of `Result.events` hold.

The enumerations mirror protocol/trace/event.h and protocol/wire/packet.h; a test compares them,
and the layout of `EVENT`, with the compiled module.
"""

from __future__ import annotations

from enum import IntEnum

import numpy as np

__all__ = [
    "CONNECT",
    "COUNTERS",
    "EVENT",
    "FILTER",
    "RADIO",
    "CloseCause",
    "Death",
    "Direction",
    "DropReason",
    "End",
    "Kind",
    "Packet",
    "StoreFate",
]


class Kind(IntEnum):
    """What happened. The comments name the columns that a kind uses besides `at`, `kind`, `actor`.

    Transport and packet kinds also carry `end` and `connection`; packets carry `bytes`.
    """

    OPENED = 0  # this end has a connection
    CLOSED = 1  # this end has lost it; code: CloseCause
    WRITTEN = 2  # the transport took the packet's last byte; packet, flags, packet_id, ...
    ARRIVED = 3  # the packet's last byte reached the peer
    MALFORMED = 4  # bytes that are no packet; code: reason, text: statement
    TAIL = 5  # a stream ended inside a packet, after `bytes` of it; flags: 0 written, 1 arrived
    PUBLISH_CALLED = 6  # accepted by the client; message, flags, text: topic, detail: token
    PUBLISH_REFUSED = 7  # code: why the client refused
    PUBLISH_COMPLETED = 8  # code: 0 done, 1 failed; detail: token
    DELIVERED = 9  # handed to the application; message, flags, text: topic
    DROPPED = 10  # by the broker; text: client id of the session, code: DropReason, message
    SESSION_ENDED = 11  # text: client id
    LINK_DOWN = 12  # the actor's access link, by a fault or by its cycle
    LINK_UP = 13
    DIED = 14  # the actor's client process is gone; code: Death
    PHASE = 15  # text: the phase's name; after "settle" there are no faults
    FAULT = 16  # text: what is done on purpose, and to which actor; a connection, if to one
    FAULT_OVER = 17  # the same; from here on it has no effect
    CRASHED = 18  # this end's process is gone and may come back; code: StoreFate
    RESTARTED = 19  # it is back, with what its store has
    PAUSED = 20  # this end's process does not run: no bytes, no timers
    WENT_ON = 21  # it runs again
    STOPPED = 22  # text: client id; its application ended it while it was not connected


class End(IntEnum):
    """Whose end of a connection noticed."""

    CLIENT = 0
    BROKER = 1


class Packet(IntEnum):
    """Control packet types (table 2.1 of the standard)."""

    CONNECT = 1
    CONNACK = 2
    PUBLISH = 3
    PUBACK = 4
    PUBREC = 5
    PUBREL = 6
    PUBCOMP = 7
    SUBSCRIBE = 8
    SUBACK = 9
    UNSUBSCRIBE = 10
    UNSUBACK = 11
    PINGREQ = 12
    PINGRESP = 13
    DISCONNECT = 14
    AUTH = 15  # 5.0 only


class CloseCause(IntEnum):
    """How a byte stream ended."""

    FIN = 0
    RESET = 1
    TIMEOUT = 2
    LOCAL = 3


class DropReason(IntEnum):
    """Why the broker will not deliver a message to a session."""

    QUEUE_FULL = 0
    QUEUE_BYTES_FULL = 1
    SESSION_ENDED = 2
    OFFLINE_QOS0 = 3
    OUTBOX_FULL = 4
    NOT_AUTHORISED = 5
    TOO_LARGE = 6
    RETAINED_LIMIT = 7
    EXPIRED = 8


class Death(IntEnum):
    """How a client's process ended."""

    FIN = 0
    RESET = 1
    SILENT = 2


class StoreFate(IntEnum):
    """What a process that crashed finds in its store when it is back."""

    KEPT = 0  # all that it wrote
    LOST = 1  # nothing
    TORN = 2  # what it had synced; of what it wrote later a part, its last record cut


class Direction(IntEnum):
    """Of a device's access link."""

    UP = 0  # from the device
    DOWN = 1  # to the device


EVENT = np.dtype(
    [
        ("at", "<i8"),  # ns of virtual time
        ("message", "<u8"),  # identity of topic and payload; 0: none
        ("kind", "u1"),  # Kind
        ("end", "u1"),  # End
        ("packet", "u1"),  # Packet, at WRITTEN and ARRIVED; else 0
        ("flags", "u1"),  # PUBLISH: 1 retain, 6 QoS << 1, 8 DUP. CONNACK: 1 session present
        ("code", "u1"),  # return or reason code of a packet, CloseCause, DropReason, Death, ...
        ("reserved", "u1"),
        ("packet_id", "<u2"),
        ("actor", "<u4"),  # index into Result.actors
        ("connection", "<u4"),  # the same number at both ends; 0: none
        ("bytes", "<u4"),  # of the packet on the wire, fixed header included, or of a tail
        ("text", "<u4"),  # index into Result.texts; 0: the empty string
        ("detail", "<u4"),  # a token, or the key of rows in Result.connects and .filters
        ("payload_bytes", "<u4"),  # of a PUBLISH
    ]
)
"""One event; 48 bytes. Columns that a kind does not use are 0."""

CONNECT = np.dtype(
    [
        ("event", "<u8"),  # index into Result.events of the CONNECT written or arrived
        ("version", "u1"),  # protocol level: 3 is 3.1, 4 is 3.1.1, 5 is 5.0
        ("clean_session", "?"),
        ("keep_alive_s", "<u2"),
        ("has_will", "?"),
        ("will_topic", "<u4"),  # index into Result.texts
        ("will_message", "<u8"),  # identity of the will's topic and payload
        ("will_payload_empty", "?"),
        ("will_qos", "u1"),
        ("will_retain", "?"),
    ]
)
"""What a CONNECT event has no room for; its client id is the event's `text`."""

FILTER = np.dtype(
    [
        ("event", "<u8"),  # index into Result.events
        ("packet", "u1"),  # Packet.SUBSCRIBE, SUBACK, UNSUBSCRIBE, and UNSUBACK of 5.0
        ("position", "<u4"),  # in the packet, from 0
        ("filter", "<u4"),  # index into Result.texts; 0 for SUBACK and UNSUBACK
        ("code", "u1"),  # SUBSCRIBE: byte of options, the QoS in its low bits. Answers: code
    ]
)
"""One topic filter, or one return code, of a packet."""

COUNTERS = np.dtype(
    [
        ("actor", "<u4"),  # the device, index into Result.actors
        ("direction", "u1"),  # Direction
        ("packets", "<u8"),  # IP packets offered by the sender
        ("bytes", "<u8"),  # of these packets, headers included
        ("header_bytes", "<u8"),  # IP and TCP headers
        ("payload_bytes", "<u8"),  # TCP payload, repeats included
        ("retransmitted_bytes", "<u8"),  # TCP payload that had been sent before
        ("lost_random", "<u8"),  # packets, by the link's independent loss
        ("lost_burst", "<u8"),  # packets, by Gilbert-Elliott loss
        ("lost_queue", "<u8"),  # packets, by a full queue
        ("lost_down", "<u8"),  # packets, because the link was down
        ("lost_blackhole", "<u8"),  # packets, in a blackhole or a partition
        ("lost_corrupt", "<u8"),  # packets; the receiver's checksum found a flipped bit
        ("lost_nat", "<u8"),  # packets, of connections that a NAT had forgotten
        ("lost_moved", "<u8"),  # packets, from or to an address that the device has left
        ("delivered", "<u8"),  # packets
        ("duplicated", "<u8"),  # packets that arrived twice, or whose copy was lost
        ("reordered", "<u8"),  # packets that were late on purpose
        ("web_socket_bytes", "<u8"),  # upgrades, headers of frames, control frames
        ("tls_bytes", "<u8"),  # handshakes, what encryption adds to a record, alerts
    ]
)
"""What crossed one direction of one device's access link, at the IP layer; and, last, what the
sender's transports put beside the bytes of MQTT, sent or not."""

RADIO = np.dtype(
    [
        ("at", "<i8"),  # ns of virtual time: when the device offered it, or when it arrived there
        ("bytes", "<u4"),  # of the IP packet
        ("direction", "u1"),  # Direction
        ("reserved", "u1", 3),
    ]
)
"""A packet that a device's radio sent, whether or not it was lost on the way, or received."""
