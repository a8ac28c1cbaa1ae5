"""What a result was made with: versions, and the machine."""

from __future__ import annotations

import hashlib
import os
import platform
import sys
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np

__all__ = ["core", "machine", "simulator_versions", "versions"]


def versions() -> dict[str, str]:
    """Of this package, Python and NumPy, by name."""
    try:
        ours = metadata.version("mqttlab")
    except metadata.PackageNotFoundError:  # a package tree without its metadata
        ours = sys.modules["mqttlab"].__version__
    return {"mqttlab": ours, "python": platform.python_version(), "numpy": np.__version__}


def simulator_versions() -> dict[str, str]:
    """The same, and of what simulated networks are made of."""
    from mqttlab import _sim  # only now: it loads ns-3

    return {**versions(), "ns3": _sim.ns3_version, "openssl": _sim.openssl_version}


@cache
def core() -> str:
    """Which build of the core this is, which no version tells: of a SHA-256 of its modules."""
    from mqttlab import _core, _sim  # only now: it loads ns-3

    files = [Path(module.__file__) for module in (_core, _sim) if module.__file__]
    return hashlib.sha256(b"".join(file.read_bytes() for file in files)).hexdigest()[:12]


def machine() -> dict[str, Any]:
    """`cpu`, as it calls itself; `cores`; `system`."""
    return {"cpu": _cpu(), "cores": os.cpu_count(), "system": platform.platform()}


def _cpu() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()
