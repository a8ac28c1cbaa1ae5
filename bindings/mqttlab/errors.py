"""The errors of the package. What the caller did wrong is a UsageError that names the remedy."""

from __future__ import annotations

__all__ = [
    "ConnectionLostError",
    "Error",
    "PublishError",
    "RefusedError",
    "SubscribeError",
    "UsageError",
    "ViolationError",
]


class Error(Exception):
    """Base of every error that mqttlab raises on purpose."""


class UsageError(Error, ValueError):
    """A wrong value from the caller: the message is one line naming value, place and remedy."""


class ViolationError(Error, AssertionError):
    """The oracle found that a run broke an invariant, or could not observe one asked for."""


class RefusedError(Error):
    """The broker refused the connection; `code` is CONNACK's return or reason code."""

    def __init__(self, message: str, code: int) -> None:
        super().__init__(message)
        self.code = code


class ConnectionLostError(Error):
    """The link was lost: of a client that does not reconnect, or that was re-authenticating."""


class PublishError(Error):
    """The client did not take the message, the broker refused it, or the session ended first.

    `reason_code`: the broker's, 0x80 or more (MQTT 5.0); 0 if it did not refuse it.
    """

    def __init__(self, message: str, reason_code: int = 0) -> None:
        super().__init__(message)
        self.reason_code = reason_code


class SubscribeError(Error):
    """The broker refused a filter (0x80 or more), or the session ended before it answered."""
