"""The reference runs of a folder: how each is made, and what it was made with."""

from __future__ import annotations

import hashlib
import json
import shlex
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mqttlab import machine
from mqttlab.errors import UsageError

__all__ = [
    "MADE", "MANIFEST", "Reference", "chosen", "load", "record", "shown_sha256", "strangers",
    "unknown",
]  # fmt: skip

MANIFEST = "reference.toml"
MADE = "made.json"
_OF_A_RUN: Mapping[str, tuple[type, ...]] = {
    "shows": (str,), "command": (str,), "files": (list,), "takes_s": (int, float), "folder": (str,),
    "recorded": (str,), "beside": (list,),
}  # fmt: skip
_WORDS: Mapping[type, str] = {
    str: "a text", list: "a list of texts", int: "a number of seconds",
}  # fmt: skip
_NEEDED = ("shows", "command", "files")


@dataclass(frozen=True)
class Reference:
    """A run whose files are kept."""

    name: str
    """Its folder below the folder of all results: "conformance/mosquitto"."""
    top: Path
    """The folder of all results."""
    manifest: Path
    shows: str
    command: str
    files: tuple[str, ...]
    """Paths below `folder`."""
    takes_s: float = 0.0
    recorded: str = ""
    """Why `--check` does not make it again, or ""."""
    beside: tuple[str, ...] = ()

    @property
    def folder(self) -> Path:
        """Where its files are."""
        return self.top / self.name

    @property
    def made(self) -> dict[str, Any]:
        """What `record` has left: `versions`, `machine`, `sha256` by file, and of `pictures` theirs
        and that `of` the files that each shows; empty without it."""
        found: dict[str, Any] = _read_made(self.manifest.parent / MADE).get(self.name, {})
        return found

    @property
    def pictures(self) -> list[str]:
        """Those `beside` that somebody has taken of what the run leaves."""
        return [name for name in self.beside if name.endswith(".png")]

    def words(self) -> list[str]:
        """The command's."""
        return shlex.split(self.command)


def load(top: Path) -> list[Reference]:
    """All runs below a folder, by name. Errors: UsageError naming file and field."""
    manifests = sorted(top.rglob(MANIFEST))
    if not manifests:
        raise UsageError(
            f"results: no {MANIFEST} below {str(top)!r}; stand at the top of a clone, or name "
            "--folder DIR"
        )
    found: dict[str, Reference] = {}
    for path in manifests:
        for one in _of_manifest(path, top):
            if one.name in found:
                raise UsageError(f"{path}: two runs in folder {one.name!r}; give each its own")
            found[one.name] = one
    return [found[name] for name in sorted(found)]


def chosen(runs: Sequence[Reference], names: Sequence[str]) -> list[Reference]:
    """Those of these names, or in folders of these names; all if none is named."""
    for name in names:
        if not any(_is_in(one, name) for one in runs):
            known = ", ".join(one.name for one in runs)
            raise UsageError(f"results: no run {name!r}; there are {known}")
    return [one for one in runs if not names or any(_is_in(one, name) for name in names)]


def _is_in(run: Reference, name: str) -> bool:
    return run.name == name.rstrip("/") or run.name.startswith(name.rstrip("/") + "/")


