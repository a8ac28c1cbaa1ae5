"""The event loop in virtual time, on a world that only has a clock."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable, Coroutine, Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mqttlab.loop import Ending, VirtualLoop, VirtualTimeError

SECOND = 1_000_000_000


class ClockWorld:
    """A world in which nothing happens but what `at` schedules."""

    def __init__(self) -> None:
        self.time = 0
        self.interrupted = False
        self.asked: list[int] = []
        self._events: list[tuple[int, Callable[[], None]]] = []
        self._arrived: list[Callable[[], None]] = []

    def at(self, when: int, deliver: Callable[[], None]) -> None:
        self._events.append((when, deliver))
        self._events.sort(key=lambda event: event[0])

    def now(self) -> int:
        return self.time

    def run(self, until: int) -> int:
        self.asked.append(until)
        self.time = max(self.time, until)
        if self._events and self._events[0][0] <= until:
            self.time = self._events[0][0]
            while self._events and self._events[0][0] == self.time:
                self._arrived.append(self._events.pop(0)[1])
        return self.time

    def deliver(self) -> None:
        arrived, self._arrived = self._arrived, []
        for one in arrived:
            one()


@pytest.fixture
def world() -> ClockWorld:
    return ClockWorld()


@pytest.fixture
def loop(world: ClockWorld) -> Iterator[VirtualLoop]:
    loop = VirtualLoop(world, 1_000 * SECOND)
    yield loop
    loop.cancel_all()
    loop.close()


def complete(loop: VirtualLoop, coroutine: Coroutine[Any, Any, Any]) -> Any:
    return loop.run_until_complete(coroutine)


def test_sleep_takes_virtual_time_only(loop: VirtualLoop, world: ClockWorld) -> None:
    async def main() -> float:
        await asyncio.sleep(100)
        return asyncio.get_running_loop().time()

    assert complete(loop, main()) == 100.0
    assert world.asked == [100 * SECOND]


def test_a_wait_of_less_than_a_nanosecond_takes_time(loop: VirtualLoop) -> None:
    """Programs wait until a float instant is reached, again and again."""

    async def main() -> None:
        await asyncio.sleep(1)
        due = loop.time() + 1e-10
        while loop.time() < due:
            await asyncio.sleep(due - loop.time())
        loop.call_at(loop.time() + 1e-10, lambda: seen.append(loop.time()))
        await asyncio.sleep(1)

    seen: list[float] = []
    complete(loop, main())
    assert seen == [1.000000002]


def test_callbacks_run_in_the_order_in_which_they_became_ready(loop: VirtualLoop) -> None:
    seen: list[str] = []
    loop.call_later(2, seen.append, "third")
    loop.call_later(1, seen.append, "first")
    loop.call_later(1, seen.append, "second")
    loop.call_at(3, loop.stop)
    loop.call_soon(seen.append, "at once")
    assert loop.run() == Ending.STOPPED
    assert seen == ["at once", "first", "second", "third"]


@given(st.lists(st.integers(0, 5), max_size=40))
def test_timers_come_by_time_then_by_the_order_of_setting(delays: list[int]) -> None:
    loop = VirtualLoop(ClockWorld(), 10 * SECOND)
    seen: list[tuple[int, int]] = []
    for index, delay in enumerate(delays):
        loop.call_later(delay / 10, seen.append, (delay, index))
    loop.run()
    assert seen == sorted(seen)
    assert len(seen) == len(delays)


def test_a_due_timer_goes_before_what_callbacks_add_at_the_same_instant(loop: VirtualLoop) -> None:
    seen: list[str] = []

    def again(left: int) -> None:
        seen.append(f"spin {left}")
        if left:
            loop.call_soon(again, left - 1)

    loop.call_soon(again, 3)
    loop.call_later(0, seen.append, "timer")
    loop.call_later(1, loop.stop)
    loop.run()
    assert seen.index("timer") < seen.index("spin 1")


def test_the_world_delivers_between_timers(loop: VirtualLoop, world: ClockWorld) -> None:
    async def main() -> list[float]:
        arrival = loop.create_future()
        world.at(5 * SECOND, lambda: arrival.set_result("packet"))
        seen = []
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(asyncio.sleep(9))
            assert await arrival == "packet"
            seen.append(loop.time())
        seen.append(loop.time())
        return seen

    assert complete(loop, main()) == [5.0, 9.0]


def test_time_is_exact_to_the_nanosecond_after_many_small_sleeps(loop: VirtualLoop) -> None:
    async def main() -> None:
        for _ in range(1_000):
            await asyncio.sleep(0.1)

    complete(loop, main())
    assert loop._host.now() == 100 * SECOND


def test_a_cancelled_timer_does_not_run_and_does_not_stop_the_world(
    loop: VirtualLoop, world: ClockWorld
) -> None:
    seen: list[str] = []
    loop.call_later(1, seen.append, "cancelled").cancel()
    loop.call_later(2, loop.stop)
    loop.run()
    assert seen == []
    assert world.asked == [2 * SECOND]


def test_a_thousand_cancelled_timers_are_not_kept(loop: VirtualLoop) -> None:
    for _ in range(1_000):
        loop.call_later(500, print).cancel()
    assert len(loop._timers) < 200


def test_a_deadlock_runs_on_to_the_end(loop: VirtualLoop, world: ClockWorld) -> None:
    loop.create_task(loop_forever_on(loop.create_future()))
    assert loop.run() == Ending.UNTIL
    assert world.time == 1_000 * SECOND


async def loop_forever_on(future: Awaitable[object]) -> None:
    await future


def test_a_timer_at_the_end_still_runs_and_one_after_it_does_not(world: ClockWorld) -> None:
    loop = VirtualLoop(world, 10 * SECOND)
    seen: list[str] = []
    loop.call_later(10, seen.append, "at the end")
    loop.call_later(10.000000001, seen.append, "after the end")
    assert loop.run() == Ending.UNTIL
    assert seen == ["at the end"]


def test_a_task_group_cancels_its_siblings_in_order_of_creation(loop: VirtualLoop) -> None:
    seen: list[int] = []

    async def member(number: int) -> None:
        try:
            await asyncio.sleep(100)
        finally:
            seen.append(number)

    async def main() -> None:
        async with asyncio.TaskGroup() as tasks:
            for number in range(50):
                tasks.create_task(member(number))
            await asyncio.sleep(1)
            raise ValueError("stop")

    with pytest.raises(ExceptionGroup):
        complete(loop, main())
    assert seen == list(range(50))


CANCELLATION = """
import asyncio
from test_loop import ClockWorld
from mqttlab.loop import VirtualLoop

