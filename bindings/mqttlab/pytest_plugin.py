"""Plugin of pytest: tests that are scenarios, run once for each seed and judged by the oracle.

    @pytest.mark.mqttlab(seeds=20, until="5min")
    async def test_meter(lab): ...

The test is the scenario: it gets a `Lab` and runs in virtual time, as by `mqttlab.run`, and fails
if it raises or if the run breaks an invariant. A plain `def test(seed)` runs what it likes. What
failed leaves its report and, where it can be made again, a capsule in DIR (--mqttlab-out).
"""

from __future__ import annotations

import functools
import inspect
import re
from collections.abc import Callable, Generator, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import pytest

if TYPE_CHECKING:
    from mqttlab.capsule import Capsule
    from mqttlab.result import Result

__all__: list[str] = []

_T = TypeVar("_T")
_UNTIL = "10min"
# Of the marker, and of mqttlab.run.
_OPTIONS = ("until", "tcp", "ipv6", "faults", "strict", "invariants")


@dataclass
class _Made:
    """The last run of a test."""

    result: Result | None = None
    error: Exception | None = None
    arguments: Mapping[str, Any] | None = None
    """What Hypothesis gave it; None: it gives none."""


_MADE = pytest.StashKey[_Made]()


class _NoLab:
    """What the fixture `lab` is outside of the run."""

    def __repr__(self) -> str:
        return "lab"

    def __getattr__(self, name: str) -> Any:
        raise AttributeError(
            f"lab.{name}: the lab is there while an `async def` test runs; not in a fixture, nor "
            "in a plain `def` test, which takes `seed` and calls mqttlab.run"
        )


def pytest_addoption(parser: pytest.Parser) -> None:
    """Options of the command line."""
    group = parser.getgroup("mqttlab")
    group.addoption("--mqttlab-seeds", type=int, metavar="N", help="Seeds of each test, from 1.")
    group.addoption("--mqttlab-seed", type=int, metavar="SEED", help="This one only.")
    group.addoption("--mqttlab-out", metavar="DIR", default="mqttlab-out",
                    help="For what failing tests leave; default mqttlab-out.")  # fmt: skip
    of_replay = "Of `mqttlab replay`: "
    group.addoption("--mqttlab-order", metavar="FILE", help=f"{of_replay}make this run again.")
    group.addoption("--mqttlab-made", metavar="FILE", help=f"{of_replay}leave its capsule here.")


def pytest_configure(config: pytest.Config) -> None:
    """Markers."""
    for line in (
        "mqttlab(seeds=1, first=1, until='10min', tcp=..., ipv6=..., faults=..., strict=..., "
        "invariants=...): run with so many seeds; the rest as in mqttlab.run",
        "mqtt_req(*ids): the statements of MQTT that the test is about, as 'MQTT-3.1.2-24'",
    ):
        config.addinivalue_line("markers", line)


@pytest.fixture(scope="class")
def seed() -> int:
    """The run's seed; one test for each with the marker mqttlab(seeds=N)."""
    return 1


@pytest.fixture(scope="session")
def lab() -> Any:
    """The `mqttlab.Lab` that an `async def` test works in."""
    return _NoLab()


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """One test for each seed."""
    marked = metafunc.definition.get_closest_marker("mqttlab")
    wants_lab = "lab" in metafunc.fixturenames
    if not wants_lab and not (marked and "seed" in metafunc.fixturenames):
        return
    if "seed" not in metafunc.fixturenames:
        metafunc.fixturenames.append("seed")
    seeds = _seeds(metafunc.config, _given(metafunc.definition))
    # Hypothesis refuses what is of one function: each of its examples would get the same.
    metafunc.parametrize("seed", seeds, ids=[f"seed{one}" for one in seeds], scope="class")


