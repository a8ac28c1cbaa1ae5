"""`python -m mqttlab.validation`: what is compared, what was recorded for it, a lossy fleet."""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from pathlib import Path
from typing import Any

from mqttlab import __version__, exits
from mqttlab.errors import Error, UsageError
from mqttlab.validation import comparison, pages, recording, seoane, side_by_side, tail

RECORDED = Path("results/validation/live/recorded.json")


def compare(recorded_path: Path, directory: Path) -> None:
    """Writes validation.json, tables.md and plot.svg. Errors: UsageError for what is no record."""
    recorded = _read(recorded_path)
    live = recorded["side_by_side"]
    runs, beside = {}, {}
    with tempfile.TemporaryDirectory() as scratch:
        for name in seoane.PUBLISHED:
            capture = Path(scratch) / f"{name}.pcap"
            runs[name] = side_by_side.play(transport=name, pcap=capture)
            beside[name] = comparison.against_live(runs[name], capture, live[name])
    result = runs["tcp"]
    found = {
        "command": "python -m mqttlab.validation compare --out results/validation/simulated",
        "seed": side_by_side.SEED,
        "versions": {"mqttlab": __version__, **result.versions},
        "recorded": {key: recorded[key] for key in ("versions", "messages")},
        "published": comparison.against_published(recorded),
        "fingerprint": result.fingerprint,
        "live": beside,
    }
    delays = live["tcp"]["delays_s"]
    drawing = pages.plot(
        side_by_side.delays_s(result),
        side_by_side.delays_s(result, on_pubrel=True),
        {int(qos): delays[qos] for qos in delays},
    )
    directory.mkdir(parents=True, exist_ok=True)
    (directory / "validation.json").write_text(json.dumps(found, indent=1) + "\n")
    (directory / "tables.md").write_text(pages.markdown(found))
    (directory / "plot.svg").write_text(drawing)


def _read(path: Path) -> dict[str, Any]:
    try:
        found: dict[str, Any] = json.loads(path.read_text("utf-8"))
        for transport in seoane.PUBLISHED:
            found["exchanges"][transport], found["side_by_side"][transport]
    except (OSError, ValueError, KeyError, TypeError) as error:
        why = f"it has no {error}" if isinstance(error, KeyError) else error
        raise UsageError(
            f"validation: --recorded {str(path)!r}: {why}; give what "
            "`python -m mqttlab.validation record` has written"
        ) from None
    return found


def main(words: list[str] | None = None) -> int:
    """The command line; returns the exit code."""
    parser = argparse.ArgumentParser("python -m mqttlab.validation", description=__doc__)
    verbs = parser.add_subparsers(dest="verb", required=True)
    comparing = verbs.add_parser("compare", help="simulates, and writes what is like the record")
    comparing.add_argument("--recorded", type=Path, default=RECORDED, metavar="FILE")
    noting = verbs.add_parser("record", help="measures mosquitto on this machine (4 minutes)")
    slowest = verbs.add_parser("tail", help="simulates a lossy fleet under both TCP profiles")
    for verb in (comparing, noting, slowest):
        verb.add_argument("--out", type=Path, required=True, metavar="DIR")
    said = parser.parse_args(words)
    try:
        if said.verb == "compare":
            compare(said.recorded, said.out)
        elif said.verb == "tail":
            tail.write(said.out)
        else:
            recording.record(said.out)
    except UsageError as error:
        print(error, file=sys.stderr)
        return exits.USAGE
    except (Error, OSError) as error:
        print(error, file=sys.stderr)
        return exits.TROUBLE
    except KeyboardInterrupt:
        return exits.INTERRUPTED
    return exits.OK


if __name__ == "__main__":
    sys.exit(main())
