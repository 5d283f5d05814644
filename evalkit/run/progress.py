"""What a run reports while it runs; whoever shows it decides how."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping

from msgspec import Struct, field

from evalkit.run import interrupts


class SideProgress(Struct):
    """Counters of one role, over all suites of the run."""

    planned: int = 0
    answered: int = 0
    cached: int = 0
    fresh: int = 0
    """Of those answered, what the model itself said in this session of the run."""
    is_proven: bool = False
    """Its server answered before that in this session, at the check that both sides are two models."""
    failed: int = 0
    retried: int = 0
    refusal: str = ""
    """Why the last attempt that is to be tried again failed."""
    in_flight: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    usd: float = 0.0
    """What the answers had so far cost, where their price and their tokens are known."""


class Wait(Struct, frozen=True, kw_only=True):
    """Why nothing is sent to one place for now."""

    until: float
    """Unix time, seconds."""
    why: str
    """"the server asked for 600 s (429)"."""

    def __str__(self) -> str:
        return f"{self.why}, waiting until {time.strftime('%H:%M:%S', time.localtime(self.until))}"


class Progress(Struct):
    """Live counters and a callback that is told when they change."""

    sides: dict[str, SideProgress] = field(default_factory=dict)
    suite: str = ""
    waits: dict[str, Wait] = field(default_factory=dict)
    """Place ("candidate (https://host/v1)") → its last wait, which may be over."""
    engine: str = ""
    """What the engines do just now, where they say: "engine: 120 tokens/s, 32 running"."""
    on_change: Callable[[Progress], None] = lambda _: None
    on_note: Callable[[str], None] = lambda _: None
    """Told one sentence at a time: "loading the candidate's model"."""
    on_stop: Callable[[str], None] = interrupts.say
    """Told that the run is stopping; called by a signal's handler, so it must not print."""

    def side(self, role: str) -> SideProgress:
        """The counters of `role`."""
        return self.sides.setdefault(role, SideProgress())

    def wait(self, place: str, wait: Wait) -> None:
        """Notes that `place` is left alone for a while, and says so."""
        self.waits[place] = wait
        self.on_note(f"{place}: {wait}")

    def waiting(self, now: float) -> Mapping[str, Wait]:
        """The waits that last at `now` (Unix time, seconds), by place."""
        return {place: wait for place, wait in list(self.waits.items()) if wait.until > now}

    @property
    def sent(self) -> int:
        """Answers and failures had from the models themselves, cached ones excluded."""
        return sum(s.answered + s.failed - s.cached for s in self.sides.values())
