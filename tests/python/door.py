"""A broker at the door of which tests knock, and certificates for both sides of it."""

from __future__ import annotations

import re
import socket
import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path

from running import PATIENCE_S, Running, program


def memory_bytes(running: Running, what: str = "VmRSS") -> int:
    """What a program holds, by its name in /proc/PID/status."""
    status = Path(f"/proc/{running.process.pid}/status").read_text()
    found = re.search(rf"{what}:\s+(\d+) kB", status)
    assert found
    return int(found[1]) * 1024


class Authority:
    """Certificates as openssl makes them."""

    def __init__(self, directory: Path, name: str) -> None:
        self._directory = directory / name
        self._directory.mkdir()
        self._config = self._directory / "ca.cnf"
        self._config.write_text(
            f"[ca]\ndefault_ca=x\n[x]\ndir={self._directory}\ndatabase=$dir/index\n"
            "serial=$dir/serial\nnew_certs_dir=$dir\ncertificate=$dir/ca.pem\n"
            "private_key=$dir/ca.key\ndefault_md=sha256\npolicy=p\ndefault_crl_days=1\n"
            "copy_extensions=copy\nunique_subject=no\n[p]\ncommonName=supplied\n"
        )
        (self._directory / "index").touch()
        (self._directory / "serial").write_text("01\n")
        self.certificate = self._directory / "ca.pem"
        self._key("ca", name, "-x509", "-out", str(self.certificate))

    def _run(self, *words: str) -> None:
        subprocess.run(["openssl", *words], check=True, capture_output=True)

    def _key(self, name: str, subject: str, *more: str) -> None:
        self._run(
            "req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout",
            str(self._directory / f"{name}.key"), "-subj", f"/CN={subject}", *more,
        )  # fmt: skip

    def issue(self, name: str, days: int = 2, *extensions: str) -> tuple[Path, Path]:
        """Certificate and key; of fewer than 0 days: it has expired since."""
        request, certificate = (self._directory / f"{name}.{end}" for end in ("csr", "pem"))
        added = [word for extension in extensions for word in ("-addext", extension)]
        self._key(name, name, "-out", str(request), *added)
        now = datetime.now(UTC)
        begin, end = (now + timedelta(days=day) for day in (min(days - 1, -1), days))
        self._run(
            "ca", "-batch", "-config", str(self._config), "-in", str(request), "-notext",
            "-out", str(certificate), "-startdate", f"{begin:%Y%m%d%H%M%SZ}",
            "-enddate", f"{end:%Y%m%d%H%M%SZ}",
        )  # fmt: skip
        return certificate, self._directory / f"{name}.key"

    def revoke(self, *certificates: Path) -> Path:
        """The revocation list."""
        crl = self._directory / "crl.pem"
        for certificate in certificates:
            self._run("ca", "-config", str(self._config), "-revoke", str(certificate))
        self._run("ca", "-config", str(self._config), "-gencrl", "-out", str(crl))
        return crl


class Door:
    """A broker that has told on what ports it listens."""

    def __init__(
        self,
        directory: Path,
        *options: str,
        listen: tuple[str, ...] = ("tcp",),
        secrets: tuple[str, ...] = (),
        level: str = "debug",
    ) -> None:
        self._secrets = secrets
        words = [word for scheme in listen for word in ("--listen", f"{scheme}://127.0.0.1:0")]
        self.broker = Running(
            directory, program("mqttlab-broker"), *words, *options, "--log-level", level
        )
        self.ports = [
            int(self.broker.until(rf"listening on {scheme}://.*?:(\d+)")[1]) for scheme in listen
        ]

    def dial(self, listener: int = 0) -> socket.socket:
        return socket.create_connection(("127.0.0.1", self.ports[listener]), PATIENCE_S)

    def __enter__(self) -> Door:
        return self

    def __exit__(self, failed: object, *_: object) -> None:
        self.broker.kill()
        for secret in self._secrets:
            assert failed or secret not in self.broker.said
