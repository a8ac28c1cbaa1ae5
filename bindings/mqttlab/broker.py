"""The broker of a run, and what becomes of its process."""

from __future__ import annotations

from collections.abc import Generator
from typing import TYPE_CHECKING, Any, ClassVar, cast

from mqttlab.process import Coming, Death, Done, Fate, Process, State, check_crash
from mqttlab.result import NotApplicable

if TYPE_CHECKING:
    from mqttlab.lab import Lab

__all__ = ["Broker"]


class Broker(Process):
    """The broker of a run."""

    kind: ClassVar[str] = "broker"

    def __init__(
        self, lab: Lab, name: str, has_store: bool, server_keep_alive_s: int | None
    ) -> None:
        super().__init__()
        self.lab = lab
        self.name = name
        self.has_store = has_store
        self.server_keep_alive_s = server_keep_alive_s

    def __await__(self) -> Generator[None, None, Broker]:
        """So that both `lab.broker(...)` and `await lab.broker(...)` are fine."""
        yield from ()
        return self

    def gauges(self) -> dict[str, int]:
        """What the broker counts about itself at this instant; of ours only. Zeros while it is
        down; a restarted one counts anew.
        """
        self.lab.check_live()
        if self.lab.is_foreign:
            why = "a broker of others counts for itself"
            self.lab.refuse(NotApplicable("broker.gauges()", why, all=True))
        return self.lab.world.gauges()

    @property
    def state(self) -> State:
        """Of its process."""
        return cast(State, self.lab.ends("broker.state").broker_state(self.lab.world))

    def crash(self, store: Fate | None = None, *, how: Death = "fin") -> Done:
        """Its process ends at this instant, in the middle of whatever it does, until restart().

        `store`: what restart() finds; by default all that was written, and without store="disk"
        nothing. While it is down dials are refused, or, if it has lost its power (`how="silent"`),
        not answered. Unix time goes on: sessions and wills fall due meanwhile.
        """
        ends = self._check("crash", "running", "paused")
        check_crash(store, how, "broker.crash")
        ends.crash_broker(self.lab.world, self.fate(store, "broker.crash"), how)
        return self.crashed()

    def restart(self) -> Coming:
        """Starts it again, with what its store has; awaited, it runs. Connections of before a power
        loss learn of it when they speak to it.
        """
        self._check("restart", "down").restart_broker(self.lab.world)
        return self.comes()

    def pause(self) -> Done:
        """Its process stands still (SIGSTOP) until resume(): it reads and writes nothing, and has
        no timers. Its kernel goes on: it takes bytes as far as its buffers reach, and connections.
        """
        self._check("pause", "running").pause_broker(self.lab.world)
        return Done()

    def resume(self) -> Coming:
        """It goes on: what has arrived comes first, then what was due; awaited, it does."""
        self._check("resume", "paused").resume_broker(self.lab.world)
        return self.comes()

    def _check(self, what: str, *states: State) -> Any:
        """`_sim`, if the process is in one of these states."""
        self.lab.check_live()
        if self.lab.is_foreign:
            why = "the process of a broker of others is its own"
            self.lab.refuse(NotApplicable(f"broker.{what}()", why, all=True))
        ends = self.lab.ends(f"broker.{what}()")
        self.check_state(f"broker.{what}", "it", *states)
        return ends

    def __repr__(self) -> str:
        return f"<Broker {self.name}>"
