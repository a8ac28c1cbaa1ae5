"""The plugin of pytest, in sessions of its own: tests as scenarios, seeds, artefacts, replay."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

pytest.importorskip("mqttlab._sim")

import mqttlab
from mqttlab import cli
from mqttlab.capsule import Capsule

pytest_plugins = ["pytester"]

HERE = Path(__file__).parent

# A user's file, as in the README.
USERS = '''
import pytest
from hypothesis import given, settings
from meter_app import meter
from mqttlab.strategies import faults, times

@pytest.mark.mqttlab(seeds=20, until="5min")
@pytest.mark.mqtt_req("MQTT-3.3.1-1")
@settings(max_examples=30, derandomize=True)
@given(schedule=faults(devices=["meter"], within="3s", when=times("3s")))
async def test_readings_arrive_whatever_happens(lab, schedule):
    lab.plan(schedule)
    lab.broker()
    await lab.device("meter", via=lab.link("umts", loss="5%")).run(meter(3))
'''.lstrip()  # fmt: skip

OTHERS = """
import asyncio, mqttlab, pytest, rude
from hypothesis import given, settings, strategies

class TestDrawn:
    @settings(max_examples=4, derandomize=True)
    @given(wait=strategies.integers(0, 9))
    async def test_drawn(self, lab, wait):
        lab.broker()
        await asyncio.sleep(wait)
        await lab.device("rude").run(rude.client(rude.PUBLISH if wait else rude.PUBLISH_ONCE))

@pytest.mark.mqttlab(seeds=2, first=5)
@pytest.mark.mqtt_req("MQTT-3.3.1-1", "MQTT-3.3.1-2")
async def test_rude(lab):
    lab.broker()
    device = lab.device("rude", via=lab.link("umts", loss="10%"))
    await device.run(rude.client(rude.PUBLISH))

@pytest.mark.mqttlab(until="1h")
async def test_polite(lab):
    start = lab.now()
    await asyncio.sleep(1800)
    assert lab.now() == start + 1800

@pytest.mark.mqttlab(seeds=2)
def test_plain(seed):
    mqttlab.run(rude.rude, seed=seed, parameters={"wait": seed}).check()

async def test_raises(lab):
    lab.broker()
    await asyncio.sleep(2)
    assert lab.now() == 3

def test_misuse(lab):
    lab.broker()

def test_of_another_kind():
    mqttlab.run(rude.rude).check()

@pytest.mark.parametrize("seed", ["mine"])
def test_a_seed_of_ones_own(seed):
    assert seed == "mine"
