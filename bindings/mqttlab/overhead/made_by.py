"""By which code a study is measured, and what link files say: what its journal holds for."""

from __future__ import annotations

import hashlib
from functools import cache
from pathlib import Path
from typing import Any

from mqttlab import _core, link_files, machine
from mqttlab.origin import digest

__all__ = ["code", "link_sha256"]

_PACKAGE = Path(__file__).resolve().parents[1]
# What tells or compares, and measures nothing.
_TELLS = frozenset({"report", "results", "diff", "validation"})
_MEASURES = frozenset({"cell.py", "keep_alive.py"})  # of this folder


@cache
def code() -> dict[str, str]:
    """Versions by name, and `sha256` of the compiled modules and the Python files that measure."""
    from mqttlab import _sim  # only now: it loads ns-3

    files = [path for path in sorted(_PACKAGE.rglob("*.py")) if _measures(path)]
    files += [Path(module.__file__) for module in (_core, _sim) if module.__file__]
    return {**machine.simulator_versions(), "sha256": _together(files)}


def _measures(path: Path) -> bool:
    within = path.relative_to(_PACKAGE)
    if within.parts[0] == "overhead":
        return within.name in _MEASURES
    return within.parts[0] not in _TELLS


@cache
def link_sha256(link: str) -> str:
    """Of a link file with its recordings; of a profile "", for that is code. Errors: UsageError."""
    if not link.endswith(".toml"):
        return ""
    said: dict[str, Any] = dict(link_files.read(Path(link))[1])
    ways = [way for way in (said, said.get("up"), said.get("down")) if isinstance(way, dict)]
    return _together([Path(link), *(Path(way["trace"]) for way in ways if "trace" in way)])


def _together(files: list[Path]) -> str:
    return hashlib.sha256("".join(digest(path) for path in files).encode()).hexdigest()