def _seeds(config: pytest.Config, given: Mapping[str, Any]) -> list[int]:
    if order := _order(config):
        return [order.seed]
    if (only := config.getoption("--mqttlab-seed")) is not None:
        return [only]
    count = config.getoption("--mqttlab-seeds") or given.get("seeds", 1)
    first = given.get("first", 1)
    if not all(isinstance(one, int) and one >= 1 for one in (count, first)):
        raise pytest.UsageError(f"mqttlab: seeds={count!r}, first={first!r}: whole numbers from 1")
    return list(range(first, first + count))


def _given(item: pytest.Item) -> dict[str, Any]:
    """The marker's arguments; those of a test count before those of its class and module."""
    given: dict[str, Any] = {}
    for marker in reversed(list(item.iter_markers("mqttlab"))):
        given |= marker.kwargs
        known = ("seeds", "first", *_OPTIONS)
        wrong = [repr(one) for one in marker.args] + [k for k in marker.kwargs if k not in known]
        if wrong:
            raise pytest.UsageError(
                f"{item.nodeid}: marker mqttlab: unknown {', '.join(wrong)}; known are "
                f"{', '.join(known)}, each as name=value"
            )
    return given


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Requirements go into reports, of JUnit for one."""
    known: set[str] = set()
    for item in items:
        for marker in item.iter_markers("mqtt_req"):
            if not known:
                from mqttlab.conformance.cases import statements

                known = {statement.id for statement in statements().values()}
            for id in marker.args:
                if id not in known:
                    raise pytest.UsageError(f"{item.nodeid}: mqtt_req: MQTT has no rule {id!r}")
                item.user_properties.append(("requirement", id))


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> Generator[None, _T, _T]:
    """Runs scenarios, and keeps an eye on the runs of plain tests with the marker."""
    from mqttlab.runner import watching

    __tracebackhide__ = True
    if not (_uses_lab(pyfuncitem) or pyfuncitem.get_closest_marker("mqttlab")):
        return (yield)  # what else runs scenarios in its tests is left alone
    made = pyfuncitem.stash[_MADE] = _Made()
    _without_deadline(pyfuncitem)

    def watch(result: Result, error: Exception | None) -> None:
        made.result, made.error = result, error

    try:
        with watching(watch), _as_plain_function(pyfuncitem, made):
            return (yield)
    finally:
        _tell(pyfuncitem, made)


def _without_deadline(item: pytest.Function) -> None:
    """Takes Hypothesis' usual deadline away: a run's wall time is the machine's, and no fault.

    One that the test names stays.
    """
    if not hasattr(item.obj, "hypothesis"):
        return
    from hypothesis import settings

    # Hypothesis keeps them here, and its own plugin for pytest looks here.
    test = getattr(item.obj, "__func__", item.obj)
    now = test._hypothesis_internal_use_settings
    usual = settings.default.deadline if settings.default else None
    if now.deadline == usual:
        test._hypothesis_internal_use_settings = settings(now, deadline=None)


def _uses_lab(item: pytest.Function) -> bool:
    return isinstance(item.funcargs.get("lab"), _NoLab)


def _tell(item: pytest.Function, made: _Made) -> None:
    if made.result is None:
        return
    item.user_properties.append(("seed", made.result.seed))
    item.user_properties.append(("fingerprint", made.result.fingerprint))
    if path := item.config.getoption("--mqttlab-made"):
        from mqttlab.isolated import leave

        leave(_capsule(item, made), path)


@contextmanager
def _as_plain_function(item: pytest.Function, made: _Made) -> Iterator[None]:
    """Inside, pytest and Hypothesis find a plain function where there was a scenario."""
    hypothesis = getattr(item.obj, "hypothesis", None)
    test = hypothesis.inner_test if hypothesis else item.obj
    if not (_uses_lab(item) and inspect.iscoroutinefunction(test)):
        yield
        return
    order = _order(item.config)
    inner = test
    if hypothesis and order and item.instance is not None:
        inner = functools.partial(test, item.instance)
    plain = _plain(inner, item, made, bool(hypothesis))
    if hypothesis and not order:
        hypothesis.inner_test = plain
    else:
        before, item.obj = item.obj, plain
    try:
        yield
    finally:
        if hypothesis and not order:
            hypothesis.inner_test = test
        else:
            item.obj = before


def _plain(
    test: Callable[..., Any], item: pytest.Function, made: _Made, draws: bool
) -> Callable[..., None]:
    """The function that runs a test as a scenario and judges it."""
    import mqttlab
    from mqttlab.capsule import decoded

    given = _given(item)
    seed: Any = item.callspec.params["seed"]
    options = {"until": _UNTIL, **{k: v for k, v in given.items() if k in _OPTIONS}}
    order = _order(item.config)

    @functools.wraps(test)
    def judged(*args: Any, **kwargs: Any) -> None:
        __tracebackhide__ = True
        if draws and order:
            kwargs |= decoded(order.arguments)
        if draws:
            ours = {name: kwargs[name] for name in kwargs if name not in item.funcargs}
            made.arguments = {k: v for k, v in ours.items() if v is not item.instance}

        async def scenario(lab: Any) -> None:
            await test(*args, **{**kwargs, "lab": lab})

        scenario.__name__ = item.originalname
        result = mqttlab.run(scenario, seed=seed, **options)
        if result.ending == "trace_full":
            raise mqttlab.Error(f"the trace was full at {result.virtual_s:g} s; end it sooner")
        if result.interrupted:
            raise KeyboardInterrupt
        if result.ending == "not_applicable":
            raise mqttlab.NotApplicableError("; ".join(one.what for one in result.not_applicable))
        result.check()

    return judged


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Artefacts of a failing test, and the line that makes its run again."""
    report = yield
    made = item.stash.get(_MADE, None)
    is_replay = item.config.getoption("--mqttlab-made")
    if call.when == "call" and report.failed and made and made.result and not is_replay:
        assert isinstance(item, pytest.Function)
        report.sections.append(("mqttlab", "\n".join(_left(item, made, made.result))))
    return report


