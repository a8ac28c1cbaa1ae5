"""What waiting costs: real time on real sockets, nothing in virtual time."""

from __future__ import annotations

from dataclasses import dataclass, replace

__all__ = ["IMPAIRED", "LIVE", "PROGRAMS", "VIRTUAL", "Times"]


@dataclass(frozen=True)
class Times:
    """How long a case waits for what."""

    patience_s: float  # for what should come
    quiet_s: float  # for what should not, after a barrier
    unit_s: int  # keep alives, expiries and delays are multiples of this
    slack_s: float  # how late a target's timers may be
    sweep_s: float  # how late it may notice that a client is silent
    early_s: float  # how early, by the clocks of both ends
    welcome_s: float = 0.0  # until it ends a client from which no valid CONNECT comes, at most
    limit_s: float = 60.0  # for one case
    look_s: float = 0.01  # between two looks at several peers
    parting_s: float = 0.0  # until a target that a client has left knows that, at most
    punctual_s: float = 0.5  # how late a client may be with what keeps its connection alive
    clock: str = "real"  # or "virtual"


# Seconds are whole in MQTT, so 1 s is the shortest keep alive. Timers of brokers that tick once a
# second are up to that late; some look for silent clients every 5 s, and 3.1.2.10 lets them; some
# end a client whose CONNECT is none only with their time for it, often 10 s; one sends again only
# 5 s after its client is back.
LIVE = Times(
    patience_s=7.0, quiet_s=0.15, unit_s=1, slack_s=2.0, sweep_s=7.0, early_s=0.2, welcome_s=12.0,
    parting_s=0.5,
)  # fmt: skip

# A client is a process of its own, one of several that start all the time.
PROGRAMS = replace(LIVE, patience_s=5.0)

# In virtual time nothing costs anything, and a target's timers are late by its link's delay alone.
VIRTUAL = Times(
    patience_s=120.0, quiet_s=20.0, unit_s=60, slack_s=0.1, sweep_s=0.1, early_s=0.1,
    limit_s=3600.0, look_s=0.25, parting_s=60.0, punctual_s=0.1,
    clock="virtual",
)  # fmt: skip
# What a lossy link repeats, and how late it is with it, is not the target's doing.
IMPAIRED = replace(VIRTUAL, slack_s=30.0, sweep_s=30.0, early_s=10.0, punctual_s=30.0)
