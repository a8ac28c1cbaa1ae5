"""Why the broker refused something, or ended a connection, in its own words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

__all__ = ["Reason"]


@dataclass(frozen=True, slots=True)
class Reason:
    """A code of the broker's and, in MQTT 5.0, what its packet added to it."""

    code: int
    """A reason code; before 5.0 CONNACK's return code (1..5), or 0x80 of a SUBACK."""
    name: str
    """The standard's, such as "Server moved"."""
    reason_string: str | None = None
    server_reference: str | None = None
    user_properties: tuple[tuple[str, str], ...] = ()

    @classmethod
    def read(cls, code: int, name: str, items: Sequence[tuple[str, Any]] = ()) -> Reason:
        """`items`: the packet's properties as _sim gives them."""
        one = {key: value.decode() for key, value in items if isinstance(value, bytes)}
        pairs = [value for key, value in items if key == "user_property"]
        return cls(
            code,
            name,
            one.get("reason_string"),
            one.get("server_reference"),
            tuple((key.decode(), value.decode()) for key, value in pairs),
        )

    def __str__(self) -> str:
        words = [f"{self.code:#04x} ({self.name})"]
        if self.reason_string is not None:
            words.append(self.reason_string)
        if self.server_reference is not None:
            words.append(f"go to {self.server_reference}")
        words += [f"{key}={value}" for key, value in self.user_properties]
        return "; ".join(words)
