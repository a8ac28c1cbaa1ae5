"""The package without a world: units, parameters, scenario files, results, names of the trace."""

from __future__ import annotations

import ast
import dataclasses
import importlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import mqttlab
from mqttlab import Duration, Result, UsageError, ViolationError, _core, catalog, trace, units
from mqttlab.parameters import bind, parameters
from mqttlab.result import Verdict, Violation


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (0, 0),
        (1.5, 1_500_000_000),
        ("60ms", 60_000_000),
        ("10min", 600_000_000_000),
        (" 2 h ", 7_200_000_000_000),
        ("250us", 250_000),
        ("1e-3s", 1_000_000),
        ("7", 7_000_000_000),
        (Duration("90s"), 90_000_000_000),
    ],
)
def test_durations(value: object, expected: int) -> None:
    assert units.duration_ns(value, "x") == expected


@given(st.integers(0, 10**15))
def test_durations_in_nanoseconds_are_exact(nanoseconds: int) -> None:
    assert units.duration_ns(f"{nanoseconds}ns", "x") == nanoseconds


@given(st.integers(0, 10**9))
def test_durations_in_microseconds_are_exact(microseconds: int) -> None:
    assert units.duration_ns(f"{microseconds}us", "x") == microseconds * 1_000


@pytest.mark.parametrize(
    "value", ["", "ms", "-1s", "10 parsecs", "1:30", -1, float("nan"), float("inf"), True, None, []]
)
def test_a_bad_duration_is_named_with_place_and_remedy(value: object) -> None:
    with pytest.raises(UsageError) as caught:
        units.duration_ns(value, "link 'lte': delay")
    message = str(caught.value)
    assert message.startswith("link 'lte': delay: ")
    assert "'10min'" in message
    assert "\n" not in message


@pytest.mark.parametrize(
    ("value", "expected"),
    [("250kbit/s", 250e3), ("2Mbit/s", 2e6), ("1gbit", 1e9), (9600, 9600.0), ("10bit/s", 10.0)],
)
def test_rates(value: object, expected: float) -> None:
    assert units.rate_bps(value, "x") == expected


@pytest.mark.parametrize("value", ["0", 0, "2bps", "2kB/s", "-1kbit/s"])
def test_bad_rates(value: object) -> None:
    with pytest.raises(UsageError, match="rate"):
        units.rate_bps(value, "link: rate")


def test_fractions_and_sizes() -> None:
    assert units.fraction("2%", "x") == pytest.approx(0.02)
    assert units.fraction(1, "x") == 1.0
    assert units.size("64KiB", "x") == 65_536
    assert units.size("1MB", "x") == 1_000_000
    for bad in ("101%", 1.1, "2 percent"):
        with pytest.raises(UsageError, match="'2%'"):
            units.fraction(bad, "loss")
    with pytest.raises(UsageError, match="whole number of bytes"):
        units.size(1.5, "x")


@pytest.mark.parametrize("value", [-1, 1.0, "3", True])
def test_bad_counts(value: object) -> None:
    with pytest.raises(UsageError, match="devices"):
        units.count(value, "devices", least=0)


async def sample(
    lab: mqttlab.Lab,
    *,
    devices: int = 200,
    loss: float = 0.02,
    fast: bool = False,
    trace: Path | None = None,
    faults: Duration = Duration("10min"),
    label: str = "a",
) -> None:
    """A scenario with a parameter of each type."""


def test_texts_become_the_annotated_types() -> None:
    texts = {"devices": "5", "loss": "0.5", "fast": "yes", "trace": "a.up", "faults": "90s"}
    bound = {"devices": 5, "loss": 0.5, "fast": True, "trace": Path("a.up"), "faults": 90.0}
    assert bind(sample, texts) == {**bound, "label": "a"}
    assert bind(sample, {})["faults"] == 600.0
    assert bind(sample, {"trace": "none"})["trace"] is None


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"devises": "5"}, "unknown parameter 'devises'; known are devices, loss"),
        ({"devices": "many"}, "parameter devices: 'many' is no int; write for example 200"),
        ({"devices": "5.5"}, "no int"),
        ({"devices": True}, "no int"),
        ({"fast": "maybe"}, "parameter fast: 'maybe' is no bool; write true or false"),
        ({"faults": "soon"}, "parameter faults: cannot read 'soon'; give seconds"),
        ({"devices": None}, "parameter devices: needs a value of type int"),
    ],
)
def test_a_bad_parameter_is_named(values: dict[str, object], message: str) -> None:
    with pytest.raises(UsageError, match=message.replace("(", r"\(")):
        bind(sample, values)


