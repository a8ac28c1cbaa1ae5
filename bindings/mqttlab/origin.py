"""Where a function is found again by another process: its file and name, or its installed name."""

from __future__ import annotations

import hashlib
import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mqttlab import catalog
from mqttlab.errors import UsageError

__all__ = ["Origin", "digest", "locate", "portable"]


@dataclass(frozen=True)
class Origin:
    """A function, named so that another process finds it."""

    name: str
    """Of the installed scenario, or of the function in its file."""
    file: str
    """Below the working directory if it is there, else absolute."""
    sha256: str
    """Of the file."""
    is_installed: bool = False

    @staticmethod
    def of(function: Callable[..., object]) -> Origin | None:
        """None: nobody else can find it, for it was made inside a function, or typed in."""
        try:
            path = Path(inspect.getfile(function))
        except TypeError:
            return None
        name = getattr(function, "__qualname__", "")
        if not name.isidentifier() or not path.is_file():
            return None
        return Origin(name, portable(path), digest(path), catalog.is_installed(name, function))

    @property
    def word(self) -> str:
        """What `catalog.load` takes: "field_trial", or "my.py:function"."""
        return self.name if self.is_installed else f"{self.file}:{self.name}"

    def load(self, beside: Sequence[Path] = ()) -> tuple[Callable[..., Any], str]:
        """The function, and what has changed in its file, in words, or "".

        `beside`: folders where the file may be as well, and in those that they are in.
        Errors: UsageError if it is gone, ScenarioFileError if its file is broken.
        """
        if self.is_installed:
            function = catalog.load(self.name)
            path = Path(inspect.getfile(function))
        else:
            path = locate(self.file, beside)
            function = catalog.load(f"{path}:{self.name}")
        changed = digest(path) != self.sha256
        return function, f"{path} has changed since" if changed else ""

    def to_data(self) -> dict[str, Any]:
        """For JSON."""
        data = {"name": self.name, "file": self.file, "sha256": self.sha256}
        return {**data, "installed": self.is_installed}

    @staticmethod
    def from_data(data: Mapping[str, Any]) -> Origin:
        """Of what to_data has made. Errors: UsageError naming what is wrong with it."""
        kinds = {"name": str, "file": str, "sha256": str, "installed": bool}
        for name, kind in kinds.items():
            if not isinstance(data, Mapping) or not isinstance(data.get(name), kind):
                raise UsageError(
                    f"{data!r} says not where a function is; it takes {', '.join(kinds)}"
                )
        return Origin(data["name"], data["file"], data["sha256"], data["installed"])


def digest(path: Path) -> str:
    """SHA-256 of a file, in hex."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def portable(path: Path) -> str:
    """A path that means the same to whoever stands in the same folder of a copy, if it can."""
    path = path.resolve()
    here = Path.cwd().resolve()
    return path.relative_to(here).as_posix() if path.is_relative_to(here) else str(path)


def locate(file: str, beside: Sequence[Path]) -> Path:
    """A file by its portable path: here, or in one of these folders or of those they are in."""
    folders = [Path()]
    for one in beside:
        folders += [one.resolve(), *one.resolve().parents]
    for folder in folders:
        if (folder / file).is_file():
            return folder / file
    raise UsageError(f"there is no file {file!r}, neither here nor above; go where it is")
