"""The errors of the package. What the caller did wrong is a UsageError that names the remedy."""

from __future__ import annotations

from collections.abc import Sequence

from mqttlab.reasons import Reason

__all__ = [
    "ConnectionLostError",
    "Error",
    "NotApplicableError",
    "PublishError",
    "RefusedError",
    "SubscribeError",
    "UsageError",
    "ViolationError",
    "VirtualTimeError",
]


class Error(Exception):
    """Base of every error that mqttlab raises on purpose."""


class UsageError(Error, ValueError):
    """A wrong value from the caller: the message is one line naming value, place and remedy."""


class VirtualTimeError(Error, RuntimeError):
    """Something that virtual time cannot do: threads, sockets, processes, or standing still."""


class NotApplicableError(Error):
    """What a scenario asked for cannot be had where it runs; the run ends as not applicable."""


class ViolationError(Error, AssertionError):
    """The oracle found that a run broke an invariant, or could not observe one asked for."""


class _AnswerError(Error):
    """An error that the broker may have given a reason for."""

    def __init__(self, message: str, reason: Reason | None = None) -> None:
        super().__init__(message)
        self.reason = reason
        """None: it has not."""


class RefusedError(_AnswerError):
    """The broker refused the connection; `reason` is CONNACK's."""

    reason: Reason

    @property
    def code(self) -> int:
        """CONNACK's return or reason code."""
        return self.reason.code


class ConnectionLostError(_AnswerError):
    """The link was lost: of a client that does not reconnect, or that was re-authenticating.

    `reason`: of the broker's DISCONNECT, if it sent one (MQTT 5.0).
    """


class PublishError(_AnswerError):
    """The client did not take the message, the broker refused it, or the session ended first.

    `reason`: the broker's, 0x80 or more (MQTT 5.0).
    """

    @property
    def reason_code(self) -> int:
        """The broker's, or 0 if it did not refuse the message."""
        return 0 if self.reason is None else self.reason.code


class SubscribeError(Error):
    """The broker refused a filter (0x80 or more), or the session ended before it answered."""

    def __init__(self, message: str, reasons: Sequence[Reason] = ()) -> None:
        super().__init__(message)
        self.reasons = tuple(reasons)
        """One per filter, in order, granted ones too; empty if the broker has not answered."""