def test_what_is_no_scenario_is_refused() -> None:
    async def unannotated(lab: object, *, count=3) -> None: ...  # type: ignore[no-untyped-def]
    async def odd(lab: object, *, count: list[int]) -> None: ...
    async def positional(lab: object, count: int = 3) -> None: ...
    def plain(lab: object) -> None: ...

    for wrong, message in {
        unannotated: "annotate it with one of int, float",
        odd: "annotate it with one of int, float",
        positional: "keyword-only",
        plain: "not an `async def`",
    }.items():
        with pytest.raises(UsageError, match=message):
            parameters(wrong)  # type: ignore[arg-type]


def test_a_parameter_without_default_must_be_set() -> None:
    async def needy(lab: object, *, count: int) -> None: ...

    assert bind(needy, {"count": "2"}) == {"count": 2}
    with pytest.raises(UsageError, match="count has no default; set it"):
        bind(needy, {})


def test_scenario_files(tmp_path: Path) -> None:
    good = tmp_path / "good.py"
    good.write_text(
        "import mqttlab\n"
        "@mqttlab.scenario(until='1min')\n"
        "async def only(lab, *, n: int = 1): ...\n"
        "async def other(lab): ...\n"
    )
    assert catalog.load(str(good)).__name__ == "only"
    assert catalog.load(f"{good}:other").__name__ == "other"
    for name, message in {
        f"{good}:missing": "has no function 'missing'",
        str(tmp_path / "absent.py"): "there is no file",
        "no_such_scenario": "unknown 'no_such_scenario'; known are .*must end in .py",
    }.items():
        with pytest.raises(UsageError, match=message):
            catalog.load(name)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("import mqttlab\nasync def f(lab:\n", r"broken\.py:2: '\(' was never closed"),
        ("import math\n\nx = 1 / 0\n", r"broken\.py:3: ZeroDivisionError: division by zero"),
        ("import no_such_module_anywhere\n", r"broken\.py:1: ModuleNotFoundError"),
        ("x = 1\nraise SystemExit(1)\n", r"broken\.py:2: SystemExit: 1"),
    ],
)
def test_a_broken_scenario_file_is_named_with_line_and_reason(
    tmp_path: Path, text: str, message: str
) -> None:
    broken = tmp_path / "broken.py"
    broken.write_text(text)
    with pytest.raises(catalog.ScenarioFileError, match=message) as caught:
        catalog.load(str(broken))
    assert "\n" not in str(caught.value)


def make_result(**changes: Any) -> Result:
    """A result of nothing, with `changes`."""
    empty = np.empty(0, trace.EVENT)
    values: dict[str, Any] = {
        field.name: ()
        for field in dataclasses.fields(Result)
        if field.default is dataclasses.MISSING
    }
    values.update(events=empty, scenario="s", seed=7, fingerprint="f", virtual_s=1.0)
    return Result(**{**values, **changes})


PASSED = Verdict("Q1-NOLOSS", "pass", 12, "")
FAILED = Verdict("Q2-ONCE", "fail", 3, "")
UNSEEN = Verdict("WILL-IFF", "not_observable", 0, "no client had a will")
FOUND = Violation("Q2-ONCE", ("MQTT-4.3.3-2",), 1_500_000_000, "desk got a/b twice", (4, 9))