def _left(item: pytest.Function, made: _Made, result: Result) -> Iterator[str]:
    """Writes what there is to write, and says so in lines."""
    from mqttlab import report
    from mqttlab.errors import Error

    slug = re.sub(r"[^\w.-]+", "-", item.nodeid).strip("-")
    folder = Path(item.config.getoption("--mqttlab-out")) / slug
    again = f"pytest '{item.nodeid}' --mqttlab-seed={result.seed}"
    page = report.write(replace(result, origin=None), folder, command=again)
    try:
        again = f"mqttlab replay {_capsule(item, made).write(folder)}"
    except Error as error:
        yield str(error)
    yield f"seed {result.seed}, fingerprint {result.fingerprint}"
    yield f"again: {again}"
    yield f"report: {page}"


def _capsule(item: pytest.Function, made: _Made) -> Capsule:
    """Of the last run: its scenario, if others can find it; else the test that made it.

    Errors: mqttlab.Error if nothing makes it again.
    """
    from mqttlab.capsule import Capsule, encoded
    from mqttlab.origin import Origin, digest, portable

    assert made.result is not None
    error = f"{type(made.error).__name__}: {made.error}" if made.error else ""
    if made.result.origin is not None:
        return Capsule.of(made.result, error=error)
    file = Path(inspect.getfile(inspect.unwrap(item.function)))
    origin = Origin(item.originalname, portable(file), digest(file))
    return Capsule.of(
        replace(made.result, origin=origin),
        test=item.nodeid,
        arguments=encoded(made.arguments or {}),
        error=error,
    )


def _order(config: pytest.Config) -> Capsule | None:
    """The run that `mqttlab replay` wants made again."""
    path = config.getoption("--mqttlab-order")
    if not path:
        return None
    from mqttlab.capsule import Capsule

    return Capsule.read(path)
