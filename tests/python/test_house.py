"""The house rules that a machine can check: who may include what, and how large things may grow."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
INCLUDE = re.compile(r'^\s*#\s*include\s*[<"]([^>"]+)[>"]', re.MULTILINE)

# Folder -> folders of this project that it may include from; no other arrow exists.
ARROWS = {
    "protocol/wire": {"protocol", "protocol/wire"},
    "protocol/trace": {"protocol", "protocol/wire", "protocol/trace"},
    "protocol/session": {"protocol", "protocol/wire", "protocol/session"},
    "protocol/link": {"protocol", "protocol/wire", "protocol/session", "protocol/link"},
    "protocol/client": {
        "protocol", "protocol/wire", "protocol/session", "protocol/trace", "protocol/client",
    },
    "protocol/journal": {"protocol", "protocol/wire", "protocol/journal"},
    "protocol/broker": {
        "protocol", "protocol/wire", "protocol/session", "protocol/trace", "protocol/journal",
        "protocol/broker",
    },
    "protocol/world": {
        "protocol", "protocol/wire", "protocol/session", "protocol/trace", "protocol/link",
        "protocol/client", "protocol/broker", "protocol/transport", "protocol/world",
    },
    "protocol/oracle": {"protocol", "protocol/wire", "protocol/trace", "protocol/oracle"},
    "protocol/transport": {"protocol", "protocol/session", "protocol/transport"},
}  # fmt: skip
BANNED_IN_CORE = re.compile(
    r"^(boost/|ns3/|chrono|thread|mutex|condition_variable|future|random|fstream|filesystem|"
    r"iostream|ctime|time\.h|sys/|unistd\.h|ranges)"
)
# gcc 12 refuses these four in C++20, so they are banned everywhere.
BANNED_NS3 = {
    "ns3/core-module.h", "ns3/singleton.h", "ns3/simulation-singleton.h", "ns3/des-metrics.h",
}  # fmt: skip


def tracked(*patterns: str) -> list[Path]:
    listing = subprocess.run(
        ["git", "ls-files", "--", *patterns], cwd=ROOT, capture_output=True, text=True, check=True
    )
    return [ROOT / line for line in listing.stdout.splitlines() if (ROOT / line).exists()]


def includes(path: Path) -> list[str]:
    return INCLUDE.findall(path.read_text())


@pytest.mark.parametrize("folder", sorted(ARROWS))
def test_the_core_includes_only_what_it_may(folder: str) -> None:
    files = tracked(f"{folder}/*.h", f"{folder}/*.cc")
    assert files, f"{folder} has no sources: the list of folders is out of date"
    for path in files:
        for name in includes(path):
            where = f"{path.relative_to(ROOT)} includes {name}"
            assert not BANNED_IN_CORE.match(name), where
            if name.startswith(("protocol/", "sim/", "bindings/")):
                assert str(Path(name).parent) in ARROWS[folder], where


def test_ns3_stays_inside_sim_and_four_headers_stay_out() -> None:
    for path in tracked("*.h", "*.cc"):
        ns3 = {name for name in includes(path) if name.startswith("ns3/")}
        assert not ns3 & BANNED_NS3, path
        inside = path.relative_to(ROOT).parts[0] == "sim" or "sim" in path.parent.parts
        assert not ns3 or inside, f"{path.relative_to(ROOT)} includes {sorted(ns3)}"


def test_real_sockets_stay_inside_protocol_live() -> None:
    for path in tracked("*.h", "*.cc"):
        asio = [name for name in includes(path) if name.startswith("boost/")]
        inside = path.relative_to(ROOT).as_posix().startswith(("protocol/live/", "tests/live/"))
        assert not asio or inside, f"{path.relative_to(ROOT)} includes {asio}"


def test_protocol_live_includes_only_the_core() -> None:
    for path in tracked("protocol/live/*.h", "protocol/live/*.cc"):
        for name in includes(path):
            assert not name.startswith(("sim/", "bindings/", "ns3/")), (
                f"{path.relative_to(ROOT)} includes {name}"
            )


def test_files_stay_readable() -> None:
    too_long = {}
    for path in tracked("*.h", "*.cc", "*.py"):
        lines = path.read_text().splitlines()
        wide = [n for n, line in enumerate(lines, 1) if len(line) > 100 and "http" not in line]
        assert not wide, f"{path.relative_to(ROOT)}: over 100 columns in lines {wide[:5]}"
        if len(lines) > 450:
            too_long[str(path.relative_to(ROOT))] = len(lines)
    assert not too_long


def test_every_folder_says_what_it_is() -> None:
    folders = {path.parent for path in tracked("*.h", "*.cc", "*.py", "*.md")}
    for folder in folders - {ROOT}:
        top = ROOT / folder.relative_to(ROOT).parts[0]
        readmes = [folder / "README.md", folder.parent / "README.md", top / "README.md"]
        readme = next((r for r in readmes if r.exists()), None)
        assert readme, f"{folder.relative_to(ROOT)} has no README.md"
        if readme.parent != ROOT:
            assert len(readme.read_text().splitlines()) <= 30, (
                f"{readme.relative_to(ROOT)}: over 30 lines"
            )


def test_no_sleep_in_any_test() -> None:
    pattern = re.compile(r"time\.sleep\(|sleep_for\(|usleep\(")
    for path in tracked("tests/*", "scenarios/*.py", "bindings/*", "protocol/*", "sim/*"):
        if path.suffix in {".py", ".h", ".cc"} and path.name != "test_house.py":
            assert not pattern.search(path.read_text()), path.relative_to(ROOT)
