"""The page that the broker shows at http:// and https://, in headless Chromium."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

import node
from peers import HOST
from running import Running, program

PATIENCE_S = 120.0
HERE = Path(__file__).parent
# What the page's one client sends and gets, at QoS 1 and then at QoS 2.
EXCHANGE = (
    "CONNECT CONNACK SUBSCRIBE SUBACK PUBLISH PUBLISH PUBACK PUBACK "
    "PUBLISH PUBLISH PUBREC PUBREC PUBREL PUBREL PUBCOMP PUBCOMP"
)


def run(script: str, *words: str) -> str:
    done = subprocess.run(
        [*node.command(HERE / script), *words], env=node.environment(),
        capture_output=True, text=True, timeout=PATIENCE_S,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def urls(
    tmp_path_factory: pytest.TempPathFactory, credentials: tuple[Path, Path]
) -> Iterator[dict[str, str]]:
    node.program()
    certificate, key = map(str, credentials)
    broker = Running(
        tmp_path_factory.mktemp("broker"), program("mqttlab-broker"), "--allow-anonymous",
        "--cert", certificate, "--key", key, "--page", str(node.PAGE),
        "--listen", f"http://{HOST}:0", "--listen", f"https://{HOST}:0",
    )  # fmt: skip
    yield {s: broker.until(rf"listening on ({s}://\S+/)\n")[1] for s in ("http", "https")}
    broker.kill()


def test_packets_are_explained_to_the_last_byte(urls: dict[str, str]) -> None:
    assert "33 packets explained" in run("dissect.cjs", urls["http"])


@pytest.mark.parametrize(("scheme", "version"), [("http", 5), ("https", 4)])
def test_somebody_uses_it(urls: dict[str, str], scheme: str, version: int, tmp_path: Path) -> None:
    if not shutil.which("chromium"):
        pytest.skip("chromium is not installed; apt-get install chromium")
    seen = run("page.cjs", urls[scheme], str(version), str(tmp_path)).split()
    assert sorted(seen) == sorted(EXCHANGE.split())
    pictures = [*tmp_path.glob("*.png")]
    assert len(pictures) == 3
    assert all(picture.stat().st_size > 20_000 for picture in pictures)  # an empty page has less
