"""What a run reports while it runs; whoever shows it decides how."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass

from evalkit.run import interrupts


@dataclass(slots=True)
class SideProgress:
    """Counters of one role, over all suites of the run."""

    planned: int = 0
    answered: int = 0
    cached: int = 0
    failed: int = 0
    retried: int = 0
    in_flight: int = 0
    input_tokens: int = 0
    output_tokens: int = 0


@dataclass(slots=True)
class Progress:
    """Live counters and a callback that is told when they change."""

    sides: dict[str, SideProgress] = dataclasses.field(default_factory=dict)
    suite: str = ""
    on_change: Callable[[Progress], None] = lambda _: None
    on_note: Callable[[str], None] = lambda _: None
    """Told one sentence at a time: "loading the candidate's model"."""
    on_stop: Callable[[str], None] = interrupts.say
    """Told that the run is stopping; called by a signal's handler, so it must not print."""

    def side(self, role: str) -> SideProgress:
        """The counters of `role`."""
        return self.sides.setdefault(role, SideProgress())

    @property
    def sent(self) -> int:
        """Answers and failures had from the models themselves, cached ones excluded."""
        return sum(s.answered + s.failed - s.cached for s in self.sides.values())
