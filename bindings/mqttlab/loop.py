"""An asyncio event loop in virtual time.

The loop owns no clock and waits for nothing: when no callback is ready it lets its host run up to
the next timer, and takes what the host has to deliver. `asyncio.sleep(3600)` costs no wall time,
unless the host's time is the real one (`mqttlab.run(..., target=...)`): then all of this holds but
that equal runs are equal. Time is integer nanoseconds; callbacks run in the order in which they
became ready; timers of one instant run in the order in which they were set. Tasks and futures hash
by a counter, because asyncio keeps them in sets and would otherwise cancel and resume them in order
of their addresses.
"""

from __future__ import annotations

import asyncio
import contextvars
import heapq
import logging
import sys
import threading
import weakref
from collections import deque
from collections.abc import Callable, Coroutine, Generator
from typing import Any, NoReturn, Protocol, TypeVar, TypeVarTuple

from mqttlab.errors import VirtualTimeError
from mqttlab.streams import Server, Streams

__all__ = ["Ending", "Future", "Host", "Task", "VirtualLoop", "VirtualTimeError"]

_T = TypeVar("_T")
_Ts = TypeVarTuple("_Ts")
_STALLED_AFTER = 1_000_000  # callbacks without time moving: the scenario spins
_log = logging.getLogger(__name__)


class Host(Protocol):
    """What the loop runs on: a world, whose time it takes for time."""

    def now(self) -> int:
        """Nanoseconds since the start."""

    def run(self, until: int) -> int:
        """Runs to `until`, or to an earlier instant with something to deliver; returns now()."""

    def deliver(self) -> None:
        """Completes futures with what has happened; nothing may be left undelivered."""

    @property
    def interrupted(self) -> bool:
        """True once the user wants the run to end."""


class Ending:
    """Why `VirtualLoop.run` returned, and so the run ended."""

    STOPPED = "stopped"
    UNTIL = "until"
    INTERRUPTED = "interrupted"
    TRACE_FULL = "trace_full"
    NOT_APPLICABLE = "not_applicable"
    """What the scenario asked for cannot be had where it runs."""


class Future(asyncio.Future[Any]):
    """A future whose hash is the order of its creation."""

    def __init__(self, *, loop: VirtualLoop) -> None:
        self._serial = loop.next_serial()
        super().__init__(loop=loop)

    def __hash__(self) -> int:
        return self._serial


class Task(asyncio.Task[Any]):
    """A task whose hash, and whose default name, is the order of its creation."""

    def __init__(self, coro: Any, *, loop: VirtualLoop, name: str | None, context: Any) -> None:
        self.serial = loop.next_serial()  # first: asyncio registers the task in a set at once
        super().__init__(coro, loop=loop, name=name or f"Task-{self.serial}", context=context)

    def __hash__(self) -> int:
        return self.serial