def test_check_passes_over_what_was_not_observable_unless_it_is_named() -> None:
    result = make_result(verdicts=(PASSED, UNSEEN))
    assert result.passed
    result.check()
    result.check("Q1-NOLOSS")
    with pytest.raises(ViolationError, match="WILL-IFF was not observable: no client had a will"):
        result.check("Q1-NOLOSS", "WILL-IFF")
    with pytest.raises(UsageError, match="unknown invariant 'Q9'; known are Q1-NOLOSS, WILL-IFF"):
        result.check("Q9")


def test_check_says_what_was_violated_when_and_where() -> None:
    result = make_result(verdicts=(PASSED, FAILED), violations=(FOUND,) * 7)
    assert not result.passed
    result.check("Q1-NOLOSS")
    with pytest.raises(ViolationError) as caught:
        result.check()
    lines = str(caught.value).splitlines()
    assert lines[0] == "Q2-ONCE is violated 7 times:"
    assert lines[1] == "  at 1.500000 s: desk got a/b twice [MQTT-4.3.3-2]"
    assert lines[-2:] == ["  ... and 2 more", "scenario s, seed 7, f"]


def test_the_layout_of_an_event_is_the_compilers() -> None:
    fields = trace.EVENT.fields
    assert fields is not None
    ours = [(name, fields[name][1], fields[name][0].itemsize) for name in trace.EVENT.names or ()]
    assert ours == _core.event_layout()
    assert trace.EVENT.itemsize == _core.event_bytes


@pytest.mark.parametrize(
    ("enumeration", "names"),
    [
        (trace.Kind, _core.kinds),
        (trace.DropReason, _core.drop_reasons),
        (trace.Death, _core.deaths),
        (trace.StoreFate, _core.store_fates),
        (trace.Packet, _core.packets),
    ],
)
def test_names_are_the_cores(enumeration: Any, names: list[str]) -> None:
    simple = [name.lower().replace(" ", "_").replace("-", "_") for name in names]
    assert [one.name.lower() for one in enumeration] == simple


@pytest.mark.parametrize("name", ["_core", "_sim"])
def test_stubs_name_what_the_modules_have(name: str) -> None:
    module = importlib.import_module(f"mqttlab.{name}")
    package = Path(__file__).parents[2] / "bindings" / "mqttlab"
    stub = ast.parse((package / f"{name}.pyi").read_text())
    named = set()
    for node in stub.body:
        for one in _named(node):
            named.add(one)
            if isinstance(node, ast.ClassDef):
                members = {member for child in node.body for member in _named(child)}
                assert members - {"__init__"} == _public(getattr(module, one)), one
    assert named - {"ClientEvent"} == _public(module)


def _named(node: ast.stmt) -> list[str]:
    """What a statement of a stub defines."""
    match node:
        case ast.FunctionDef() | ast.ClassDef():
            return [node.name]
        case ast.AnnAssign(target=ast.Name(id=name)) | ast.Assign(targets=[ast.Name(id=name)]):
            return [name]
    return []


def _public(of: object) -> set[str]:
    return {name for name in vars(of) if not name.startswith("_")}


def test_the_core_describes_packets_and_names_the_broken_statement() -> None:
    assert _core.describe(bytes.fromhex("c000")) == "PINGREQ"
    assert "a/b" in _core.describe(bytes.fromhex("3007 0003 612f62 6869"))
    with pytest.raises(UsageError, match="MQTT-"):
        _core.describe(bytes.fromhex("c100"))
    with pytest.raises(UsageError, match="version is 3"):
        _core.describe(b"", version=6)


def test_topics() -> None:
    assert _core.matches("a/+", "a/b")
    assert not _core.matches("#", "$SYS/uptime")
    assert _core.valid_topic_filter("a/#")
    assert not _core.valid_topic_name("a/#")


def test_the_core_imports_without_the_simulator(in_process: Callable[..., str]) -> None:
    printed = in_process(
        "import sys, mqttlab, mqttlab._core, mqttlab.trace, mqttlab.result\n"
        "print('mqttlab._sim' in sys.modules)"
    )
    assert printed == "False\n"


def test_the_first_invariants_are_known() -> None:
    assert {"Q1-NOLOSS", "Q2-ONCE", "CONVERGE"} <= set(_core.invariants())
