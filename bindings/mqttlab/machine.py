"""What a result was made with: versions, and the machine."""

from __future__ import annotations

import os
import platform
import sys
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np

__all__ = ["machine", "simulator_versions", "versions"]


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


def machine() -> dict[str, Any]:
    """`cpu`, as it calls itself; `cores`; `system`."""
    return {"cpu": _cpu(), "cores": os.cpu_count(), "system": platform.platform()}


def _cpu() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()