seen = []

async def member(number):
    try:
        await asyncio.sleep(100)
    finally:
        seen.append(number)

async def main():
    ballast = [bytearray(n) for n in range(0, 4000, HASHSEED + 7)]  # other addresses
    done, pending = await asyncio.wait(
        [asyncio.ensure_future(member(n)) for n in range(200)], timeout=1)
    for task in pending:
        task.cancel()
    await asyncio.gather(*pending, return_exceptions=True)

loop = VirtualLoop(ClockWorld(), 10**12)
loop.run_until_complete(main())
print(seen)
"""


def test_sets_of_tasks_have_one_order_in_every_process(
    in_process: Callable[..., str], monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> None:
    monkeypatch.setenv("PYTHONPATH", str(request.path.parent), prepend=":")
    orders = {
        in_process(CANCELLATION.replace("HASHSEED", str(seed)), hash_seed=seed)
        for seed in (0, 1, 77)
    }
    assert len(orders) == 1


def test_timeout_queue_gather_shield_and_wait_for_work(loop: VirtualLoop) -> None:
    async def main() -> list[object]:
        queue: asyncio.Queue[int] = asyncio.Queue(maxsize=1)

        async def produce() -> None:
            for number in range(3):
                await queue.put(number)
                await asyncio.sleep(1)

        async def consume() -> list[int]:
            return [await queue.get() for _ in range(3)]

        _, taken = await asyncio.gather(produce(), consume())
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(5):
                await asyncio.sleep(50)
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(asyncio.shield(loop.create_future()), 2)
        return [taken, loop.time()]

    assert complete(loop, main()) == [[0, 1, 2], 10.0]


def test_asynchronous_generators_are_finalized(loop: VirtualLoop) -> None:
    seen: list[str] = []

    async def numbers() -> Any:
        try:
            while True:
                yield 1
        finally:
            seen.append("closed")

    async def main() -> None:
        async for _ in numbers():
            break
        await asyncio.sleep(1)

    complete(loop, main())
    complete(loop, loop.shutdown_asyncgens())
    assert seen == ["closed"]


def test_a_task_that_nobody_awaits_does_not_fail_unseen(loop: VirtualLoop) -> None:
    async def broken() -> None:
        raise ValueError("unseen")

    async def main() -> None:
        asyncio.get_running_loop().create_task(broken())
        await asyncio.sleep(10)

    with pytest.raises(ValueError, match="unseen"):
        complete(loop, main())
    assert loop.time() == 0.0


def test_standing_still_is_an_error(loop: VirtualLoop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mqttlab.loop._STALLED_AFTER", 1_000)

    async def spin() -> None:
        while True:
            await asyncio.sleep(0)

    with pytest.raises(VirtualTimeError, match="virtual time stands still at 0"):
        complete(loop, spin())


def test_many_callbacks_are_no_standstill_if_time_passes(
    loop: VirtualLoop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mqttlab.loop._STALLED_AFTER", 100)

    async def walk() -> None:
        for _ in range(1_000):
            await asyncio.sleep(0.001)

    complete(loop, walk())
    assert loop.time() == 1.0


def test_an_interrupt_ends_the_run_between_callbacks(loop: VirtualLoop, world: ClockWorld) -> None:
    def interrupt() -> None:
        world.interrupted = True

    loop.call_later(3, interrupt)
    loop.call_later(5, pytest.fail, "ran on")
    assert loop.run() == Ending.INTERRUPTED
    assert world.time == 3 * SECOND


def test_cancel_all_cancels_in_order_without_time_passing(world: ClockWorld) -> None:
    loop = VirtualLoop(world, 10 * SECOND)
    seen: list[int] = []

    async def member(number: int) -> None:
        try:
            await asyncio.sleep(100)
        finally:
            seen.append(number)

    for number in range(20):
        loop.create_task(member(number))
    loop.run()
    loop.cancel_all()
    loop.close()
    assert seen == list(range(20))
    assert world.time == 10 * SECOND


@pytest.mark.parametrize(
    "call",
    [
        lambda loop: loop.run_in_executor(None, print),
        lambda loop: loop.start_tls(None, None, None),
        lambda loop: loop.add_reader(0, print),
        lambda loop: loop.add_signal_handler(2, print),
        lambda loop: loop.getaddrinfo("localhost", 1883),
    ],
)
def test_threads_and_sockets_are_fenced_off(
    loop: VirtualLoop, call: Callable[[VirtualLoop], object]
) -> None:
    with pytest.raises(VirtualTimeError, match="in virtual time there are no threads, sockets"):
        call(loop)


def test_every_method_of_an_event_loop_is_there_or_fenced_off() -> None:
    abstract = asyncio.AbstractEventLoop
    missing = [
        name
        for name, method in vars(abstract).items()
        if callable(method) and getattr(VirtualLoop, name) is method and not name.startswith("__")
    ]
    assert missing == []


def test_another_thread_cannot_schedule(loop: VirtualLoop) -> None:
    errors: list[BaseException] = []

    def elsewhere() -> None:
        try:
            loop.call_soon_threadsafe(print)
        except VirtualTimeError as error:
            errors.append(error)

    thread = threading.Thread(target=elsewhere)
    thread.start()
    thread.join()
    assert "another thread" in str(errors[0])
    loop.call_soon_threadsafe(loop.stop)  # the loop's own thread may
    loop.run()


def test_to_thread_says_why_not(loop: VirtualLoop) -> None:
    with pytest.raises(VirtualTimeError, match="run_in_executor"):
        complete(loop, asyncio.to_thread(print))


def test_a_loop_inside_a_loop_is_refused(loop: VirtualLoop, world: ClockWorld) -> None:
    async def main() -> None:
        VirtualLoop(world, SECOND).run()

    with pytest.raises(VirtualTimeError, match="running already"):
        complete(loop, main())
