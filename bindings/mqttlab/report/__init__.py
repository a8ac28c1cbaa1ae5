"""What a run leaves in a directory: run.json, CSV tables and a page to look at."""

from __future__ import annotations

import json
from pathlib import Path

from mqttlab.errors import UsageError
from mqttlab.figures import Analysis, figures
from mqttlab.result import Result

__all__ = ["write"]


def write(result: Result, directory: Path, *, name: str | None = None) -> Path:
    """Writes a run's results into `directory`, made if it is missing; returns report.html's path.

    `name`: how the scenario was named on the command line, for the report's last section.
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
        page.write_text(render(analysis, found, name or _name(result)), "utf-8")
    except OSError as error:
        raise UsageError(
            f"results: cannot write {str(error.filename or directory)!r}: {error.strerror}; "
            "name another directory"
        ) from None
    return page


def _name(result: Result) -> str:
    """What `mqttlab run` would call the scenario: its installed name, or its file."""
    from mqttlab import catalog

    if result.scenario in catalog.installed() or result.source is None:
        return result.scenario
    return f"{result.source}:{result.scenario}"
