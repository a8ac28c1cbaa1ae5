"""Conformance cases: one file per section of the standard; importing this declares them all."""

from . import (  # noqa: F401
    acknowledgements,
    authenticate,
    client_ids,
    connack,
    connect,
    connect_properties,
    disconnect,
    flow,
    over_websocket,
    packets,
    publish,
    publish_properties,
    quality,
    redelivery,
    retain,
    routing,
    shared,
    subscribe,
    unsubscribe,
    will,
)
