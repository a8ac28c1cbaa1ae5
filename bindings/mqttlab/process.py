"""The process of the broker, or those of a device: their states, and what effects do to them."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Generator
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from mqttlab.errors import UsageError

if TYPE_CHECKING:
    import asyncio

    from mqttlab.lab import Lab

__all__ = ["Coming", "Death", "Done", "Fate", "Process", "State", "check_crash"]

Fate = Literal["kept", "lost", "torn"]
"""What of a crashed process's store is there when it is back: all that it had written; nothing;
what it had synced, and of the rest a part, cut at a byte.
"""
Death = Literal["fin", "reset", "silent"]
"""How the connections of a process end: its kernel closes them (with a reset where something was
unread); it resets them; the machine has lost its power, and nobody is told.
"""

State = Literal["running", "paused", "down"]


class Done:
    """What has been asked for has happened; it may be awaited all the same."""

    def __await__(self) -> Generator[Any, None, None]:
        yield from ()


class Coming(Done):
    """What has been asked for happens at the end of this instant; awaited, it has happened."""

    def __init__(self, lab: Lab) -> None:
        self.is_over = False
        self._lab = lab
        self._awaited: asyncio.Future[None] | None = None
        lab.world.at(lab.world.now(), self._come)

    def _come(self) -> None:
        self.is_over = True
        if self._awaited is not None and not self._awaited.done():
            self._awaited.set_result(None)
            self._lab.world.interrupt()

    def __await__(self) -> Generator[Any, None, None]:
        if not self.is_over:
            self._awaited = self._awaited or self._lab.loop.create_future()
            yield from self._awaited


class Process(ABC):
    """What may crash, stand still and come back."""

    kind: ClassVar[str]
    """What it is the process of: "broker" or "device"."""
    name: str
    """Of that."""
    lab: Lab

    def __init__(self) -> None:
        self.has_store = False
        """Its state outlives a crash: it was made with store="disk"."""
        self._holders = {"crash": 0, "pause": 0}  # effects in force, by what they do
        self._held: set[str] = set()  # what an effect has done to it, and nobody has undone
        self._coming: Coming | None = None

    @property
    @abstractmethod
    def state(self) -> State:
        """Of it."""

    @abstractmethod
    def crash(self, store: Fate | None = None, *, how: Death = "fin") -> Done:
        """It ends."""

    @abstractmethod
    def restart(self) -> Coming:
        """It comes back."""

    @abstractmethod
    def pause(self) -> Done:
        """It stands still."""

    @abstractmethod
    def resume(self) -> Coming:
        """It goes on."""

    @property
    def is_coming(self) -> bool:
        """It has been told to come back, or to go on, and does at the end of this instant."""
        return self._coming is not None and not self._coming.is_over

    def fate(self, store: Fate | None, where: str) -> Fate:
        """What a crash does to its store. Errors: UsageError if there is none to be kept."""
        fate = store or ("kept" if self.has_store else "lost")
        if fate != "lost" and not self.has_store:
            raise UsageError(
                f"{where}: store={fate!r}, and {self.name} has none; make the {self.kind} with "
                "store='disk'"
            )
        return fate

    # For effects, which overlap.

    def hold(self, what: Literal["crash", "pause"], do: Callable[[], object]) -> None:
        """An effect begins: `do` unless its state makes that moot; of what is about to come back,
        after it has.
        """
        self._holders[what] += 1
        self._do(what, do)

    def _do(self, what: str, do: Callable[[], object]) -> None:
        if self.is_coming:
            self.lab.world.at(self.lab.world.now(), partial(self._do, what, do))
        elif self._holders[what] and self._stands_for(what):
            do()
            self._held.add(what)

    def _stands_for(self, what: str) -> bool:
        return self.state != "down" if what == "crash" else self.state == "running"

    def lift(self, what: Literal["crash", "pause"], undo: Callable[[], object]) -> None:
        """An effect ends: `undo` if it was the last, and it is an effect that has done it."""
        self._holders[what] -= 1
        if not self._holders[what] and what in self._held:
            undo()

    def set_free(self) -> None:
        """It runs again, whoever crashed or paused it."""
        if self.is_coming:
            return
        if self.state == "down":
            self.restart()
        elif self.state == "paused":
            self.resume()

    # For those that do it.

    def crashed(self) -> Done:
        """It has; a pause is over with that."""
        self._held.clear()
        return Done()

    def comes(self) -> Coming:
        """It does, from down or from a pause."""
        self._held.clear()
        self._coming = Coming(self.lab)
        return self._coming

    def check_state(self, where: str, who: str, *states: State) -> None:
        """Errors: UsageError if it is in none of these states."""
        wanted = " or ".join(states)
        if self.is_coming:
            raise UsageError(f"{where}: {who} comes back only now; await that first")
        if self.state not in states:
            raise UsageError(f"{where}: {who} is {self.state}; it must be {wanted}")


def check_crash(fate: str | None, how: str, where: str) -> None:
    """Errors: UsageError for a word that is none of those."""
    if fate not in (None, "kept", "lost", "torn"):
        raise UsageError(f"{where}: store: {fate!r} is none of 'kept', 'lost', 'torn'")
    if how not in ("fin", "reset", "silent"):
        raise UsageError(f"{where}: how: {how!r} is none of 'fin', 'reset', 'silent'")
