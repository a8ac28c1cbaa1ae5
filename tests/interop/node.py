"""Node.js and the packages that the page is built with, where the build has put them."""

from __future__ import annotations

import functools
import os
import shutil
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
BUILD = Path(os.environ.get("MQTTLAB_BUILD", ROOT / "build/release"))
PACKAGES = BUILD / "protocol/live/page/node_modules"
PAGE = BUILD / "protocol/live/page/page"


@functools.cache
def program() -> str:
    found = shutil.which("node")
    if not found or not PACKAGES.is_dir():
        pytest.skip("no Node.js, or the page has not been built: .ci/setup tests")
    return found


def command(script: Path) -> list[str]:
    return [program(), str(script)]


def environment() -> dict[str, str]:
    return {**os.environ, "NODE_PATH": str(PACKAGES)}
