"""`mqttlab diff`: what changed between two runs, studies or conformance reports.

Verdicts first, then figures, each with its 95 % interval where there is one, then the first event
in which two traces differ. Of one seed's figures nobody knows what another seed would have given.

Two means over seeds are told as a difference if its own 95 % interval leaves out 0: half of it is
sqrt(a^2 + b^2) of the halves of theirs, as Welch's test has it for as many seeds on both sides, but
with the degrees of freedom of one side, so a little wide. Seeds are taken for independent, even
where both sides have the same; pairs of them would show smaller differences. One in 20 figures
that are equal in truth is told by chance.
"""

from __future__ import annotations

from mqttlab.diff.changes import Change, Changes, changes
from mqttlab.diff.events import FirstEvent, first_event
from mqttlab.diff.sides import Side

__all__ = ["Change", "Changes", "FirstEvent", "Side", "changes", "first_event"]
