"""`mqttlab diff`: what changed between two runs, studies or conformance reports.

Verdicts first, then figures, each with its 95 % interval where there is one, then the first event
in which two traces differ. Of one seed's figures nobody knows what another seed would have given;
where intervals overlap, the seeds show no difference, and that is what is said.
"""

from __future__ import annotations

from mqttlab.diff.changes import Change, Changes, changes
from mqttlab.diff.events import FirstEvent, first_event
from mqttlab.diff.sides import Side

__all__ = ["Change", "Changes", "FirstEvent", "Side", "changes", "first_event"]