def _of_manifest(path: Path, top: Path) -> Iterator[Reference]:
    try:
        data = tomllib.loads(path.read_text("utf-8"))
    except OSError as error:
        raise UsageError(f"{path}: cannot be read: {error.strerror}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UsageError(f"{path}: no TOML: {error}") from None
    runs = data.pop("run", None)
    if data or not isinstance(runs, list):
        raise UsageError(f"{path}: write [[run]] for each run, and nothing else")
    for number, one in enumerate(runs, 1):
        _check(one, f"{path}: run {number}")
        folder = path.parent / one.get("folder", "")
        yield Reference(
            name=folder.relative_to(top).as_posix(),
            top=top,
            manifest=path,
            shows=one["shows"],
            command=one["command"],
            files=tuple(one["files"]),
            takes_s=float(one.get("takes_s", 0)),
            recorded=one.get("recorded", ""),
            beside=tuple(one.get("beside", ())),
        )


def _check(run: Mapping[str, Any], where: str) -> None:
    for key, value in run.items():
        if key not in _OF_A_RUN:
            raise UsageError(f"{where}: {key}: no such key; there are {', '.join(_OF_A_RUN)}")
        kinds = _OF_A_RUN[key]
        fits = isinstance(value, kinds) and not isinstance(value, bool)
        if not fits or (kinds == (list,) and not all(isinstance(one, str) for one in value)):
            wanted = _WORDS[kinds[0]]
            raise UsageError(f"{where}: {key} = {value!r}; write {wanted}")
    for key in _NEEDED:
        if not run.get(key):
            raise UsageError(f"{where}: {key} is missing")
    if bool(run.get("recorded")) == ("takes_s" in run):
        raise UsageError(f"{where}: write takes_s = SECONDS, or recorded = WHY")
    try:
        shlex.split(run["command"])
    except ValueError as error:
        raise UsageError(f"{where}: command: {error}") from None


def digest(data: bytes) -> str:
    """As made.json has it."""
    return hashlib.sha256(data).hexdigest()


def record(run: Reference, *, pictures_too: bool = True) -> bool:
    """Takes the digests of a run's files as they are into made.json, with versions and machine.

    `pictures_too`: all show these files; else only those do of which nothing is known yet. False:
    all was there. Errors: UsageError if a file is missing.
    """
    digests: dict[str, Any] = {"sha256": {name: _digest_of(run, name) for name in run.files}}
    if run.pictures:
        digests["pictures"] = {name: _picture(run, name, pictures_too) for name in run.pictures}
    if all(run.made.get(key) == found for key, found in digests.items()):
        return False
    path = run.manifest.parent / MADE
    every = _read_made(path)
    every[run.name] = {
        "versions": machine.simulator_versions(),
        "machine": machine.machine(),
        **digests,
    }
    text = json.dumps(dict(sorted(every.items())), indent=1, ensure_ascii=False)
    path.write_text(text + "\n", "utf-8")
    return True


def shown_sha256(run: Reference) -> str:
    """Of all files of a run together, which a picture shows. Errors: UsageError: one is missing."""
    return digest("".join(_digest_of(run, name) for name in run.files).encode())


def _digest_of(run: Reference, name: str) -> str:
    try:
        return digest((run.folder / name).read_bytes())
    except OSError as error:
        raise UsageError(f"{run.folder / name}: {error.strerror}; {run.command}") from None


def _picture(run: Reference, name: str, anew: bool) -> dict[str, str]:
    known = run.made.get("pictures", {}).get(name)
    if known and not anew:
        return dict(known)
    return {"sha256": _digest_of(run, name), "of": shown_sha256(run)}


def strangers(runs: Sequence[Reference], top: Path) -> list[Path]:
    """Files below a folder of which no run says how they were made. READMEs are by hand."""
    known = {one.folder / name for one in runs for name in (*one.files, *one.beside)}
    by_rule = {MANIFEST, MADE, "README.md"}
    files = (path for path in sorted(top.rglob("*")) if path.is_file())
    return [path for path in files if path not in known and path.name not in by_rule]


def unknown(runs: Sequence[Reference]) -> Iterator[str]:
    """What a made.json beside these runs' manifests has of no run or no file, in lines."""
    known = {one.name: one for one in runs}
    for path in sorted({one.manifest.parent / MADE for one in runs}):
        for name, made in _read_made(path).items():
            one = known.get(name)
            if one is None or one.manifest.parent != path.parent:
                yield f"{path}: {name}: {MANIFEST} beside it has no such run"
                continue
            for key, files in (("sha256", one.files), ("pictures", one.beside)):
                for file in made.get(key, {}):
                    if file not in files:
                        yield f"{path}: {name}: {MANIFEST} has no file {file}"


def _read_made(path: Path) -> dict[str, Any]:
    if not path.exists():
        return {}
    try:
        found = json.loads(path.read_text("utf-8"))
    except ValueError as error:
        raise UsageError(f"{path}: no JSON: {error}; mqttlab results --record writes it") from None
    if not isinstance(found, dict):
        raise UsageError(f"{path}: is no object; mqttlab results --record writes it")
    return found
