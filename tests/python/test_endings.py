"""How a run ends: in time, by an error, by Ctrl-C; and what is left of it then."""

from __future__ import annotations

import asyncio
import os
import signal

import pytest

pytest.importorskip("mqttlab._sim")

from chat import chat, run
from mqttlab import Error, Lab
from mqttlab.loop import VirtualTimeError
from mqttlab.trace import Packet


def test_until_ends_a_scenario_that_goes_on() -> None:
    cleaned: list[float] = []

    async def scenario(lab: Lab) -> None:
        await lab.broker()
        try:
            async with lab.device("a").client():
                await asyncio.get_running_loop().create_future()
        finally:
            with pytest.raises(Error, match="the run is over"):
                lab.device("late")
            cleaned.append(lab.now())

    result = run(scenario, until="90s")
    assert (result.ending, result.virtual_s) == ("until", 90.0)
    assert cleaned == [90.0]
    assert Packet.DISCONNECT not in result.events["packet"]


def test_what_a_scenario_raises_comes_out_and_the_next_run_is_fine() -> None:
    class MineError(Exception):
        pass

    async def scenario(lab: Lab) -> None:
        await lab.broker()
        async with lab.device("a").client():
            raise MineError("hello")

    for _ in range(2):
        with pytest.raises(MineError, match="hello"):
            run(scenario)
    run(chat)


def test_one_world_at_a_time() -> None:
    async def scenario(lab: Lab) -> None:
        run(chat)

    with pytest.raises(Error, match="world"):
        run(scenario)
    run(chat)


def test_a_lab_is_of_no_use_after_its_run() -> None:
    kept: list[Lab] = []

    async def scenario(lab: Lab) -> None:
        await lab.broker()
        kept.append(lab)

    run(scenario)
    for call in (lambda: kept[0].device("late"), kept[0].now, kept[0].settle):
        with pytest.raises(Error, match="the run is over"):
            call()


def test_ctrl_c_leaves_a_valid_partial_result() -> None:
    async def scenario(lab: Lab) -> None:
        await lab.broker()
        lab.fleet(lab.devices(3), interval="1s")
        await asyncio.sleep(30)
        os.kill(os.getpid(), signal.SIGINT)
        await asyncio.sleep(600)

    before = signal.getsignal(signal.SIGINT)
    result = run(scenario, until="1h")
    assert signal.getsignal(signal.SIGINT) is before
    assert result.interrupted
    assert 30 <= result.virtual_s <= 31.5
    assert len(result.events) > 100
    assert result.passed


def test_ctrl_c_inside_the_simulator_is_seen() -> None:
    def progress(now: float, until: float) -> None:
        seen.append((now, until))
        if now > 100:
            os.kill(os.getpid(), signal.SIGINT)

    async def scenario(lab: Lab) -> None:
        await lab.broker()
        lab.fleet(lab.devices(3), interval="1s")
        await asyncio.sleep(600)

    seen: list[tuple[float, float]] = []
    result = run(scenario, until="1h", progress=progress)
    assert result.interrupted
    assert 100 < result.virtual_s <= 102
    assert {until for _, until in seen} == {3600.0}
    assert len(seen) >= 100


def test_an_exception_of_the_progress_hook_comes_out() -> None:
    def progress(now: float, until: float) -> None:
        raise RuntimeError("no terminal")

    with pytest.raises(RuntimeError, match="no terminal"):
        run(chat, progress=progress)


def test_a_spinning_scenario_is_an_error() -> None:
    async def scenario(lab: Lab) -> None:
        while True:
            await asyncio.sleep(0)

    with pytest.raises(VirtualTimeError, match="virtual time stands still"):
        run(scenario)
