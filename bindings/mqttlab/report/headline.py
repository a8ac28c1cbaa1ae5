"""The verdict in words: one title, one sentence, from the figures alone."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from mqttlab.figures import UNEXPLAINED

__all__ = ["Headline", "headline"]


@dataclass(frozen=True)
class Headline:
    """What a reader sees first."""

    status: str  # "pass", "fail", "partial" or "moot"
    title: str
    sentence: str


def headline(found: Mapping[str, Any]) -> Headline:
    """The verdict on a run's figures (as in run.json)."""
    broken = [v["invariant"] for v in found["verdicts"] if v["status"] == "fail"]
    broken = broken or sorted({v["invariant"] for v in found["violations"]})
    if broken:
        count = len(found["violations"])
        return Headline(
            "fail",
            f"{', '.join(broken)} violated.",
            f"{_number(count, 'finding')} in {found['virtual_s'] / 60:.1f} "
            f"{'' if found['target'] else 'virtual '}minutes. "
            + _aimed_at_nobody(found)
            + _promises(found),
        )
    if found["interrupted"]:
        is_full = found["ending"] == "trace_full"
        return Headline(
            "partial",
            f"{'Trace full' if is_full else 'Interrupted'}, no violation so far.",
            f"Stopped at {found['virtual_s']:.0f} s of {found['until_s']:.0f} s; what is "
            "shown is valid up to there. " + _promises(found),
        )
    if found["unjudged"]:
        return Headline("moot", "Not judged.", f"{_sentence(found['unjudged'])} {_promises(found)}")
    moot = [v["invariant"] for v in found["verdicts"] if v["status"] == "not_applicable"]
    if moot:
        all_of_it = len(moot) == len(found["verdicts"])
        return Headline(
            "moot",
            "Not applicable." if all_of_it else f"{', '.join(moot)} not applicable.",
            f"{found['not_applicable'][-1]['what']}: {found['not_applicable'][-1]['why']}."
            if all_of_it
            else _promises(found),
        )
    held = sum(v["status"] == "pass" for v in found["verdicts"])
    kept = f"{_number(held, 'invariant')} {'holds' if held == 1 else 'hold'}"
    return Headline("pass", f"No violation. {kept}.", _promises(found))


def _aimed_at_nobody(found: Mapping[str, Any]) -> str:
    """Names in a schedule of faults, often misspelt; "" if there are all of them."""
    names = {name for one in found["faults"] for step in one for name in step["missing"]}
    return f"A fault is for a device that never was: {', '.join(sorted(names))}. " if names else ""


def _promises(found: Mapping[str, Any]) -> str:
    """What became of the messages at the persistent subscriber, else at the clean one."""
    if not found["fingerprint"]:
        return "What became of messages is not known."
    levels = found["qos"] or found["qos_clean_subscriber"]
    if not levels and found["target"] and found["target"]["transport"] != "tcp":
        return "What became of messages cannot be seen inside TLS and WebSocket."
    if not levels:
        return "Nobody subscribed to anything."
    zero, one, two = (levels[level] for level in "012")
    parts = []
    if one["published"]:
        parts.append(f"QoS 1 {_lost(one)}")
    if two["published"]:
        parts.append(f"QoS 2 {_lost(two)} and repeated {two['duplicates']:,}")
    if found["wills_due"] and found["subscriber"]:
        due = _number(found["wills_due"], "due will")
        parts.append(f"{found['wills_delivered']:,} of {due} came")
    if zero["published"]:
        share = 100 * zero["lost"] / zero["published"]
        parts.append(f"QoS 0 lost {share:.1f} % of {zero['published']:,}")
    if not parts:
        return "Nothing was published."
    open_ends = sum(level["lost_by_reason"].get(UNEXPLAINED, 0) for level in levels.values())
    verb = "loss is" if open_ends == 1 else "losses are"
    named = f"{open_ends:,} {verb} unexplained" if open_ends else "each with a named reason"
    return "; ".join(parts) + (f", {named}." if zero["lost"] or open_ends else ".")


def _lost(level: Mapping[str, Any]) -> str:
    """What was lost of what was accepted, with the most frequent of the reasons that are known."""
    lost = f"lost {level['lost']:,} of {level['accepted']:,}"
    reasons = {why: n for why, n in level["lost_by_reason"].items() if why != UNEXPLAINED}
    if not reasons:
        return lost
    why, count = max(reasons.items(), key=lambda reason: reason[1])
    plain = why.replace(" (", ": ").replace(")", "")
    return f"{lost} ({plain})" if count == level["lost"] else f"{lost} ({count:,} of them: {plain})"


def _sentence(words: str) -> str:
    return f"{words[0].upper()}{words[1:]}: whether MQTT kept its promises is not known."


def _number(count: int, noun: str) -> str:
    return f"{count:,} {noun}" + ("" if count == 1 else "s")
