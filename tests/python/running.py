"""Programs of ours and of others that tests run, and wait for."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import subprocess
import time
from pathlib import Path

import pytest

from mqttlab import programs

# A folder of programs to be tested instead of those that are installed.
BUILD = os.environ.get("MQTTLAB_PROGRAMS")
PATIENCE_S = 20.0
CLIENTS = {
    "mosquitto": ("mosquitto_pub", "mosquitto_sub"),
    "mqttlab": ("mqttlab-pub", "mqttlab-sub"),
}


def program(name: str) -> str:
    """The path of one of ours, or of mosquitto's; the test is skipped without it."""
    if name.startswith("mqttlab"):
        return str(Path(BUILD, name)) if BUILD else programs.path_of(name)
    found = shutil.which(name) or shutil.which(name, path="/usr/sbin")
    if not found:
        package = "mosquitto" if name == "mosquitto" else "mosquitto-clients"
        pytest.skip(f"{name} is not installed; apt-get install {package}")
    return found


class Running:
    """A program whose output is waited for, line by line."""

    def __init__(self, directory: Path, *words: str) -> None:
        if "mosquitto" in words[0]:  # its lines are to come as they are printed
            words = ("stdbuf", "-oL", *words)
        self._log = directory / f"{Path(words[0]).name}.{len(list(directory.iterdir()))}.log"
        with self._log.open("wb") as log:
            self.process = subprocess.Popen(words, stdout=log, stderr=log)

    @property
    def said(self) -> str:
        return self._log.read_text(errors="replace")

    def until(self, pattern: str) -> re.Match[str]:
        end = time.monotonic() + PATIENCE_S
        while not (found := re.search(pattern, self.said)):
            over = self.process.poll() is not None and not re.search(pattern, self.said)
            assert not over, f"left with {self.process.returncode}: {self.said}"
            assert time.monotonic() < end, f"no {pattern!r} in {self.said}"
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.process.wait(0.02)
        return found

    def leaves(self) -> int:
        return self.process.wait(PATIENCE_S)

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()


def self_signed(directory: Path) -> tuple[Path, Path]:
    """A certificate of 127.0.0.1 that is its own authority, and its key; ECDSA, for browsers."""
    certificate, key = directory / "cert.pem", directory / "key.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
         "-nodes", "-days", "2", "-subj", "/CN=site", "-addext", "subjectAltName=IP:127.0.0.1",
         "-out", certificate, "-keyout", key],
        check=True, capture_output=True,
    )  # fmt: skip
    return certificate, key
