"""Planned: a fault in a run, and whether it has happened."""

from __future__ import annotations

from collections.abc import Callable, Container, Generator
from typing import TYPE_CHECKING, Any

from mqttlab.faults.fault import Fault
from mqttlab.result import FaultInfo

if TYPE_CHECKING:
    import asyncio

__all__ = ["Planned"]


class Planned:
    """A fault that is armed. `await planned` waits until it has happened for the first time."""

    def __init__(self, fault: Fault, future: Callable[[], asyncio.Future[None]]) -> None:
        self.fault = fault
        self.then = None if fault.then is None else Planned(fault.then, future)
        """The step that follows."""
        self._future = future
        self._waiting: list[asyncio.Future[None]] = []
        self._happened: list[tuple[int, str]] = []
        self.cancelled = False
        """Somebody has called it off."""

    def cancel(self) -> None:
        """Calls it off, and what follows it: from now on neither happens to anybody any more. What
        has begun goes on to its end. Who waits for it gets asyncio.CancelledError.
        """
        self.cancelled = True
        waiting, self._waiting = self._waiting, []
        for one in waiting:
            one.cancel()
        if self.then is not None:
            self.then.cancel()

    @property
    def times(self) -> tuple[float, ...]:
        """Seconds of virtual time at which it happened, to one device or another."""
        return tuple(at_ns / 1e9 for at_ns, _ in self._happened)

    def happened(self, at_ns: int, to: str) -> bool:
        """It has; true if somebody waited for that."""
        self._happened.append((at_ns, to))
        waiting, self._waiting = self._waiting, []
        for one in waiting:
            if not one.done():
                one.set_result(None)
        return bool(waiting)

    def info(self, devices: Container[str]) -> FaultInfo:
        """As in Result.faults. `devices`: names of those there are."""
        return FaultInfo(
            self.fault.to_data(),
            tuple(at_ns for at_ns, _ in self._happened),
            tuple(to for _, to in self._happened),
            " on ".join([str(self.fault), *filter(None, [", ".join(self.fault.names)])]),
            tuple(name for name in self.fault.names if name not in devices),
            None if self.then is None else self.then.info(devices),
        )

    def __await__(self) -> Generator[Any, None, None]:
        if not self._happened:
            future = self._future()
            if self.cancelled:
                future.cancel()
            self._waiting.append(future)
            yield from future.__await__()

    def __repr__(self) -> str:
        return f"<Planned {self.fault.what} {self.fault.when}, {len(self._happened)} times>"
