"""What the event loop runs on in a simulated run: the world, and who gets its events."""

from __future__ import annotations

from collections.abc import Callable

from mqttlab import _core
from mqttlab.streams import Streams

__all__ = ["WorldHost"]


class WorldHost:
    """A world as a `loop.Host`."""

    def __init__(self, world: _core.World) -> None:
        self.world = world
        self.routes: dict[int, Callable[[_core.ClientEvent], None]] = {}
        """Where the events of a client go, by its number; of every client that is watched."""
        self.streams: Streams | None = None
        """Of programs in asyncio, once there is a network."""
        self.progress: Callable[[int], None] | None = None
        """Called with now() about once per virtual second."""
        self.begin: Callable[[], None] | None = None
        """Called once, before time passes for the first time."""
        self.interrupted = False
        self.trace_limit_bytes = 2**62
        self.trace_is_full = False
        """It is over its limit, which interrupts the run."""
        self.clock_step_ns = 0
        """By how much wall clocks have leapt."""

    def now(self) -> int:
        """Nanoseconds since the start."""
        return self.world.now()

    def run(self, until: int) -> int:
        """Runs the world; Ctrl-C and progress are seen to about once per virtual second."""
        if self.begin is not None:
            begin, self.begin = self.begin, None
            begin()
        return self.world.run(until, self._keep_going)

    def deliver(self) -> None:
        """Hands out what clients and streams have to say, in the world's order."""
        self._look_at_the_trace()
        for client, event in self.world.take():
            self.routes[client](event)
        if self.streams is not None:
            self.streams.deliver()

    def _keep_going(self) -> bool:
        if self.progress is not None:
            self.progress(self.now())
        self._look_at_the_trace()
        return not self.interrupted

    def _look_at_the_trace(self) -> None:
        if self.world.trace_bytes() > self.trace_limit_bytes:
            self.trace_is_full = self.interrupted = True
