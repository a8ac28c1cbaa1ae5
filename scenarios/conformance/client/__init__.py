"""Conformance cases for clients: one file per section of the standard."""

from . import (  # noqa: F401
    acknowledgements,
    authenticate,
    connack,
    connect,
    disconnect,
    flow,
    keep_alive,
    over_websocket,
    publish,
    quality,
    received,
    redelivery,
    subscribe,
)
