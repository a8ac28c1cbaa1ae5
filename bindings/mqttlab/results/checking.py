"""Holds reference runs against what their commands make now."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from mqttlab.results import reference
from mqttlab.results.compare import Difference, differences
from mqttlab.results.reference import Reference
from mqttlab.results.workshop import made_again

__all__ = ["Checked", "Finding", "check", "check_kept", "make_again", "update"]

_COMMITS = 50  # of a file that are looked through for what was recorded


@dataclass(frozen=True)
class Finding:
    """A file that is not as it should be, and why."""

    path: Path
    what: str
    differences: tuple[Difference, ...] = ()
    """Between the file and what it should be."""


@dataclass(frozen=True)
class Checked:
    """What came of one run."""

    run: Reference
    findings: tuple[Finding, ...]
    took_s: float | None = None
    """None: it was not made again."""


def check(run: Reference) -> Checked:
    """Makes a run again and compares each of its files."""
    with made_again(run) as remade:
        found = [_compare(run, name, remade.folder / name) for name in run.files]
        if remade.trouble:  # what it has left says more, if there is something
            left = [one for one in found if one and one.differences]
            return Checked(run, (Finding(run.folder, remade.trouble), *left), remade.took_s)
        findings = (*(one for one in found if one), *_pictures(run))
        return Checked(run, findings, remade.took_s)


def check_kept(run: Reference) -> Checked:
    """Holds a run's files against the digests that were taken when it was recorded."""
    found = []
    for name in run.files:
        path, kept = run.folder / name, _read(run.folder / name)
        if kept is None:
            found.append(Finding(path, "is missing"))
        elif changed := _changed(run, name, kept):
            was = _as_recorded(run, name)
            rows = differences(kept, was, name) if was is not None else ()
            found.append(Finding(path, changed, tuple(rows)))
    return Checked(run, (*found, *_pictures(run)))


def make_again(
    runs: Sequence[Reference], jobs: int, told: Callable[[Checked], None]
) -> list[Checked]:
    """Checks several at a time, long ones first; `told` after each."""

    def one(run: Reference) -> Checked:
        checked = check(run)
        told(checked)
        return checked

    with ThreadPoolExecutor(jobs) as pool:
        waiting = [pool.submit(one, run) for run in sorted(runs, key=lambda run: -run.takes_s)]
        try:
            return [future.result() for future in waiting]
        finally:
            for future in waiting:
                future.cancel()


def update(run: Reference) -> list[Path]:
    """Makes a run again, takes what differs, and records it; returns the files that have changed.

    A file that is equal by the rule stays as it is. Errors: RuntimeError in words.
    """
    changed = []
    with made_again(run) as remade:
        if remade.trouble:
            raise RuntimeError(f"{run.command}: {remade.trouble}")
        for name in run.files:
            kept, made = _read(run.folder / name), _read(remade.folder / name)
            if made is None:
                raise RuntimeError(f"{run.command}: has not made {name}")
            if kept is None or differences(kept, made, name):
                (run.folder / name).parent.mkdir(parents=True, exist_ok=True)
                (run.folder / name).write_bytes(made)
                changed.append(run.folder / name)
    reference.record(run, pictures_too=False)
    return changed


def _pictures(run: Reference) -> Iterator[Finding]:
    """Those that show other files than there are."""
    if any(not (run.folder / name).is_file() for name in run.files):
        return  # that is found already
    for name in run.pictures:
        path, known = run.folder / name, run.made.get("pictures", {}).get(name, {})
        data = _read(path)
        if data is None:
            yield Finding(path, "is missing")
        elif known.get("sha256") != reference.digest(data):
            what = "changed since it was recorded" if known else "was not recorded"
            yield Finding(path, f"{what}: --record says that it shows what there is")
        elif known["of"] != reference.shown_sha256(run):
            yield Finding(path, "shows what has changed since: take it again, then --record")


def _compare(run: Reference, name: str, again: Path) -> Finding | None:
    path, kept, made = run.folder / name, _read(run.folder / name), _read(again)
    if kept is None:
        return Finding(path, "is missing")
    if made is None:
        return Finding(path, "is not made by the command any more")
    found, changed = tuple(differences(kept, made, name)), _changed(run, name, kept)
    if kept == made:
        return Finding(path, f"{changed}, though it comes out so") if changed else None
    if found:
        return Finding(path, changed or "comes out otherwise", found)
    return Finding(path, f"{changed}, in what is not compared") if changed else None


def _changed(run: Reference, name: str, data: bytes) -> str:
    """How a file is not the one that was recorded, in words, or ""."""
    digest = run.made.get("sha256", {}).get(name)
    if digest is None:
        return "was not recorded"
    return "" if digest == reference.digest(data) else "changed since it was recorded"


def _read(path: Path) -> bytes | None:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return None


def _as_recorded(run: Reference, name: str) -> bytes | None:
    """A file as it was when it was recorded, if this is a clone that has that yet."""
    path = run.folder / name
    commits = _git(path.parent, "log", f"--max-count={_COMMITS}", "--format=%H", "--", path.name)
    for commit in (commits or b"").decode().split():
        data = _git(path.parent, "show", f"{commit}:./{path.name}")
        if data is not None and not _changed(run, name, data):
            return data
    return None


def _git(folder: Path, *words: str) -> bytes | None:
    try:
        done = subprocess.run(["git", *words], cwd=folder, capture_output=True)
    except OSError:
        return None
    return done.stdout if done.returncode == 0 else None
