"""gmqtt and amqtt on links that break: what the oracle finds is theirs, and known by name.

The wire invariants that each trial puts to the test are stated in it. Many seeds, by hand:
`python tests/interop/trials.py --seeds 200`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest

pytest.importorskip("mqttlab._sim")

from amqtt.mqtt.packet import MQTTFixedHeader

import amqtt_trial
import mqttlab
from mqttlab.result import Violation
from mqttlab.results.reference import digest
from trials import OURS, TRIALS, Outcome, main, play


@pytest.mark.parametrize("who", TRIALS)
def test_what_is_found_is_the_known_faults_of_the_other_program_and_all_of_them(who: str) -> None:
    trial, outcome = TRIALS[who], Outcome()
    for seed in trial.seeds:
        outcome.add(play(trial, seed))
    assert not outcome.strange
    known = {(name, one) for name, expressions in trial.known.items() for one in expressions}
    assert set(outcome.found) == known
    assert outcome.observed >= trial.tested


def test_the_same_trial_with_both_ends_ours_finds_nothing() -> None:
    outcome = Outcome()
    for seed in OURS.seeds:
        outcome.add(play(OURS, seed))
    assert not outcome.strange
    assert outcome.observed >= OURS.tested
    assert outcome.open_calls == 0


@pytest.mark.parametrize(
    ("what", "offender"),
    [
        ("the broker sent it twice", "broker"),  # another fault than the one that is known
        ("the broker, to client 'a', wrote PUBREC id 1, which answers nothing", "client"),
    ],
)
def test_a_known_name_forgives_no_other_finding(what: str, offender: str) -> None:
    trial = TRIALS["amqtt"]
    known = Violation("ACK-CAUSAL", (), 0, "wrote PUBREC id 1, which answers nothing", (),
                              "broker")  # fmt: skip
    assert trial.kind(known) is not None
    assert trial.kind(replace(known, what=what, offender=offender)) is None


def test_a_run_that_does_not_come_to_its_end_shows_nothing() -> None:
    async def ends_early(lab: mqttlab.Lab) -> None:
        await asyncio.sleep(2 * 3600)

    outcome = play(replace(OURS, scenario=ends_early), 1)
    assert outcome.strange == ["seed 1: the run did not come to its end: until"]
    assert not outcome.observed


@pytest.mark.parametrize("option", ["--jobs", "--seeds"])
def test_a_number_that_is_none_is_refused_in_words(
    option: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.argv", ["trials.py", option, "0"])
    with pytest.raises(SystemExit):
        main()
    assert (
        f"argument {option}: '0' is no number of them; write 1 or more" in capsys.readouterr().err
    )


def test_what_was_never_put_to_the_test_is_no_success(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(TRIALS, "amqtt", replace(OURS, tested=frozenset({"RM-LIMIT"})))
    monkeypatch.setattr("trials.results", lambda *_: [Outcome(observed={"DUP-RULE"})])
    monkeypatch.setattr("sys.argv", ["trials.py", "--of", "amqtt"])
    assert main() == 1
    assert capsys.readouterr().err == "amqtt: RM-LIMIT was never put to the test\n"


def _run_with(task: Callable[[], Coroutine[Any, Any, object]]) -> None:
    async def trial(lab: mqttlab.Lab) -> None:
        lab.loop.set_exception_handler(amqtt_trial.bears_with_amqtt)
        asyncio.create_task(task())  # noqa: RUF006  nobody asks for it again
        await asyncio.sleep(1)

    mqttlab.run(trial, until="2s")


def test_a_task_of_the_trials_own_that_fails_ends_the_run() -> None:
    async def fails() -> None:
        raise TypeError("of the trial's own")

    with pytest.raises(TypeError, match="of the trial's own"):
        _run_with(fails)


def test_an_error_in_our_code_that_amqtt_has_called_ends_the_run() -> None:
    reader = SimpleNamespace(read=digest)  # of bytes, not of a number of them
    with pytest.raises(TypeError, match="buffer"):
        _run_with(lambda: MQTTFixedHeader.from_stream(reader))


def test_an_error_of_ours_that_has_no_frame_ends_the_run_too() -> None:
    async def fails() -> None:
        refused = asyncio.get_running_loop().create_future()
        refused.set_exception(mqttlab.UsageError("as compiled code refuses it"))
        await MQTTFixedHeader.from_stream(SimpleNamespace(read=lambda _: refused))

    with pytest.raises(mqttlab.UsageError, match="as compiled code"):
        _run_with(fails)


def test_a_task_of_amqtts_may_fail() -> None:
    _run_with(lambda: asyncio.wait_for(MQTTFixedHeader.from_stream(None), 1))
