"""The programs of the package that are not Python: where they are."""

from __future__ import annotations

import shutil
import sysconfig

from mqttlab.errors import Error

__all__ = ["path_of"]


def path_of(name: str) -> str:
    """A program's path: where this interpreter keeps its scripts, or else on PATH."""
    scripts = sysconfig.get_path("scripts")
    found = shutil.which(name, path=scripts) or shutil.which(name)
    if not found:
        raise Error(f"{name} is neither in {scripts} nor on PATH; build again: .ci/setup")
    return found
