"""A fit as a link file (TOML), and its silences as recordings (CSV) beside it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from mqttlab.errors import UsageError
from mqttlab.fit.estimates import Fit, Loss, Silence

__all__ = ["write"]

_NO_LOSS = Loss(0.0, None, 0)


def write(
    out: Path,
    source: str,
    profile: str | None,
    span_s: float,
    silences: Sequence[Silence],
    found: Fit | None,
) -> list[Path]:
    """Writes the files and returns their paths. `found`: None if only silences are known."""
    lines = [f"# Fitted to {' '.join(source.split())}"]
    if profile is not None:
        lines.append(f'profile = "{profile}"')
    if found is not None and found.delay_s is not None:
        lines.append(f'delay = "{found.delay_s * 1e3:.3f}ms"')
        lines.append(f'jitter = "{found.jitter_s * 1e3:.3f}ms"')
    texts: dict[Path, str] = {}
    for way, name in enumerate(("up", "down")):
        loss = found.loss[way] if found else _NO_LOSS
        table = []
        if found is not None and (rate := found.rate_bps[way]) is not None:
            table.append(f'rate = "{rate / 1e3:.3f}kbit/s"')
        share = loss.share
        if loss.burst is not None:
            leave = 1 / loss.burst
            enter = min(share * leave / (1 - share), 1.0)
            table.append(f"burst = {{ good_to_bad = {enter:.6f}, bad_to_good = {leave:.6f} }}")
            share = 0.0
        if silences:
            recording = out.with_suffix(f".{name}.csv" if found else ".csv")
            texts[recording] = _over_time(span_s, silences, share)
            table += [f'trace = "{recording.name}"', "trace_start = 0"]
        elif found is not None:
            table.append(f"loss = {share:.6f}")
        if table:
            lines += [f"[{name}]", *table]
    texts[out] = "\n".join(lines) + "\n"
    try:
        for path, text in texts.items():
            path.write_text(text, "utf-8")
    except OSError as error:
        raise UsageError(
            f"fit: cannot write {str(error.filename)!r}: {error.strerror}; name another --out"
        ) from None
    return list(texts)


def _over_time(span_s: float, silences: Sequence[Silence], share: float) -> str:
    """A recording of loss: all is lost in silences."""
    rows = [(0.0, share)]
    for silence in silences:
        rows = [row for row in rows if row[0] < silence.begin_s]
        rows += [(silence.begin_s, 1.0), (silence.end_s, share)]
    rows = [row for row in rows if row[0] < span_s]
    # The last row of a recording lasts as long as that before it: so it ends with the span.
    begin, last = rows[-1]
    rows.append(((begin + span_s) / 2, last))
    return "time_s,loss\n" + "".join(f"{at:.3f},{loss:.6g}\n" for at, loss in rows)
