"""The broker of a run, and what becomes of its process."""

from __future__ import annotations

from collections.abc import Generator
from typing import TYPE_CHECKING, Any, Literal, cast

from mqttlab.errors import UsageError
from mqttlab.result import NotApplicable

if TYPE_CHECKING:
    from mqttlab.lab import Lab

__all__ = ["Broker", "Death", "Done", "Fate", "check_crash"]

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

    def __await__(self) -> Generator[None, None, None]:
        yield from ()


class Broker:
    """The broker of a run."""

    def __init__(self, lab: Lab, name: str, has_store: bool) -> None:
        self._lab = lab
        self.name = name
        self.has_store = has_store
        """Its state outlives a crash: it was made with store="disk"."""
        self.crashes = self.pauses = 0
        """Effects that hold it down, or still."""

    def __await__(self) -> Generator[None, None, Broker]:
        """So that both `lab.broker(...)` and `await lab.broker(...)` are fine."""
        yield from ()
        return self

    def gauges(self) -> dict[str, int]:
        """What the broker counts about itself at this instant; of ours only. Zeros while it is
        down; a restarted one counts anew.
        """
        self._lab.check_live()
        if self._lab.is_foreign:
            why = "a broker elsewhere counts for itself"
            self._lab.refuse(NotApplicable("broker.gauges()", why, all=True))
        return self._lab.world.gauges()

    @property
    def state(self) -> State:
        """Of its process."""
        return cast(State, self._lab.ends("broker.state").broker_state(self._lab.world))

    def crash(self, store: Fate | None = None, *, how: Death = "fin") -> Done:
        """Its process ends at this instant, in the middle of whatever it does, until restart().

        `store`: what restart() finds; by default all that was written, and without store="disk"
        nothing. While it is down dials are refused, or, if it has lost its power (`how="silent"`),
        not answered. Unix time goes on: sessions and wills fall due meanwhile.
        """
        ends = self._check("crash", "running", "paused")
        fate = store or ("kept" if self.has_store else "lost")
        check_crash(fate, how, "broker.crash")
        if fate != "lost" and not self.has_store:
            raise UsageError(
                f"broker.crash: store={fate!r}, and there is none; make the broker with "
                "store='disk'"
            )
        ends.crash_broker(self._lab.world, fate, how)
        return Done()

    def restart(self) -> Done:
        """Starts it again, with what its store has. Connections of before a power loss learn of it
        when they speak to it.
        """
        self._check("restart", "down").restart_broker(self._lab.world)
        return Done()

    def pause(self) -> Done:
        """Its process stands still (SIGSTOP) until resume(): it reads and writes nothing, and has
        no timers. Its kernel goes on: it takes bytes as far as its buffers reach, and connections.
        """
        self._check("pause", "running").pause_broker(self._lab.world)
        return Done()

    def resume(self) -> Done:
        """It goes on: what has arrived comes first, then what was due."""
        self._check("resume", "paused").resume_broker(self._lab.world)
        return Done()

    def _check(self, what: str, *states: str) -> Any:
        """`_sim`, if the process is in one of these states."""
        self._lab.check_live()
        ends = self._lab.ends(f"broker.{what}()")
        state = ends.broker_state(self._lab.world)
        if state not in states:
            raise UsageError(f"broker.{what}: it is {state}; it must be {' or '.join(states)}")
        return ends

    def __repr__(self) -> str:
        return f"<Broker {self.name}>"


def check_crash(fate: str, how: str, where: str) -> None:
    """Errors: UsageError for a word that is none of those."""
    if fate not in ("kept", "lost", "torn"):
        raise UsageError(f"{where}: store: {fate!r} is none of 'kept', 'lost', 'torn'")
    if how not in ("fin", "reset", "silent"):
        raise UsageError(f"{where}: how: {how!r} is none of 'fin', 'reset', 'silent'")
