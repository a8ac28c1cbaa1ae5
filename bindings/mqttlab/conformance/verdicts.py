"""What a case can come to, and how its code says so."""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum
from typing import Any, NoReturn

from mqttlab.errors import Error

__all__ = [
    "Ending",
    "Failed",
    "NotClaimed",
    "NotObservable",
    "NotTested",
    "TargetError",
    "Verdict",
    "check",
    "not_claimed",
    "not_observable",
]


class Verdict(StrEnum):
    """What a case can come to; `document.WEIGHT` says which of its cases' a statement has."""

    PASS = "pass"
    NOT_OBSERVABLE = "not observable"
    NOT_CLAIMED = "not claimed"
    NOT_TESTED = "not tested"
    ERROR = "error"
    FAIL = "fail"


class Ending(Error):  # noqa: N818 - not an error, most of the time
    """Ends a case with a verdict; the message says what was seen."""

    verdict = Verdict.ERROR


class Failed(Ending):
    """The rule was broken: the message is what was observed."""

    verdict = Verdict.FAIL


class NotClaimed(Ending):
    """The target says that it does not have the feature that the message names."""

    verdict = Verdict.NOT_CLAIMED


class NotObservable(Ending):
    """The occasion did not arise, and the case cannot bring it about: the message says which."""

    verdict = Verdict.NOT_OBSERVABLE


class NotTested(Ending):
    """What the case needs before it can judge did not happen: another rule's case has to say."""

    verdict = Verdict.NOT_TESTED


class TargetError(Ending):
    """The target is gone, or answers nothing."""

    verdict = Verdict.ERROR


def check(holds: object, observed: str | Callable[[], Any]) -> None:
    """The rule was kept, or else this was observed."""
    if not holds:
        raise Failed(str(observed() if callable(observed) else observed))


def not_claimed(feature: str) -> NoReturn:
    """The target offers no such feature."""
    raise NotClaimed(feature)


def not_observable(why: str) -> NoReturn:
    """This target gives no occasion to see the rule at work."""
    raise NotObservable(why)