"""


def test_scenarios_seeds_artefacts_and_properties(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytester.makepyfile(test_it=OTHERS)
    shutil.copy(HERE / "rude.py", pytester.path)
    done = pytester.runpytest_subprocess("-n2", "--junitxml=j.xml", "-p", "no:cacheprovider")
    done.assert_outcomes(passed=2, failed=8)
    said = done.stdout.str()
    assert "DUP-RULE is violated 1 times" in said
    assert "lab.broker: the lab is there while an `async def` test runs" in said
    assert "pytest_pyfunc_call" not in said

    cases = {one.get("name"): one for one in ET.parse("j.xml").iter("testcase")}
    properties = [
        (p.get("name"), p.get("value")) for p in cases["test_rude[seed5]"].iter("property")
    ]
    fingerprint = dict(properties)["fingerprint"]
    assert properties == [("requirement", "MQTT-3.3.1-1"), ("requirement", "MQTT-3.3.1-2"),
                          ("seed", "5"), ("fingerprint", fingerprint)]  # fmt: skip
    assert f"seed 5, fingerprint {fingerprint}" in said

    lines = re.findall(r"^again: mqttlab replay (.*)$", said, re.MULTILINE)
    assert len(lines) == 6
    for part in ("plain-seed2", "test_drawn"):
        [path] = [line for line in lines if part in line]
        found = mqttlab.replay(path)
        assert found.reproduced, (path, found.again)
        assert found.again.broken == {"DUP-RULE": 1}
        assert bool(found.capsule.test) == ("plain" not in part)
        assert (pytester.path / path).with_name("report.html").exists()
    assert found.capsule.arguments == {"wait": 1}
    [path] = [line for line in lines if "raises" in line]
    assert Capsule.read(path).error.startswith("AssertionError")


def test_a_users_file_fails_on_a_mutant_and_its_line_makes_the_run_again(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert len([line for line in USERS.splitlines() if line]) == 12
    pytester.makepyfile(test_meter=USERS)
    shutil.copy(HERE / "meter_app.py", pytester.path)
    command = ("--mqttlab-seeds=2", "--mqttlab-out=kept")
    pytester.runpytest_subprocess(*command).assert_outcomes(passed=2)
    assert not Path("kept").exists()
    monkeypatch.setenv("FORGETS_DUP", "1")
    done = pytester.runpytest_subprocess(*command, "-n2")
    assert done.ret == pytest.ExitCode.TESTS_FAILED
    line = re.findall(r"^again: mqttlab (replay .*)$", done.stdout.str(), re.MULTILINE)[0]
    again = [sys.executable, "-m", "mqttlab.cli", *line.split()]
    first = subprocess.run(again, capture_output=True, text=True)
    assert first.returncode == cli.OK, first.stdout + first.stderr
    assert "reproduced: DUP-RULE broken" in first.stdout


def test_a_busy_machine_breaks_no_deadline_but_one_that_is_named(pytester: pytest.Pytester) -> None:
    pytester.makepyfile("""
        from datetime import timedelta
        import pytest
        from hypothesis import given, settings, strategies

        NONE = timedelta(microseconds=1)
        settings.register_profile("usual", settings(deadline=NONE, max_examples=2, database=None))
        settings.load_profile("usual")

        @given(n=strategies.just(1))
        async def test_usual(lab, n): lab.broker()

        class TestOfAClass:
            @pytest.mark.mqttlab
            @given(n=strategies.just(1))
            def test_usual(self, n): pass

        @settings(deadline=2 * NONE)
        @given(n=strategies.just(1))
        async def test_named(lab, n): lab.broker()

        @given(n=strategies.just(1))
        def test_of_another_kind(n): pass
    """)
    done = pytester.runpytest_subprocess("-p", "no:cacheprovider")
    done.assert_outcomes(passed=2, failed=2)
    done.stdout.fnmatch_lines(["FAILED *::test_named*", "FAILED *::test_of_another_kind*"])


def test_a_marker_demands_what_is_only_recommended(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        test_it="""
        import pytest, rude

        @pytest.mark.parametrize("times", [pytest.param(2, marks=pytest.mark.mqttlab(strict=True)),
                                           3])
        async def test_twice(lab, times):
            lab.broker()
            await lab.device("a").run(rude.client(rude.PUBLISH_ONCE + rude.PUBLISH))
    """
    )
    shutil.copy(HERE / "rude.py", pytester.path)
    done = pytester.runpytest_subprocess("-p", "no:cacheprovider")
    done.assert_outcomes(passed=1, failed=1)
    said = done.stdout.str()
    assert "DUP-BOUND is violated 1 times" in said
    [path] = re.findall(r"^again: mqttlab replay (.*)$", said, re.MULTILINE)
    found = mqttlab.replay(path)
    assert (found.capsule.strict, found.reproduced) == (True, True)
    assert found.again.broken == {"DUP-BOUND": 1}


@pytest.mark.parametrize(
    ("marker", "words"),
    [
        ("mqttlab(seed=3)", ["unknown seed", "known are seeds"]),
        ("mqttlab(seeds=0)", ["seeds=0"]),
        ("mqtt_req('MQTT-9.9.9-9')", ["no rule 'MQTT-9.9.9-9'"]),
    ],
)
def test_a_wrong_marker_is_a_line(pytester: pytest.Pytester, marker: str, words: list[str]) -> None:
    pytester.makepyfile(f"import pytest\n@pytest.mark.{marker}\nasync def test_it(lab): pass\n")
    done = pytester.runpytest_inprocess("-p", "no:xdist")
    assert done.ret != pytest.ExitCode.OK
    assert all(word in done.stdout.str() + done.stderr.str() for word in words)