class VirtualLoop(asyncio.AbstractEventLoop):
    """The loop. `until`: the instant, in ns, at which it ends at the latest."""

    def __init__(self, host: Host, until: int) -> None:
        self._host = host
        self._until = until
        self._ready: deque[asyncio.Handle] = deque()
        self._timers: list[tuple[int, int, asyncio.TimerHandle]] = []
        self._cancelled_timers = 0
        self._serial = 0
        self._thread = threading.get_ident()
        self._running = self._stopping = self._closed = self._debug = False
        self._failure: BaseException | None = None
        self._exception_handler: Callable[..., object] | None = None
        self._async_generators: list[weakref.ref[Any]] = []
        self.streams: Streams | None = None
        """Where programs' connections lead; None: there is no network yet."""
        self.refuse_streams: Callable[[str], NoReturn] | None = None
        """Called in their place where they cannot be had; raises."""

    # Running.

    def run(self) -> str:
        """Runs until stop(), `until` or an interrupt; returns an Ending.

        Errors: what a callback or a task that nobody awaits has raised; VirtualTimeError if the
        callbacks never let time pass.
        """
        self._check_closed()
        if self._running or asyncio._get_running_loop() is not None:
            raise VirtualTimeError("an event loop is running already in this thread")
        hooks = sys.get_asyncgen_hooks()
        sys.set_asyncgen_hooks(firstiter=self._first_iteration, finalizer=self._finalize)
        asyncio._set_running_loop(self)
        self._running, self._stopping = True, False
        try:
            return self._turn()
        finally:
            self._running = False
            asyncio._set_running_loop(None)
            sys.set_asyncgen_hooks(*hooks)

    def _turn(self) -> str:
        spent = 0
        while True:
            if self._failure is not None:
                failure, self._failure = self._failure, None
                raise failure
            if self._stopping:
                return Ending.STOPPED
            if self._host.interrupted:
                return Ending.INTERRUPTED
            self._take_due_timers()
            if self._ready:
                spent += self._run_batch()
                if spent > _STALLED_AFTER:
                    raise VirtualTimeError(
                        f"virtual time stands still at {self.time():.9f} s: {spent} callbacks "
                        "have run there; await something that takes time, such as asyncio.sleep"
                    )
                continue
            if self._host.now() >= self._until:
                return Ending.UNTIL
            before = self._host.now()
            if self._host.run(min(self._next_timer(), self._until)) > before:
                spent = 0
            self._host.deliver()

    def _run_batch(self) -> int:
        """Runs what is ready now; what these callbacks add comes after the timers that are due."""
        size = len(self._ready)
        for _ in range(size):
            handle = self._ready.popleft()
            if not handle.cancelled():
                handle._run()  # the protocol between asyncio's handles and every event loop
            if self._stopping or self._failure is not None:
                break
        return size

    def _take_due_timers(self) -> None:
        now = self._host.now()
        while self._timers and self._timers[0][0] <= now:
            handle = heapq.heappop(self._timers)[2]
            if handle.cancelled():
                self._cancelled_timers -= 1
            else:
                self._ready.append(handle)

    def _next_timer(self) -> int:
        while self._timers and self._timers[0][2].cancelled():
            heapq.heappop(self._timers)
            self._cancelled_timers -= 1
        return self._timers[0][0] if self._timers else self._until

    def run_forever(self) -> None:
        """Runs until stop(), `until` or an interrupt."""
        self.run()

    def run_until_complete(self, future: Any) -> Any:
        """Runs until `future` is done. Errors: VirtualTimeError if `until` comes first."""
        task = asyncio.ensure_future(future, loop=self)
        task.add_done_callback(lambda _: self.stop())
        ending = self.run()
        if not task.done():
            raise VirtualTimeError(
                f"not complete at {self.time():.9f} s, where the run ended ({ending})"
            )
        return task.result()

    def stop(self) -> None:
        """Ends run() after the present callback."""
        self._stopping = True

    def is_running(self) -> bool:
        """True inside run()."""
        return self._running

    def is_closed(self) -> bool:
        """True after close()."""
        return self._closed

    def close(self) -> None:
        """Drops everything that is scheduled."""
        if self._running:
            raise VirtualTimeError("cannot close an event loop that runs")
        self._closed = True
        self._ready.clear()
        self._timers.clear()
        if self.streams is not None:
            self.streams.close()

    def cancel_all(self, rounds: int = 1_000) -> None:
        """Cancels every task, in order of creation, and runs clean-up that takes no time."""
        tasks = sorted(asyncio.all_tasks(self), key=lambda task: getattr(task, "serial", 0))
        for task in tasks:
            task.cancel()
        self._exception_handler = lambda loop, context: _log.debug("at the end: %s", context)
        asyncio._set_running_loop(self)
        try:
            while self._ready and rounds > 0:
                self._stopping = False
                self._run_batch()
                rounds -= 1
        finally:
            asyncio._set_running_loop(None)

    async def shutdown_asyncgens(self) -> None:
        """Closes the asynchronous generators that are still open, oldest first."""
        generators = [reference() for reference in self._async_generators]
        self._async_generators.clear()
        for generator in generators:
            if generator is not None:
                await generator.aclose()

    async def shutdown_default_executor(self) -> None:
        """Does nothing: there are no threads."""

    # Scheduling.

    def time(self) -> float:
        """Seconds of virtual time."""
        return self._host.now() / 1e9

    def call_soon(
        self,
        callback: Callable[[*_Ts], object],
        *args: *_Ts,
        context: contextvars.Context | None = None,
    ) -> asyncio.Handle:
        """Runs `callback(*args)` at this instant, after what is ready already."""
        self._check_closed()
        handle = asyncio.Handle(callback, args, self, context)
        self._ready.append(handle)
        return handle

    def call_later(
        self,
        delay: float,
        callback: Callable[[*_Ts], object],
        *args: *_Ts,
        context: contextvars.Context | None = None,
    ) -> asyncio.TimerHandle:
        """Runs `callback(*args)` after `delay` seconds, rounded to the nanosecond."""
        delay_ns = self._nanoseconds(delay, "call_later")
        # Who waits for an instant in floats may ask for less than a nanosecond, and then again.
        due = self._host.now() + (max(delay_ns, 1) if delay > 0 else delay_ns)
        return self._set_timer(due, callback, args, context)

    def call_at(
        self,
        when: float,
        callback: Callable[[*_Ts], object],
        *args: *_Ts,
        context: contextvars.Context | None = None,
    ) -> asyncio.TimerHandle:
        """Runs `callback(*args)` at `when` seconds, on the scale of time()."""
        due = self._nanoseconds(when, "call_at")
        if when > self.time():
            due = max(due, self._host.now() + 1)  # as in call_later
        return self._set_timer(due, callback, args, context)

    def _set_timer(
        self, due: int, callback: Callable[..., object], args: tuple[Any, ...], context: Any
    ) -> asyncio.TimerHandle:
        self._check_closed()
        handle = asyncio.TimerHandle(due / 1e9, callback, args, self, context)
        heapq.heappush(self._timers, (due, self.next_serial(), handle))
        return handle

    def _timer_handle_cancelled(self, handle: asyncio.TimerHandle) -> None:
        self._cancelled_timers += 1
        if self._cancelled_timers > 100 and self._cancelled_timers * 2 > len(self._timers):
            self._timers = [timer for timer in self._timers if not timer[2].cancelled()]
            heapq.heapify(self._timers)
            self._cancelled_timers = 0

    @staticmethod
    def _nanoseconds(seconds: float, where: str) -> int:
        try:
            return round(seconds * 1e9)
        except (TypeError, ValueError, OverflowError):
            raise VirtualTimeError(f"loop.{where}: {seconds!r} is no number of seconds") from None

    def next_serial(self) -> int:
        """Numbers everything whose order matters; starts anew with each loop."""
        self._serial += 1
        return self._serial

    def create_future(self) -> Future:
        """A future that hashes by a counter."""
        return Future(loop=self)

    def create_task(
        self,
        coro: Generator[Any, None, _T] | Coroutine[Any, Any, _T],
        *,
        name: str | None = None,
        context: contextvars.Context | None = None,
    ) -> Task:
        """A task that hashes by a counter."""
        self._check_closed()
        return Task(coro, loop=self, name=name, context=context)

    def get_task_factory(self) -> None:
        """None: every task is a Task."""

    # Byte streams.

    async def create_connection(
        self, protocol_factory: Any, host: Any = None, port: Any = None, **options: Any
    ) -> Any:
        """As in asyncio, over the simulated network, from the device that this runs on.

        Errors: what asyncio raises; VirtualTimeError for options that virtual time cannot do.
        """
        return await self._streams("create_connection").connect(
            protocol_factory, host, port, options
        )

    async def create_server(  # type: ignore[override]
        self, protocol_factory: Any, host: Any = None, port: Any = None, *,
        start_serving: bool = True, **options: Any,
    ) -> Server:  # fmt: skip
        """As in asyncio, at the broker's site. Errors: as for create_connection."""
        return await self._streams("create_server").serve(
            protocol_factory, host, port, start_serving, options
        )

    def _streams(self, what: str) -> Streams:
        if self.refuse_streams is not None:
            self.refuse_streams(what)
        if self.streams is None:
            raise VirtualTimeError(
                f"loop.{what}: there is no simulated network; make it first: await lab.broker()"
            )
        return self.streams

    # Errors.

    def get_exception_handler(self) -> Any:
        """The handler, or None for the default one."""
        return self._exception_handler

    def set_exception_handler(self, handler: Any) -> None:
        """As in asyncio; None brings the default one back."""
        self._exception_handler = handler

    def default_exception_handler(self, context: dict[str, Any]) -> None:
        """Ends run() with the exception: nothing fails unseen in a laboratory."""
        if self._closed:
            return
        if self._failure is None and isinstance(context.get("exception"), BaseException):
            self._failure = context["exception"]
            return
        _log.error("%s", context.get("message", context))

    def call_exception_handler(self, context: dict[str, Any]) -> None:
        """Passes `context` to the handler in force."""
        if self._exception_handler is not None:
            self._exception_handler(self, context)
        else:
            self.default_exception_handler(context)

    def get_debug(self) -> bool:
        """Asyncio's debug mode; off unless set."""
        return self._debug

    def set_debug(self, enabled: bool) -> None:
        """Asyncio's debug mode. Its slow-callback warnings are not given: time stands still."""
        self._debug = enabled

    def _check_closed(self) -> None:
        if self._closed:
            raise VirtualTimeError("the run is over: its event loop is closed")

    def _first_iteration(self, generator: Any) -> None:
        self._async_generators.append(weakref.ref(generator))

    def _finalize(self, generator: Any) -> None:
        if not self._closed:
            self.create_task(generator.aclose())

    # Fences.

    def call_soon_threadsafe(
        self,
        callback: Callable[[*_Ts], object],
        *args: *_Ts,
        context: contextvars.Context | None = None,
    ) -> asyncio.Handle:
        """call_soon() from the loop's own thread; an error from any other."""
        if threading.get_ident() != self._thread:
            raise VirtualTimeError(
                "call_soon_threadsafe from another thread: threads run in wall time and would make "
                "the run unrepeatable; do the work in the loop's own thread"
            )
        return self.call_soon(callback, *args, context=context)


def _fence(name: str) -> Callable[..., NoReturn]:
    def refuse(self: VirtualLoop, *args: Any, **kwargs: Any) -> NoReturn:
        raise VirtualTimeError(
            f"loop.{name}: in virtual time there are no threads, sockets, pipes, processes or "
            "signals of the operating system; use the lab's clients, or streams of asyncio"
        )

    refuse.__name__ = name
    refuse.__doc__ = "Not in virtual time: raises VirtualTimeError."
    return refuse


for _name in (
    "run_in_executor", "set_default_executor", "set_task_factory", "getaddrinfo", "getnameinfo",
    "start_tls", "sendfile", "create_unix_connection",
    "create_unix_server", "connect_accepted_socket", "create_datagram_endpoint",
    "connect_read_pipe", "connect_write_pipe", "subprocess_shell", "subprocess_exec",
    "add_reader", "remove_reader", "add_writer", "remove_writer", "add_signal_handler",
    "remove_signal_handler", "sock_recv", "sock_recv_into", "sock_recvfrom", "sock_recvfrom_into",
    "sock_sendall", "sock_sendto", "sock_connect", "sock_accept", "sock_sendfile",
):  # fmt: skip
    setattr(VirtualLoop, _name, _fence(_name))
