"""What a run leaves in a directory: run.json, CSV tables and a page to look at."""

from __future__ import annotations

import json
import shlex
from contextlib import suppress
from pathlib import Path

from mqttlab.capsule import Capsule
from mqttlab.errors import Error, UsageError
from mqttlab.figures import Analysis, figures
from mqttlab.result import Result
from mqttlab.run_command import watched_by

__all__ = ["capsule_beside", "write"]


def write(result: Result, directory: Path, *, command: str | None = None, error: str = "") -> Path:
    """Writes a run's results into `directory`, made if it is missing; returns report.html's path.

    `command`: the command line that repeats the run; made from the result if absent. `error`:
    what the scenario raised, in words.
    Errors: UsageError if the directory cannot be written.
    """
    from mqttlab.report.page import render
    from mqttlab.report.tables import write_tables

    analysis = Analysis(result)
    found = figures(analysis)
    page = directory / "report.html"
    try:
        directory.mkdir(parents=True, exist_ok=True)
        (directory / "run.json").write_text(
            json.dumps(found, indent=1, ensure_ascii=False, allow_nan=False) + "\n", "utf-8"
        )
        write_tables(analysis, found, directory)
        page.write_text(render(analysis, found, command or _command(result)), "utf-8")
        _write_capsule(result, directory, error)
    except OSError as error:
        raise UsageError(
            f"results: cannot write {str(error.filename or directory)!r}: {error.strerror}; "
            "name another directory"
        ) from None
    return page


def _command(result: Result) -> str:
    """`mqttlab run` with every parameter; the scenario by its installed name, or by its file."""
    words = ["mqttlab", "run", result.origin.word if result.origin else result.scenario]
    words += ["--seed", str(result.seed), "--until", f"{result.until_s:g}s"]
    if result.target:
        words += ["--target", result.target.url]
    words += watched_by(traced=bool(result.fingerprint), judged=not result.unjudged,
                        strict=result.strict)  # fmt: skip
    for key, value in result.parameters.items():
        if value is not None:
            text = str(value).lower() if isinstance(value, bool) else str(value)
            words += ["--set", f"{key}={text}"]
    return shlex.join(words)


def capsule_beside(page: Path, result: Result) -> Path | None:
    """The capsule that `write` has left beside the page of a run, if it has."""
    try:
        path = page.parent / result.capsule().file_name
    except Error:
        return None
    return path if path.exists() else None


def _write_capsule(result: Result, directory: Path, error: str) -> None:
    """Of a run that failed; that of the same seed goes when it does not fail any more."""
    with suppress(Error):  # what cannot be made again has none
        capsule = Capsule.of(result, error=error)
        if result.violations or error:
            capsule.write(directory)
        else:
            (directory / capsule.file_name).unlink(missing_ok=True)
